import type { Precision } from '@hyperswap/tensor';

/** Backbone that a process serves. */
export interface ServedBackbone {
  readonly name: string;
  readonly digest: string;
  /** Values of its weights. */
  readonly parameters: number;
  readonly precision: Precision;
}
