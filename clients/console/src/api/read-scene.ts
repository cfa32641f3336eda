/** Pixels, labels and spectra of a scene. */
import { PixelType, type Scene, type Window } from '../../generated/hyperswap/v1/scene_pb.js';
import { scenes } from './clients.js';

export type BandValues = Uint8Array | Uint16Array | Int16Array | Float32Array;
export type PixelWindow = Pick<Window, 'row' | 'column' | 'height' | 'width'>;

/** Pixels that the console reads of a scene at most. */
export const mostPixels = 4_000_000;

/** Values of a window. */
export interface Pixels {
  readonly window: PixelWindow;
  /** `[height, width, bands]` */
  readonly values: BandValues;
  /** 1 for pixels with data. */
  readonly mask: Uint8Array;
}

/** Returns the whole scene, or its centre where that is too large to be drawn at once. */
export function shownWindow({ raster }: Scene): PixelWindow {
  const { height, width } = raster!;
  const side = Math.floor(Math.sqrt(mostPixels));
  if (height * width <= mostPixels) return { row: 0, column: 0, height, width };
  const rows = Math.min(height, side);
  const columns = Math.min(width, Math.floor(mostPixels / rows));
  return { row: (height - rows) >> 1, column: (width - columns) >> 1, height: rows, width: columns };
}

/** Reads some bands of a window, piece by piece. @param bands from 0; none for all */
export async function* readBands(
  { name }: Scene,
  bands: readonly number[],
  window: PixelWindow,
  signal: AbortSignal,
): AsyncGenerator<Pixels> {
  const request = { scene: name, bands: [...bands], window };
  for await (const piece of scenes.readBands(request, { signal })) {
    yield { window: piece.window!, values: decode(piece.values, piece.pixelType), mask: piece.mask };
  }
}

/** Reads the spectrum of a pixel; undefined for a pixel without data. */
export async function readSpectrum(
  scene: Scene,
  row: number,
  column: number,
  signal: AbortSignal,
): Promise<number[] | undefined> {
  const { scale = 1, offset = 0 } = scene.raster!;
  for await (const { values, mask } of readBands(scene, [], { row, column, height: 1, width: 1 }, signal)) {
    return mask[0] === 0 ? undefined : Array.from(values, (value) => value * scale + offset);
  }
  return undefined;
}

/** Reads a label map, `[height, width]` of the window. @param labelMap empty for all together */
export async function readLabels(
  { name }: Scene,
  labelMap: string,
  window: PixelWindow,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const all = new Uint8Array(window.height * window.width);
  for await (const { window: part, labels } of scenes.readLabels({ scene: name, labelMap, window }, { signal })) {
    placeRows(all, window, part!, labels);
  }
  return all;
}

/** Copies the values of a part to their place in a window of one value a pixel. */
function placeRows(target: Uint8Array, window: PixelWindow, part: PixelWindow, values: Uint8Array): void {
  for (let y = 0; y < part.height; y++) {
    const row = values.subarray(y * part.width, (y + 1) * part.width);
    target.set(row, (part.row - window.row + y) * window.width + part.column - window.column);
  }
}

function decode(bytes: Uint8Array, type: PixelType): BandValues {
  // A copy begins at an even place of its own memory.
  const own = new Uint8Array(bytes).buffer;
  switch (type) {
    case PixelType.UINT8:
      return new Uint8Array(own);
    case PixelType.UINT16:
      return new Uint16Array(own);
    case PixelType.INT16:
      return new Int16Array(own);
    default:
      return new Float32Array(own);
  }
}
