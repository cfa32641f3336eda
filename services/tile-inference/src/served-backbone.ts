import type { Precision } from '@hyperswap/tensor';

/** Backbone that a process serves. */
export interface ServedBackbone {
  readonly name: string;
  readonly digest: string;
  /** Values of its weights. */
  readonly parameters: number;
  readonly precision: Precision;
  /** Error of its features in int8, as a share of their deviation; undefined where int8 was not tried. */
  readonly int8Error: number | undefined;
}
