import { failure } from '@hyperswap/errors';
import { z } from 'zod';
import type { GeoTransform } from '../array.js';

const position = z.array(z.number()).min(2);
const ring = z.array(position).min(4);
const geometry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Point'), coordinates: position }),
  z.object({ type: z.literal('MultiPoint'), coordinates: z.array(position) }),
  z.object({ type: z.literal('Polygon'), coordinates: z.array(ring).min(1) }),
  z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(ring).min(1)) }),
]);
const collection = z.object({
  type: z.literal('FeatureCollection'),
  features: z.array(z.object({ properties: z.record(z.string(), z.unknown()).nullable(), geometry })),
});

interface Target {
  readonly height: number;
  readonly width: number;
  /** From pixels to the coordinates of the shapes; without it those are pixels. */
  readonly geoTransform?: GeoTransform;
}

type Position = readonly number[];

/** Whether bytes look like GeoJSON. */
export function isGeoJson(bytes: Uint8Array): boolean {
  return /^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 100)));
}

/**
 * Labels out of GeoJSON (RFC 7946) points and polygons, whose property `label` is the class's number or its name. Coordinates are those of the scene's own
 * geo-reference where it has one, else pixels: x is the column, y the row, whole numbers at pixels' corners. A pixel belongs to a polygon when its middle
 * does; later features lie over earlier ones.
 *
 * @param file named in errors
 * @param classes names, from class 1 on
 * @throws LABELS_VALUES naming the feature
 */
export function readLabelShapes(
  file: string,
  bytes: Uint8Array,
  target: Target,
  classes: readonly string[],
): Uint8Array {
  const invalid = (reason: string, cause?: unknown): Error => failure('LABELS_VALUES', { labels: file, reason }, cause);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  const parsed = collection.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid(`it is no FeatureCollection of points and polygons: ${issue.path.join('.')} ${issue.message}`);
  }
  const { height, width } = target;
  const labels = new Uint8Array(height * width);
  parsed.data.features.forEach(({ properties, geometry: shape }, index) => {
    const label = labelOf(properties?.label ?? properties?.class, classes);
    if (label === undefined) {
      throw invalid(`feature ${index + 1} has no property "label" that is a number from 1 to 255 or a class's name`);
    }
    const pixels =
      shape.type === 'Point' || shape.type === 'MultiPoint'
        ? pointPixels(shape.type === 'Point' ? [shape.coordinates] : shape.coordinates, target)
        : polygonPixels(shape.type === 'Polygon' ? [shape.coordinates] : shape.coordinates, target);
    if (pixels === undefined) throw invalid(`feature ${index + 1} has a point outside the scene`);
    for (const pixel of pixels) labels[pixel] = label;
  });
  return labels;
}

function labelOf(value: unknown, classes: readonly string[]): number | undefined {
  const label = typeof value === 'string' && classes.includes(value) ? classes.indexOf(value) + 1 : Number(value);
  return Number.isInteger(label) && label >= 1 && label <= 255 ? label : undefined;
}

/** Column and row of a position, with fractions. */
function toPixels([x, y]: Position, { geoTransform }: Target): [number, number] {
  if (geoTransform === undefined) return [x!, y!];
  const { originX, originY, pixelWidth, pixelHeight } = geoTransform;
  return [(x! - originX) / pixelWidth, (y! - originY) / pixelHeight];
}

function pointPixels(points: readonly Position[], target: Target): number[] | undefined {
  const pixels = points.map((point) => {
    const [column, row] = toPixels(point, target).map(Math.floor) as [number, number];
    const isInside = row >= 0 && row < target.height && column >= 0 && column < target.width;
    return isInside ? row * target.width + column : -1;
  });
  return pixels.includes(-1) ? undefined : pixels;
}

/** Pixels whose middle is in one of the polygons, holes left out: even–odd rule along each row. */
function polygonPixels(polygons: readonly (readonly (readonly Position[])[])[], target: Target): number[] {
  const { height, width } = target;
  const pixels: number[] = [];
  for (const rings of polygons) {
    const edges = rings.flatMap((points) => {
      const placed = points.map((point) => toPixels(point, target));
      return placed.map((from, i) => [from, placed[(i + 1) % placed.length]!] as const);
    });
    for (let row = 0; row < height; row++) {
      const y = row + 0.5;
      const crossings = edges
        .filter(([[, y1], [, y2]]) => y1 > y !== y2 > y)
        .map(([[x1, y1], [x2, y2]]) => x1 + ((y - y1) / (y2 - y1)) * (x2 - x1))
        .sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        const first = Math.max(0, Math.ceil(crossings[pair]! - 0.5));
        for (let column = first; column + 0.5 < crossings[pair + 1]! && column < width; column++) {
          pixels.push(row * width + column);
        }
      }
    }
  }
  return pixels;
}
