/** Picture of a scene with labels over it, on which a user draws. */
import type OlMap from 'ol/Map.js';
import Feature from 'ol/Feature.js';
import Point from 'ol/geom/Point.js';
import Polygon from 'ol/geom/Polygon.js';
import Draw from 'ol/interaction/Draw.js';
import VectorLayer from 'ol/layer/Vector.js';
import VectorSource from 'ol/source/Vector.js';
import Circle from 'ol/style/Circle.js';
import Fill from 'ol/style/Fill.js';
import Stroke from 'ol/style/Stroke.js';
import Style from 'ol/style/Style.js';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { cssColor, pixelColor } from '../raster/colors.js';
import { paint, pictureLayer } from '../raster/layers.js';
import { createPixelMap, pixelAt, type RasterSize } from '../raster/pixel-map.js';
import type { DrawnShape } from './drawn-shape.js';
import type { Quicklook } from './quicklook.js';

export type Tool = 'look' | 'point' | 'polygon';

export interface SceneViewOptions {
  readonly name: string;
  readonly size: RasterSize;
  readonly quicklook: Quicklook;
  /** Labels of the window that the quicklook shows; undefined for none. */
  readonly labels?: Uint8Array | undefined;
  /** Colours of classes, 0xRRGGBB, from class 1 on. */
  readonly colors: readonly number[];
  readonly tool: Tool;
  readonly shapes: readonly DrawnShape[];
  readonly onShape: (kind: DrawnShape['kind'], corners: DrawnShape['corners']) => void;
  readonly onPixel: (row: number, column: number) => void;
}

/** Opacity of labels over the picture. */
const labelOpacity = 0.65;

export function SceneView(options: SceneViewOptions): JSX.Element {
  const { name, size, quicklook, labels, colors, tool, shapes } = options;
  const element = useRef<HTMLDivElement>(null);
  const shown = useRef<{ map: OlMap; drawn: VectorSource } | undefined>(undefined);
  const current = useRef(options);
  current.current = options;
  useEffect(() => {
    const drawn = new VectorSource();
    const layers = [pictureLayer(quicklook.picture, size, quicklook.window)];
    if (labels !== undefined) {
      const palette = Uint32Array.from({ length: 256 }, (_, label) =>
        label === 0 ? 0 : pixelColor(colors[label - 1] ?? 0xffffff),
      );
      const layer = pictureLayer(paint(labels, quicklook.window, palette), size, quicklook.window);
      layer.setOpacity(labelOpacity);
      layers.push(layer);
    }
    const map = createPixelMap(element.current!, size, [...layers, new VectorLayer({ source: drawn })]);
    map.on('singleclick', ({ coordinate }) => {
      const pixel = pixelAt(coordinate, size);
      if (pixel !== undefined && current.current.tool === 'look') current.current.onPixel(pixel.row, pixel.column);
    });
    shown.current = { map, drawn };
    return () => {
      map.setTarget(undefined);
      shown.current = undefined;
    };
  }, [quicklook, labels, size]);
  useEffect(() => {
    const map = shown.current?.map;
    if (map === undefined || tool === 'look') return undefined;
    const draw = new Draw({ type: tool === 'point' ? 'Point' : 'Polygon', source: new VectorSource() });
    draw.on('drawend', ({ feature }) => {
      const geometry = feature.getGeometry();
      const corners =
        geometry instanceof Point
          ? [geometry.getCoordinates()]
          : geometry instanceof Polygon
            ? geometry.getCoordinates()[0]!.slice(0, -1)
            : [];
      current.current.onShape(
        tool,
        corners.map(([x, y]) => [x!, -y!] as const),
      );
    });
    map.addInteraction(draw);
    return () => void map.removeInteraction(draw);
  }, [tool, quicklook, labels, size]);
  useEffect(() => {
    const source = shown.current?.drawn;
    source?.clear();
    source?.addFeatures(shapes.map((shape) => featureOf(shape, colors)));
  }, [shapes, colors, quicklook, labels, size]);
  return (
    <div
      ref={element}
      class="map"
      role="group"
      aria-label={`Scene ${name}. Use the arrow keys to move, plus and minus to zoom.`}
      tabIndex={0}
    />
  );
}

function featureOf({ kind, corners, label, side }: DrawnShape, colors: readonly number[]): Feature {
  const color = label === 0 ? '#ffffff' : cssColor(colors[label - 1]);
  const stroke = new Stroke({ color: '#000000', width: 1.5 });
  const fill = new Fill({ color: `${color}99` });
  const places = corners.map(([column, row]) => [column, -row]);
  const feature = new Feature(kind === 'polygon' ? new Polygon([[...places, places[0]!]]) : new Point(places[0]!));
  feature.setStyle(
    new Style({ stroke, fill, image: new Circle({ radius: 4 + side, stroke, fill: new Fill({ color }) }) }),
  );
  return feature;
}
