import type { Circumstances } from '@hyperswap/map';
import type { AdapterVersion, Calibration, ClassMetrics, Metrics } from '@hyperswap/proto';

/** Result of a run, as in `report.json`. */
export interface Report {
  readonly scene: string;
  readonly split: {
    readonly train: number;
    readonly test: number;
    readonly description: string;
    /** The same in a plain sentence; reports of earlier versions have none. */
    readonly sentence?: string;
  };
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
  } & Circumstances;
  /** Calibration of the confidence; absent where there is none. */
  readonly calibration?: Calibration | undefined;
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
  ...circumstances
}: Pick<Metrics, 'overallAccuracy' | 'averageAccuracy' | 'kappa'> & {
  readonly perClass: readonly ClassMetrics[];
  readonly confusion: readonly number[];
} & Circumstances): Report['metrics'] {
  return { oa: overallAccuracy, aa: averageAccuracy, kappa, perClass, confusion, ...circumstances };
}

/** Returns a share in percent, for example `93.15 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Returns accuracies in one line; OA with the share of test patches that hold a training pixel, where it is known. */
export function describeAccuracy({
  oa,
  aa,
  kappa,
  patchOverlap,
}: Pick<Report['metrics'], 'oa' | 'aa' | 'kappa' | 'patchOverlap'>): string {
  const overlap =
    patchOverlap === undefined ? '' : ` (${percent(patchOverlap)} of the test patches hold a training pixel)`;
  return `OA ${percent(oa)}${overlap}, AA ${percent(aa)}, kappa ${kappa.toFixed(4)}`;
}
