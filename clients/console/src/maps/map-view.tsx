/** Map of a scene: labels or confidence, over them another map or the truth, to the right of a slider. */
import type OlMap from 'ol/Map.js';
import type Layer from 'ol/layer/Layer.js';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { confidenceColors, pixelColor } from '../raster/colors.js';
import { paint, pictureLayer, rasterLayer } from '../raster/layers.js';
import { createPixelMap, pixelAt } from '../raster/pixel-map.js';
import { showRightOf } from '../raster/swipe.js';
import type { OpenMap } from './open-map.js';

export interface MapViewOptions {
  readonly map: OpenMap;
  readonly shows: 'classes' | 'confidence';
  /** Right of the slider: another map of the same scene, or the truth. */
  readonly other?: OpenMap | Uint8Array | undefined;
  /** Position of the slider, 0 to 100. */
  readonly swipe: number;
  /** Opacity, 0 to 100. */
  readonly opacity: number;
  /** Numbers of classes that are switched off. */
  readonly hidden: ReadonlySet<number>;
  /** Picture of the scene below the map. */
  readonly below?: HTMLCanvasElement | undefined;
  readonly onPixel: (row: number, column: number) => void;
}

export function MapView(options: MapViewOptions): JSX.Element {
  const { map, shows, other, below, hidden } = options;
  const element = useRef<HTMLDivElement>(null);
  const shown = useRef<OlMap>(undefined);
  const layers = useRef<readonly Layer[]>([]);
  // Layers and listeners read the newest options.
  const current = useRef(options);
  current.current = options;
  const { height, width } = map.job;
  const layered = [map, shows, other, below, hidden];

  // One map for all layers: a click takes effect a moment later, and is lost when the map has gone by then.
  useEffect(() => {
    const size = { height, width };
    const drawn = createPixelMap(element.current!, size, []);
    drawn.on('singleclick', ({ coordinate }) => {
      const pixel = pixelAt(coordinate, size);
      if (pixel !== undefined) current.current.onPixel(pixel.row, pixel.column);
    });
    shown.current = drawn;
    return () => {
      drawn.setTarget(undefined);
      shown.current = undefined;
    };
  }, [height, width]);

  useEffect(() => {
    const first = layerOf(map, shows, hidden);
    const ground = below === undefined ? [] : [pictureLayer(below, { height, width })];
    layers.current = [first];
    if (other !== undefined) {
      const second = other instanceof Uint8Array ? truthLayer(map, other, hidden) : layerOf(other, shows, hidden);
      showRightOf(second, () => current.current.swipe / 100);
      layers.current = [first, second];
    }
    shown.current?.setLayers([...ground, ...layers.current]);
  }, layered);

  useEffect(() => {
    for (const layer of layers.current) layer.setOpacity(options.opacity / 100);
  }, [options.opacity, ...layered]);
  useEffect(() => shown.current?.render(), [options.swipe]);

  return (
    <div
      ref={element}
      class="map"
      role="group"
      aria-label={`Map of ${map.title}. Use the arrow keys to move, plus and minus to zoom, Enter for the pixel in the middle.`}
      tabIndex={0}
      onKeyDown={(event) => {
        const drawn = shown.current;
        if (event.key !== 'Enter' || drawn === undefined) return;
        const pixel = pixelAt(drawn.getView().getCenter()!, map.job);
        if (pixel !== undefined) options.onPixel(pixel.row, pixel.column);
      }}
    />
  );
}

type Hidden = ReadonlySet<number>;

function layerOf(map: OpenMap, shows: MapViewOptions['shows'], hidden: Hidden): Layer {
  if (shows === 'confidence') {
    const colors = confidenceColors();
    return rasterLayer(map.confidence, () => colors);
  }
  return rasterLayer(map.labels, () => {
    const colors = new Uint32Array(65_536);
    for (const { value, number, color } of map.classes) if (!hidden.has(number)) colors[value] = pixelColor(color);
    return colors;
  });
}

function truthLayer({ classes, job }: OpenMap, truth: Uint8Array, hidden: Hidden): Layer {
  const colors = new Uint32Array(256).fill(pixelColor(0xffffff));
  for (const { number, color } of classes) colors[number] = pixelColor(hidden.has(number) ? 0xffffff : color);
  return pictureLayer(paint(truth, job, colors), job);
}
