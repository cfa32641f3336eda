import { smoothInThread, SpectralEdges } from '@hyperswap/map';
import type { NumericArray, RasterReader } from '@hyperswap/raster';
import { readFilled } from './raw-file.js';
import type { SceneMap } from './map-files/map-source.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Values that are read at once. */
const blockValues = 2 * 1024 * 1024;

/**
 * Smooths the map of a raw scene along its spectra. Maps of prepared scenes are smoothed by the service.
 *
 * @param reach pixels; 0 changes nothing
 */
export async function smoothRawMap(
  { signal }: Session,
  map: SceneMap,
  raster: RasterReader,
  reach: number,
  progress: Progress,
): Promise<SceneMap> {
  if (reach === 0) return map;
  const edges = await readEdges(raster);
  const onProgress = (done: number, total: number): void => {
    progress.update('smoothing', done, total);
  };
  return { ...map, ...(await smoothInThread(map, edges, { reach, signal, onProgress })) };
}

/** Reads the edges between pixels with data, some rows at a time. */
async function readEdges(raster: RasterReader): Promise<SpectralEdges> {
  const { height, width, bands } = raster.info;
  const edges = new SpectralEdges(height, width);
  const mask = new Uint8Array(height * width);
  const rows = Math.max(1, Math.floor(blockValues / (width * bands)));
  for (let row = 0; row < height; row += rows) {
    const window = { row, column: 0, height: Math.min(rows, height - row), width };
    const [first, end] = [Math.max(0, row - 1), Math.min(height, row + window.height + 1)];
    const { values, valid } = await readFilled(raster, { row: first, column: 0, height: end - first, width });
    mask.set(valid.subarray((row - first) * width, (row - first + window.height) * width), row * width);
    edges.place(window, 1, withBorder(values, { width, bands, above: row - first, rows: window.height }), bands);
  }
  edges.cut(mask);
  return edges;
}

/** Rows with one pixel around them; what the scene does not have is 0, and no edge leads there. */
function withBorder(
  values: NumericArray,
  {
    width,
    bands,
    above,
    rows,
  }: { readonly width: number; readonly bands: number; readonly above: number; readonly rows: number },
): Float64Array {
  const rowValues = width * bands;
  const framed = new Float64Array((rows + 2) * (width + 2) * bands);
  for (let y = 1 - above; y < rows + 2; y++) {
    const source = (y - 1 + above) * rowValues;
    if (source < values.length) framed.set(values.subarray(source, source + rowValues), (y * (width + 2) + 1) * bands);
  }
  return framed;
}
