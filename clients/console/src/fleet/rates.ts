import type { CodeCount, PodReport } from '../../generated/hyperswap/v1/fleet_pb.js';

/** Two reports of a process: rates are their difference. */
export interface PodPair {
  readonly last: PodReport;
  readonly before: PodReport | undefined;
}

/** Returns the pairs with a new report. A restarted process starts with its first report. */
export function withReport(pods: ReadonlyMap<string, PodPair>, report: PodReport): ReadonlyMap<string, PodPair> {
  const known = pods.get(report.pod)?.last;
  const isSame = known?.startedAt?.seconds === report.startedAt?.seconds;
  return new Map([...pods, [report.pod, { last: report, before: isSame ? known : undefined }]]);
}

/** Returns a rate a second; undefined before the second report. */
export function rate({ last, before }: PodPair, valueOf: (report: PodReport) => number | bigint): number | undefined {
  if (before === undefined) return undefined;
  const seconds = secondsOf(last) - secondsOf(before);
  return seconds > 0 ? (Number(valueOf(last)) - Number(valueOf(before))) / seconds : undefined;
}

/** Returns the sum of counts of all codes but OK. */
export function errorsOf(counts: readonly CodeCount[]): number {
  return counts.reduce((sum, { code, count }) => (code === 'OK' ? sum : sum + Number(count)), 0);
}

function secondsOf({ uptime }: PodReport): number {
  return Number(uptime?.seconds ?? 0n) + (uptime?.nanos ?? 0) / 1e9;
}
