/** Map of OpenLayers in pixel coordinates: x is the column, y the negative row. */
import OlMap from 'ol/Map.js';
import View from 'ol/View.js';
import type BaseLayer from 'ol/layer/Base.js';
import { defaults as defaultControls } from 'ol/control/defaults.js';
import Projection from 'ol/proj/Projection.js';
import 'ol/ol.css';

export interface RasterSize {
  readonly height: number;
  readonly width: number;
}

/** Returns the extent of a raster. */
export function extentOf({ height, width }: RasterSize): [number, number, number, number] {
  return [0, -height, width, 0];
}

const projections = new Map<string, Projection>();
/** Returns the projection of a raster's pixels. */
export function pixelProjection(size: RasterSize): Projection {
  const code = `pixels-${size.width}-${size.height}`;
  const found = projections.get(code) ?? new Projection({ code, units: 'pixels', extent: extentOf(size) });
  projections.set(code, found);
  return found;
}

/** Makes a map of a raster in an element, which shows all of it. */
export function createPixelMap(target: HTMLElement, size: RasterSize, layers: BaseLayer[]): OlMap {
  const extent = extentOf(size);
  const map = new OlMap({
    target,
    layers,
    controls: defaultControls({ attribution: false, rotate: false }),
    view: new View({
      projection: pixelProjection(size),
      center: [size.width / 2, -size.height / 2],
      resolution: Math.max(size.height, size.width) / 400,
      minResolution: 1 / 32,
      // A whole number of halvings above the lowest resolution, which OpenLayers would round up otherwise.
      maxResolution: 2 ** Math.ceil(Math.log2(Math.max(size.height, size.width) / 64)),
      enableRotation: false,
      showFullExtent: true,
      smoothExtentConstraint: false,
      smoothResolutionConstraint: false,
    }),
  });
  const view = map.getView();
  const placeOfView = (): string => JSON.stringify([view.getCenter(), view.getResolution()]);
  let fitted: string | undefined;
  const fit = (): void => {
    view.fit(extent, { size: map.getSize(), padding: [8, 8, 8, 8] });
    fitted = placeOfView();
  };
  fit();
  // A window that changes its size, as a phone that is turned, still shows the whole raster, unless the user has moved
  // the view.
  map.on('change:size', () => {
    if (placeOfView() === fitted) fit();
  });
  return map;
}

/** Returns the pixel at a coordinate; undefined outside of the raster. */
export function pixelAt(
  [x, y]: readonly number[],
  { height, width }: RasterSize,
): { readonly row: number; readonly column: number } | undefined {
  const [row, column] = [Math.floor(-y!), Math.floor(x!)];
  return row >= 0 && row < height && column >= 0 && column < width ? { row, column } : undefined;
}
