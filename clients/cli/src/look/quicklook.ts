import { completeClasses, drawQuicklook, stretch } from '@hyperswap/map';
import type { Scene } from '@hyperswap/proto';
import { openRaster, type NumericArray } from '@hyperswap/raster';
import { failure } from '@hyperswap/errors';
import { readLabelMap } from '../labels.js';
import type { Session } from '../session.js';
import type { ChosenBands } from './choose-bands.js';
import { readBands } from './read-bands.js';

/** Longest side of a picture in pixels. */
const longestSide = 2000;

/** Labels over a picture: a label map of the scene, or a raster file of its size, as `labels.tif` of a map. */
export type Overlay = { readonly labelMap: string } | { readonly file: string };

/**
 * Draws a scene. Of large scenes every k-th pixel of every k-th row is drawn.
 *
 * @returns a PNG
 * @throws FIELD_INVALID, SCENE_CHANGED
 */
export async function makeQuicklook(
  session: Session,
  scene: Scene,
  { bands, reason }: ChosenBands,
  overlay: Overlay | undefined,
): Promise<Buffer> {
  const { height, width } = scene.raster!;
  const step = Math.max(1, Math.ceil(Math.max(height, width) / longestSide));
  const size = { height: Math.ceil(height / step), width: Math.ceil(width / step) };
  const pixels = size.height * size.width;
  const planes = bands.map(() => new Float32Array(pixels));
  const mask = new Uint8Array(pixels);
  const rows = step === 1 ? [undefined] : everyRow(height, width, step);
  for (const window of rows) {
    for await (const block of readBands(session, scene, bands, window)) {
      forEachPixel(block.window, step, (row, column, pixel) => {
        const place = (row / step) * size.width + column / step;
        mask[place] = block.mask[pixel]!;
        planes.forEach((plane, channel) => (plane[place] = block.values[pixel * bands.length + channel]!));
      });
    }
  }
  const stretched = planes.map((plane) => stretch(plane, mask));
  const colors = Uint8ClampedArray.from({ length: pixels * 3 }, (_, i) => stretched[i % 3]![Math.floor(i / 3)]!);
  const labels = overlay && thin(await readOverlay(session, scene, overlay), { height, width }, step);
  const classes = completeClasses(scene.classes, Math.max(0, ...(labels === undefined ? [] : new Set(labels))));
  return drawQuicklook({ ...size, colors, labels, classes, title: `${scene.name}, ${reason}` });
}

function everyRow(
  height: number,
  width: number,
  step: number,
): { row: number; column: number; height: number; width: number }[] {
  return Array.from({ length: Math.ceil(height / step) }, (_, index) => ({
    row: index * step,
    column: 0,
    height: 1,
    width,
  }));
}

/** Calls back for every k-th pixel of every k-th row of a window. */
function forEachPixel(
  window: { readonly row: number; readonly column: number; readonly height: number; readonly width: number },
  step: number,
  use: (row: number, column: number, pixel: number) => void,
): void {
  for (let row = Math.ceil(window.row / step) * step; row < window.row + window.height; row += step) {
    for (let column = Math.ceil(window.column / step) * step; column < window.column + window.width; column += step) {
      use(row, column, (row - window.row) * window.width + column - window.column);
    }
  }
}

/** @returns `[height, width]` @throws FIELD_INVALID, and errors of reading a file */
async function readOverlay(session: Session, scene: Scene, overlay: Overlay): Promise<Uint8Array> {
  if ('labelMap' in overlay) return readLabelMap(session, scene, overlay.labelMap);
  const { height, width } = scene.raster!;
  const raster = await openRaster(overlay.file, { content: 'labels' });
  try {
    const found = raster.info;
    if (found.height !== height || found.width !== width) {
      const reason = `${overlay.file} has ${found.height} × ${found.width} pixels, the scene ${height} × ${width}`;
      throw failure('FIELD_INVALID', { field: '--map', reason });
    }
    return classNumbers(await raster.readWindow({ row: 0, column: 0, height, width }), found.nodata, scene.classes);
  } finally {
    await raster.close();
  }
}

/** Returns the numbers of the classes in a map, which holds the codes of classes that have some. */
function classNumbers(values: NumericArray, nodata: number | undefined, classes: Scene['classes']): Uint8Array {
  const numbers = new Map(classes.flatMap(({ code }, index) => (code === undefined ? [] : [[code, index + 1]])));
  const isCoded = numbers.size > 0 && values.every((value) => value === nodata || numbers.has(value));
  return Uint8Array.from(values, (value) => (isCoded ? (numbers.get(value) ?? 0) : value));
}

function thin(
  labels: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
  step: number,
): Uint8Array {
  const columns = Math.ceil(width / step);
  const thinned = new Uint8Array(Math.ceil(height / step) * columns);
  forEachPixel({ row: 0, column: 0, height, width }, step, (row, column, pixel) => {
    thinned[(row / step) * columns + column / step] = labels[pixel]!;
  });
  return thinned;
}
