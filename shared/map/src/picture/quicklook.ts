import { redGreenBlue, type LandCoverClass } from '../classes.js';
import { drawText, newCanvas } from './map-picture.js';

/** Picture of a scene in red, green and blue. */
export interface Quicklook {
  readonly height: number;
  readonly width: number;
  /** `[height, width, 3]`, 0 to 255. */
  readonly colors: Uint8ClampedArray;
  /** Labels over the picture, of the same size; undefined for none. */
  readonly labels: Uint8Array | undefined;
  readonly classes: readonly LandCoverClass[];
  readonly title: string;
}

/** Opacity of labels over a picture. */
const labelOpacity = 0.65;
const margin = 24;
const titleHeight = 34;
const rowHeight = 26;
const legendWidth = 300;
/** Pictures are enlarged by a whole factor to about this side. */
const pictureSide = 580;

/** Draws a scene, with labels over it and their legend where there are any. @returns a PNG */
export function drawQuicklook({ height, width, colors, labels, classes, title }: Quicklook): Buffer {
  const factor = Math.max(1, Math.floor(pictureSide / Math.max(height, width)));
  const present =
    labels === undefined ? [] : classes.flatMap((found, index) => (labels.includes(index + 1) ? [found] : []));
  const drawnWidth = width * factor;
  const drawnHeight = height * factor;
  const top = margin + titleHeight;
  const { canvas, context } = newCanvas(
    Math.max(drawnWidth + 2 * margin, 400) + (present.length > 0 ? legendWidth : 0),
    top + Math.max(drawnHeight, present.length * rowHeight) + margin,
  );
  drawText(context, title, margin, margin + 18, 18);
  const small = newCanvas(width, height);
  const image = small.context.createImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const label = labels?.[pixel] ?? 0;
    const over = label === 0 ? undefined : redGreenBlue(classes[label - 1]?.color ?? 0xffffff);
    for (let channel = 0; channel < 3; channel++) {
      const own = colors[pixel * 3 + channel]!;
      image.data[pixel * 4 + channel] =
        over === undefined ? own : labelOpacity * over[channel]! + (1 - labelOpacity) * own;
    }
    image.data[pixel * 4 + 3] = 255;
  }
  small.context.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small.canvas, margin, top, drawnWidth, drawnHeight);
  present.forEach(({ name, color }, index) => {
    const [left, y] = [drawnWidth + 2 * margin, top + index * rowHeight];
    context.fillStyle = `#${color.toString(16).padStart(6, '0')}`;
    context.fillRect(left, y, 20, 16);
    drawText(context, name, left + 30, y + 14, 15);
  });
  return canvas.toBuffer('image/png');
}

/**
 * Values of a band as bytes: the 2nd percentile of the valid pixels becomes 0, the 98th 255. Pixels without data are
 * 0 too.
 */
export function stretch(values: Float32Array, mask: Uint8Array): Uint8ClampedArray {
  const valid = values.filter((value, pixel) => mask[pixel] === 1 && Number.isFinite(value)).sort();
  const at = (share: number): number => valid[Math.round(share * (valid.length - 1))] ?? 0;
  const [low, high] = [at(0.02), at(0.98)];
  const range = high > low ? high - low : 1;
  return Uint8ClampedArray.from(values, (value, pixel) => (mask[pixel] === 1 ? (255 * (value - low)) / range : 0));
}
