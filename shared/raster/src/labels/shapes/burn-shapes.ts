import { failure } from '@hyperswap/errors';
import type { AffineTransform } from '../../raster-info.js';
import type { LabelTarget } from '../label-options.js';
import { projector } from './project.js';
import { fillPolygon } from './fill-polygon.js';
import type { FeatureCollection, Position, Shape, ShapesFile } from './feature.js';
import { readFeatures } from './read-features.js';

/** Task for the thread. */
export interface ShapesOrder {
  readonly shapes: ShapesFile;
  readonly target: LabelTarget;
  readonly labelProperty: string | undefined;
  readonly shapesCrs: number | 'pixels' | undefined;
}

/** Result of the thread. Features are numbered from 0. */
export interface ShapesAnswer {
  /** `[height, width]`: 0, or the place of a value in `values`, from 1. */
  readonly pixels: Uint16Array<ArrayBuffer>;
  /** Classes that features name, each once. */
  readonly values: readonly (number | string)[];
  /** First feature of each value. */
  readonly firstFeatures: readonly number[];
  readonly features: number;
  /** Features that lie on a pixel. */
  readonly hits: number;
  /** Features without a geometry. */
  readonly empty: readonly number[];
  /** Features that lie on no pixel. */
  readonly missed: readonly number[];
  /** Coordinates that the shapes were taken to have, in words. */
  readonly crs: string;
  /** Names and colours of classes, where the format has them. */
  readonly classes: FeatureCollection['classes'];
}

const maximumValues = 65_535;
/** Properties that hold the class, where the user names none; in any case. */
const usualProperties = ['label', 'class'];

/** Reads shapes, and tells the pixels they hold. @throws LABELS_VALUES, CRS_UNKNOWN, VARIABLE_MISSING */
export async function burnShapes({ shapes, target, labelProperty, shapesCrs }: ShapesOrder): Promise<ShapesAnswer> {
  const { file } = shapes;
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: file, reason });
  const { features, crs: own, classes, labelProperty: usual } = await readFeatures(shapes);
  const given = typeof shapesCrs === 'number' ? { epsg: shapesCrs } : shapesCrs;
  const toScene = await projector(file, features, target, given ?? own);
  const property = labelProperty ?? usual;
  const toPixels = pixelsOf(target.transform);
  const place = (position: Position): Position => toPixels(toScene.project(position));

  const pixels = new Uint16Array(target.height * target.width);
  const values = new Map<number | string, number>();
  const firstFeatures: number[] = [];
  const empty: number[] = [];
  const missed: number[] = [];
  let hits = 0;
  features.forEach(({ properties, shape }, index) => {
    if (shape === undefined) {
      empty.push(index);
      return;
    }
    const value = valueOf(properties, property);
    if (value === undefined) {
      const names = Object.keys(properties).slice(0, 20).join(', ') || 'none';
      const wanted = property ?? usualProperties.join('" or "');
      throw invalid(
        `feature ${index + 1} has no property "${wanted}" that is a number from 1 to 255 or a class's name; it has ${names}: name one with --label-property`,
      );
    }
    let number = values.get(value);
    if (number === undefined) {
      if (values.size === maximumValues) throw invalid(`it names more than ${maximumValues} classes`);
      number = values.size + 1;
      values.set(value, number);
      firstFeatures.push(index);
    }
    const count = burn(shape, place, target, pixels, number);
    if (count > 0) hits += 1;
    else missed.push(index);
  });
  const { name: crs } = toScene;
  return {
    pixels,
    values: [...values.keys()],
    firstFeatures,
    features: features.length,
    hits,
    empty,
    missed,
    crs,
    classes,
  };
}

function valueOf(
  properties: Readonly<Record<string, unknown>>,
  labelProperty: string | undefined,
): number | string | undefined {
  const usual = (): string[] =>
    usualProperties.flatMap((wanted) => Object.keys(properties).filter((name) => name.toLowerCase() === wanted));
  for (const name of labelProperty === undefined ? usual() : [labelProperty]) {
    const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')) return value;
  }
  return undefined;
}

/** @returns pixels that were set */
function burn(
  shape: Shape,
  place: (position: Position) => Position,
  target: LabelTarget,
  pixels: Uint16Array,
  value: number,
): number {
  const { height, width } = target;
  if (shape.kind === 'polygons') {
    let count = 0;
    for (const rings of shape.polygons) {
      const placed = rings.map((ring) => ring.map(place));
      count += fillPolygon(placed, { height, width }, (first, end) => pixels.fill(value, first, end));
    }
    return count;
  }
  let count = 0;
  for (const [x, y] of shape.points.map(place)) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (!(row >= 0 && row < height && column >= 0 && column < width)) continue;
    pixels[row * width + column] = value;
    count += 1;
  }
  return count;
}

/** Column and row of coordinates, with fractions. */
function pixelsOf(transform: AffineTransform | undefined): (position: Position) => Position {
  if (transform === undefined) return (position) => position;
  const [a, b, c, d, e, f] = transform;
  const determinant = a * e - b * d;
  return ([x, y]) => [(e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant];
}
