/** Backbones that are held to run forward only: to serve, and to learn a head on their features. */
import { chooseKernels, type Precision } from '@hyperswap/tensor';
import type { Backbone } from './backbone.js';
import { int8ErrorLimit, servingPrecision, type PrecisionChoice } from './precision.js';
import { makeResident, releaseResident, residentBackbone } from './resident.js';

/** Precision of a backbone that is held. */
export interface Residence {
  readonly precision: Precision;
  /** Error of its features in int8, as a share of their deviation; undefined where int8 was not tried. */
  readonly int8Error: number | undefined;
}

/**
 * Holds a backbone until `releaseResident`. `auto` takes another precision than int8 when that errs too much on this
 * backbone.
 *
 * @throws FIELD_INVALID for int8 on a GPU
 */
export function makeServable(backbone: Backbone, choice: PrecisionChoice): Residence {
  const precision = servingPrecision(choice);
  makeResident(backbone, precision);
  const { int8Error } = residentBackbone(backbone.digest, precision);
  if (choice !== 'auto' || int8Error === undefined || int8Error <= int8ErrorLimit) return { precision, int8Error };
  releaseResident(backbone.digest, precision);
  const replacement = chooseKernels().servingFloat;
  makeResident(backbone, replacement);
  return { precision: replacement, int8Error };
}
