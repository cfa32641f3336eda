import { Components } from './components.js';

/** Connected pixels of one class. */
export interface Region {
  /** Class, from 1. */
  readonly label: number;
  readonly pixels: number;
  /**
   * Borders along the sides of pixels, each as x, y, x, y…: corners of pixels, columns and rows from the upper left,
   * without the first point again. The outer border comes first, counterclockwise as seen on the map with rows
   * downwards; holes are clockwise.
   */
  readonly rings: readonly (readonly number[])[];
}

/** West, south, east, north: each is a turn to the left of the one before. */
const steps = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const;
/**
 * Pixel ahead on the left of a corner, for each direction; the one on the right is that of the direction to the left of
 * it.
 */
const aheadLeft = [
  [-1, 0],
  [0, 0],
  [0, -1],
  [-1, -1],
] as const;

/**
 * Returns the regions of a label map, each as soon as its last pixel is met in reading order. Rings do not cross
 * themselves: where pixels of a region touch by a corner alone, an outer border and a hole touch there.
 *
 * @param labels `[height, width]`; 0 for pixels of no class
 * @param minimumPixels smaller regions are left out
 */
export function* traceRegions(
  labels: Uint8Array,
  width: number,
  minimumPixels: number,
): Generator<Region, void, undefined> {
  const height = labels.length / width;
  const components = new Components(labels, width);
  const visited = new Uint8Array(Math.ceil(labels.length / 8));
  const open = new Map<number, { rings: number[][]; left: number }>();

  const isInside = (x: number, y: number, first: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && components.firstOf(y * width + x) === first;

  /** Follows a border with the region on its left, from the upper side of a pixel. */
  const trace = (pixel: number, first: number): number[] => {
    const ring: number[] = [];
    const start = { x: (pixel % width) + 1, y: Math.floor(pixel / width) };
    let { x, y } = start;
    let direction = 0;
    do {
      // The upper side of a pixel is passed to the west.
      if (direction === 0) {
        const passed = y * width + x - 1;
        visited[passed >> 3]! |= 1 << (passed & 7);
      }
      x += steps[direction]![0];
      y += steps[direction]![1];
      const left = aheadLeft[direction]!;
      const right = aheadLeft[(direction + 3) % 4]!;
      let turn = 1;
      if (isInside(x + right[0], y + right[1], first)) turn = 3;
      else if (isInside(x + left[0], y + left[1], first)) turn = 0;
      if (turn !== 0) ring.push(x, y);
      direction = (direction + turn) % 4;
    } while (x !== start.x || y !== start.y || direction !== 0);
    return ring;
  };

  for (let pixel = 0; pixel < labels.length; pixel++) {
    const label = labels[pixel]!;
    const first = components.firstOf(pixel);
    const pixels = components.sizeOf(first);
    if (label === 0 || pixels < minimumPixels) continue;
    const region = open.get(first) ?? { rings: [], left: pixels };
    open.set(first, region);
    const isUpper = pixel < width || components.firstOf(pixel - width) !== first;
    if (isUpper && (visited[pixel >> 3]! & (1 << (pixel & 7))) === 0) region.rings.push(trace(pixel, first));
    region.left -= 1;
    if (region.left > 0) continue;
    open.delete(first);
    yield { label, pixels, rings: region.rings };
  }
}
