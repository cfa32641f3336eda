import type { AdapterVersion } from '../../generated/hyperswap/v1/adapter_pb.js';
import { cssColor } from '../raster/colors.js';

/** Class of a map. */
export interface MapClass {
  /** Number, from 1. */
  readonly number: number;
  readonly name: string;
  readonly color: number;
  readonly css: string;
  /** Value in `labels.tif`. */
  readonly value: number;
}

/**
 * Returns the classes of an adapter. Their values are their codes where all have one that a raster can hold, else their
 * numbers.
 */
export function mapClasses({ classes }: AdapterVersion): MapClass[] {
  const isCoded = classes.every(({ code }) => code !== undefined && code >= 0n && code <= 65_535n);
  return classes.map(({ name, color = 0x888888, code }, index) => ({
    number: index + 1,
    name,
    color,
    css: cssColor(color),
    value: isCoded ? Number(code) : index + 1,
  }));
}
