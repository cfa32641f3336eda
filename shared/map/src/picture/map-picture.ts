import { createRequire } from 'node:module';
import path from 'node:path';
import { redGreenBlue, type LandCoverClass } from '../classes.js';
import { createCanvas, GlobalFonts, type Canvas, type SKRSContext2D } from '@napi-rs/canvas';

const require = createRequire(import.meta.url);
const font = 'DejaVu Sans';
GlobalFonts.registerFromPath(
  path.join(path.dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf', 'DejaVuSans.ttf'),
  font,
);

/** One value a pixel, row by row. */
export interface PixelMap {
  readonly title: string;
  readonly height: number;
  readonly width: number;
  /** Labels, 0 for none. */
  readonly values: Uint8Array;
}

const margin = 24;
const titleHeight = 34;
const rowHeight = 26;
const legendWidth = 300;
/** Maps are enlarged by a whole factor to about this side. */
const mapSide = 580;

/** Label maps side by side with a legend of the classes, as a PNG. */
export function drawLabelMaps(maps: readonly PixelMap[], classes: readonly LandCoverClass[]): Buffer {
  const { canvas, context, right, top } = layOut(maps, Math.max(classes.length * rowHeight, 0), (value) =>
    value === 0 ? [24, 24, 28] : redGreenBlue(classes[value - 1]?.color ?? 0xffffff),
  );
  classes.forEach(({ name, color }, index) => {
    const y = top + index * rowHeight;
    context.fillStyle = css(color);
    context.fillRect(right, y, 20, 16);
    context.strokeStyle = '#00000055';
    context.strokeRect(right + 0.5, y + 0.5, 19, 15);
    drawText(context, name, right + 30, y + 14, 15);
  });
  return canvas.toBuffer('image/png');
}

/** A map of confidence from 0 (dark) to 255 (bright) with its scale, as a PNG. */
export function drawConfidence(map: PixelMap): Buffer {
  const scaleHeight = 260;
  const { canvas, context, right, top } = layOut([map], scaleHeight, (value) => viridis(value / 255));
  for (let y = 0; y < scaleHeight; y++) {
    const [r, g, b] = viridis(1 - y / scaleHeight);
    context.fillStyle = `rgb(${r},${g},${b})`;
    context.fillRect(right, top + y, 24, 1);
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    drawText(context, `${share * 100} %`, right + 34, top + (1 - share) * scaleHeight + 5, 14);
  }
  return canvas.toBuffer('image/png');
}

/** Returns a white canvas. */
export function newCanvas(width: number, height: number): { readonly canvas: Canvas; readonly context: SKRSContext2D } {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  return { canvas, context };
}

interface Layout {
  readonly canvas: Canvas;
  readonly context: SKRSContext2D;
  /** Left edge of the legend. */
  readonly right: number;
  readonly top: number;
}

function layOut(
  maps: readonly PixelMap[],
  legendHeight: number,
  colorOf: (value: number) => readonly [number, number, number],
): Layout {
  const { height, width } = maps[0]!;
  const factor = Math.max(1, Math.floor(mapSide / Math.max(height, width)));
  const drawnWidth = Math.max(width * factor, 1);
  const drawnHeight = height * factor;
  const right = margin + maps.length * (drawnWidth + margin);
  const top = margin + titleHeight;
  const { canvas, context } = newCanvas(right + legendWidth, top + Math.max(drawnHeight, legendHeight) + margin);
  maps.forEach((map, index) => {
    const left = margin + index * (drawnWidth + margin);
    drawText(context, map.title, left, margin + 18, 18);
    const small = createCanvas(width, height);
    const smallContext = small.getContext('2d');
    const image = smallContext.createImageData(width, height);
    map.values.forEach((value, pixel) => {
      image.data.set([...colorOf(value), 255], pixel * 4);
    });
    smallContext.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, left, top, drawnWidth, drawnHeight);
  });
  return { canvas, context, right, top };
}

/** Writes a line of text, from its lower left corner. */
export function drawText(context: SKRSContext2D, content: string, x: number, y: number, size: number): void {
  context.fillStyle = '#1a1a1e';
  context.font = `${size}px "${font}"`;
  context.fillText(content, x, y);
}

function css(color: number): string {
  return `#${color.toString(16).padStart(6, '0')}`;
}

/** Points of matplotlib's viridis, which is perceptually uniform and safe for colour-blind readers. */
const viridisPoints = [0x440154, 0x414487, 0x2a788e, 0x22a884, 0x7ad151, 0xfde725].map(redGreenBlue);

function viridis(share: number): [number, number, number] {
  const position = Math.min(1, Math.max(0, share)) * (viridisPoints.length - 1);
  const index = Math.min(Math.floor(position), viridisPoints.length - 2);
  const [low, high] = [viridisPoints[index]!, viridisPoints[index + 1]!];
  const rest = position - index;
  return [0, 1, 2].map((channel) => Math.round(low[channel]! + (high[channel]! - low[channel]!) * rest)) as [
    number,
    number,
    number,
  ];
}
