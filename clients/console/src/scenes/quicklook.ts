/** Picture of a scene in three of its bands. */
import type { RasterInfo, Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { readBands, shownWindow, type PixelWindow } from '../api/read-scene.js';

/** Red, green and blue light in nanometres. */
const light = [650, 550, 470];
/** Places of the bands where wavelengths are not known, as shares of all bands. */
const spread = [0.75, 0.5, 0.25];

export interface Quicklook {
  readonly picture: HTMLCanvasElement;
  readonly window: PixelWindow;
  /** Bands that are drawn, in words. */
  readonly words: string;
}

/** Draws a scene: the bands nearest to red, green and blue light, from the 2nd to the 98th percentile of each. */
export async function drawQuicklook(scene: Scene, signal: AbortSignal): Promise<Quicklook> {
  const window = shownWindow(scene);
  const bands = chooseBands(scene.raster!);
  const pixels = window.height * window.width;
  const planes = bands.map(() => new Float32Array(pixels));
  const mask = new Uint8Array(pixels);
  for await (const piece of readBands(scene, bands, window, signal)) {
    for (let pixel = 0; pixel < piece.mask.length; pixel++) {
      const row = piece.window.row - window.row + Math.floor(pixel / piece.window.width);
      const place = row * window.width + piece.window.column - window.column + (pixel % piece.window.width);
      mask[place] = piece.mask[pixel]!;
      planes.forEach((plane, band) => (plane[place] = piece.values[pixel * bands.length + band]!));
    }
  }
  const [red, green, blue] = planes.map((plane) => stretch(plane, mask));
  const canvas = document.createElement('canvas');
  canvas.width = window.width;
  canvas.height = window.height;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(window.width, window.height);
  for (let pixel = 0; pixel < pixels; pixel++) {
    image.data.set([red![pixel]!, green![pixel]!, blue![pixel]!, mask[pixel] === 0 ? 0 : 255], 4 * pixel);
  }
  context.putImageData(image, 0, 0);
  const { wavelengths } = scene.raster!;
  const words = bands
    .map((band) => (wavelengths[band] === undefined ? `band ${band + 1}` : `${Math.round(wavelengths[band])} nm`))
    .join(', ');
  return { picture: canvas, window, words };
}

function chooseBands({ bands, wavelengths, goodBands }: RasterInfo): number[] {
  const good = Array.from({ length: bands }, (_, band) => band).filter((band) => goodBands[band] !== false);
  if (wavelengths.length === 0) return spread.map((share) => good[Math.floor(share * (good.length - 1))]!);
  return light.map((wanted) =>
    good.reduce((best, band) =>
      Math.abs(wavelengths[band]! - wanted) < Math.abs(wavelengths[best]! - wanted) ? band : best,
    ),
  );
}

/** Values of a band as bytes. Percentiles are those of at most 100,000 pixels. */
function stretch(values: Float32Array, mask: Uint8Array): Uint8ClampedArray {
  const step = Math.max(1, Math.floor(values.length / 100_000));
  const sample = values
    .filter((value, pixel) => pixel % step === 0 && mask[pixel] === 1 && Number.isFinite(value))
    .sort();
  const at = (share: number): number => sample[Math.round(share * (sample.length - 1))] ?? 0;
  const [low, high] = [at(0.02), at(0.98)];
  const range = high > low ? high - low : 1;
  return Uint8ClampedArray.from(values, (value) => (255 * (value - low)) / range);
}
