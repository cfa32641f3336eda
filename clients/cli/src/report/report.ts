import type { AdapterVersion, ClassMetrics, Metrics } from '@hyperswap/proto';

/** Result of a run, as in `report.json`. */
export interface Report {
  readonly scene: string;
  readonly split: { readonly train: number; readonly test: number; readonly description: string };
  readonly method: string;
  readonly backbone: { readonly name: string; readonly digest: string; readonly parameters: number };
  readonly adapter: {
    readonly ref: string;
    readonly digest: string;
    readonly bytes: number;
    readonly parameters: number;
    readonly patchSize: number;
  };
  readonly metrics: {
    readonly oa: number;
    readonly aa: number;
    readonly kappa: number;
    readonly perClass: readonly ClassMetrics[];
    readonly confusion: readonly number[];
  };
  readonly lossByEpoch: readonly number[];
  readonly seconds: { readonly prepare: number; readonly train: number; readonly classify: number };
  readonly patchesPerSecond: number;
  /** Adapters exchanged while tiles streamed. */
  readonly swap?: SwapReport;
}

export interface SwapReport {
  readonly tilesSent: number;
  readonly tilesReceived: number;
  readonly tilesByAdapter: Readonly<Record<string, number>>;
  /** Milliseconds from asking for the swap to its acknowledgement. */
  readonly milliseconds: readonly number[];
}

/** `name@7`. */
export function referenceOf({ name, version }: AdapterVersion): string {
  return `${name}@${version}`;
}

/** Metrics with the short names the field uses. */
export function shortMetrics({
  overallAccuracy,
  averageAccuracy,
  kappa,
  perClass,
  confusion,
}: Pick<Metrics, 'overallAccuracy' | 'averageAccuracy' | 'kappa'> & {
  readonly perClass: readonly ClassMetrics[];
  readonly confusion: readonly number[];
}): Report['metrics'] {
  return { oa: overallAccuracy, aa: averageAccuracy, kappa, perClass, confusion };
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
