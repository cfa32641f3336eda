import type { SerializedError } from '@hyperswap/errors';
import type { KernelSpeeds } from '../device/kernels.js';

/** From the owner to the worker. */
export type Request =
  | { readonly kind: 'load'; readonly id: number; readonly program: string }
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly program: string;
      readonly method: string;
      readonly args: unknown;
      readonly urgent: boolean;
      /** W3C Trace Context of the caller, where it wants to know when the call ran. */
      readonly traceparent: string | undefined;
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'describe'; readonly id: number };

/** From the worker to its owner. */
export type Reply =
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'progress'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: SerializedError }
  | CallSpan;

/** Duration of a traced call in the worker, sent before its result. */
export interface CallSpan {
  readonly kind: 'span';
  readonly id: number;
  readonly name: string;
  readonly traceparent: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Kind and current state of the engine. */
export interface EngineDescription {
  readonly tensorflow: string;
  readonly tfjs: string;
  readonly device: 'cpu' | 'gpu';
  readonly threads: number;
  readonly liveTensors: number;
  /** Memory of the whole process. */
  readonly residentBytes: number;
  /** True if the product's kernel also computes bias, activation and residual. */
  readonly fusedKernels: boolean;
  /** Measured speeds of the kernels. */
  readonly speeds: KernelSpeeds;
}
