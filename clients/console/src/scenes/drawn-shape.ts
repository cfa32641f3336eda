/** Shapes that a user draws on a scene, and the labels of pixels that they mean. */
import type { RasterSize } from '../raster/pixel-map.js';

/** Shape in pixels, columns and rows: one place, or the corners of a polygon. */
export interface DrawnShape {
  readonly kind: 'point' | 'polygon';
  readonly corners: readonly (readonly [column: number, row: number])[];
  /** Class, from 1; 0 takes labels away. */
  readonly label: number;
  /** Side of the square around a point, in pixels. */
  readonly side: number;
}

/** Labels of a window; 255 leaves a pixel as it is. */
export interface ShapeWindow {
  readonly window: { readonly row: number; readonly column: number; readonly height: number; readonly width: number };
  readonly labels: Uint8Array;
  /** Pixels that are set. */
  readonly pixels: number;
}

const unchanged = 255;

/**
 * Returns the pixels of a shape; undefined when it lies outside of the scene. A polygon takes the pixels whose centre
 * it holds.
 */
export function windowOf(
  { kind, corners, label, side }: DrawnShape,
  { height, width }: RasterSize,
): ShapeWindow | undefined {
  const columns = corners.map(([column]) => column);
  const rows = corners.map(([, row]) => row);
  const reach = kind === 'point' ? (side - 1) / 2 : 0;
  const left = Math.max(0, Math.floor(Math.min(...columns)) - reach);
  const top = Math.max(0, Math.floor(Math.min(...rows)) - reach);
  const right = Math.min(width, Math.floor(Math.max(...columns)) + reach + 1);
  const bottom = Math.min(height, Math.floor(Math.max(...rows)) + reach + 1);
  if (right <= left || bottom <= top) return undefined;
  const window = { row: top, column: left, height: bottom - top, width: right - left };
  const labels = new Uint8Array(window.height * window.width).fill(kind === 'point' ? label : unchanged);
  if (kind === 'polygon') fill(labels, window, corners, label);
  const pixels = labels.reduce((sum, value) => sum + (value === unchanged ? 0 : 1), 0);
  return pixels === 0 ? undefined : { window, labels, pixels };
}

/** Fills a polygon row by row, by the rule of odd crossings. */
function fill(labels: Uint8Array, window: ShapeWindow['window'], corners: DrawnShape['corners'], label: number): void {
  for (let y = 0; y < window.height; y++) {
    const middle = window.row + y + 0.5;
    const crossings: number[] = [];
    corners.forEach(([x1, y1], index) => {
      const [x2, y2] = corners[(index + 1) % corners.length]!;
      if (y1 <= middle !== y2 <= middle) crossings.push(x1 + ((middle - y1) / (y2 - y1)) * (x2 - x1));
    });
    crossings.sort((a, b) => a - b);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const first = Math.max(0, Math.ceil(crossings[pair]! - 0.5) - window.column);
      const last = Math.min(window.width, Math.ceil(crossings[pair + 1]! - 0.5) - window.column);
      for (let x = first; x < last; x++) labels[y * window.width + x] = label;
    }
  }
}
