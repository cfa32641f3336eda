/** Linear interpolation between scattered pixels, over their Delaunay triangulation. */
import { Delaunay } from 'd3-delaunay';

/** Values at some pixels of a window. */
export interface ScatteredValues {
  /** Size of the window in pixels. */
  readonly height: number;
  readonly width: number;
  /** Values a pixel. */
  readonly columns: number;
  /** Pixels with values, in ascending order; at least one. */
  readonly pixels: Int32Array;
  /** `[height · width, columns]`; only rows of `pixels` are read. */
  readonly values: Uint8Array;
}

/** Slack of a pixel on the edge of a triangle. */
const tolerance = 1e-9;

/**
 * Interpolates at every pixel of a window. A pixel outside all triangles gets the values of the nearest pixel.
 *
 * @returns `[height · width, columns]`
 */
export function interpolate({ height, width, columns, pixels, values }: ScatteredValues): Float32Array {
  const result = new Float32Array(height * width * columns);
  const isSet = new Uint8Array(height * width);
  const delaunay = Delaunay.from(
    pixels,
    (pixel) => pixel % width,
    (pixel) => Math.floor(pixel / width),
  );
  const { triangles } = delaunay;
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [pixels[triangles[t]!]!, pixels[triangles[t + 1]!]!, pixels[triangles[t + 2]!]!];
    for (const { pixel, shares } of pixelsOfTriangle(a, b, c, width)) {
      if (isSet[pixel] !== 0) continue;
      isSet[pixel] = 1;
      for (let column = 0; column < columns; column++) {
        result[pixel * columns + column] =
          shares[0] * values[a * columns + column]! +
          shares[1] * values[b * columns + column]! +
          shares[2] * values[c * columns + column]!;
      }
    }
  }
  let near = 0;
  for (let pixel = 0; pixel < isSet.length; pixel++) {
    if (isSet[pixel] !== 0) continue;
    near = delaunay.find(pixel % width, Math.floor(pixel / width), near);
    const from = pixels[near]! * columns;
    for (let column = 0; column < columns; column++) result[pixel * columns + column] = values[from + column]!;
  }
  return result;
}

/** Returns the pixels in a triangle of three pixels, each with the shares of the corners in it. */
function* pixelsOfTriangle(
  a: number,
  b: number,
  c: number,
  width: number,
): Generator<{ readonly pixel: number; readonly shares: readonly [number, number, number] }> {
  const [ax, bx, cx] = [a % width, b % width, c % width];
  const [ay, by, cy] = [Math.floor(a / width), Math.floor(b / width), Math.floor(c / width)];
  const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
  if (area === 0) return;
  for (let y = Math.min(ay, by, cy); y <= Math.max(ay, by, cy); y++) {
    for (let x = Math.min(ax, bx, cx); x <= Math.max(ax, bx, cx); x++) {
      const second = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
      const third = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area;
      const first = 1 - second - third;
      if (Math.min(first, second, third) < -tolerance) continue;
      yield { pixel: y * width + x, shares: [first, second, third] };
    }
  }
}
