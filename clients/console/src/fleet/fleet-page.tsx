/** Processes of the fleet, live: bindings, queues, rates, errors, jobs. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { FlowClass, PodState, type FleetJobs, type PodReport } from '../../generated/hyperswap/v1/fleet_pb.js';
import { JobKind } from '../../generated/hyperswap/v1/job_pb.js';
import { fleet } from '../api/clients.js';
import { isCancelled, shownError, type ShownError } from '../api/error-text.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { bytesText, stateText } from '../parts/words.js';
import { errorsOf, rate, withReport, type PodPair } from './rates.js';

/** Delay before a call that ended is made again, in milliseconds. */
const retryMilliseconds = 3000;

const states: Readonly<Record<PodState, string>> = {
  [PodState.UNSPECIFIED]: 'unknown',
  [PodState.SERVING]: 'serving',
  [PodState.NOT_SERVING]: 'not ready',
  [PodState.DRAINING]: 'draining',
};

const kinds: Readonly<Record<JobKind, string>> = {
  [JobKind.UNSPECIFIED]: 'unknown',
  [JobKind.PREPARATION]: 'preparations',
  [JobKind.TRAINING]: 'trainings',
  [JobKind.PRETRAINING]: 'pretrainings',
  [JobKind.SCENE]: 'maps',
};

export function FleetPage(): JSX.Element {
  const [pods, setPods] = useState<ReadonlyMap<string, PodPair>>(new Map());
  const [jobs, setJobs] = useState<FleetJobs>();
  const [error, setError] = useState<ShownError>();
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = async (): Promise<void> => {
      for await (const { event } of fleet.watchFleet({}, { signal: stop.signal })) {
        setError(undefined);
        if (event.case === 'pod') {
          const report = event.value;
          setPods((known) => withReport(known, report));
        } else if (event.case === 'jobs') setJobs(event.value);
      }
    };
    const follow = (): void => {
      watch()
        .catch((thrown: unknown) => {
          if (!stop.signal.aborted && !isCancelled(thrown)) setError(shownError(thrown));
        })
        .finally(() => {
          if (!stop.signal.aborted) timer = setTimeout(follow, retryMilliseconds);
        });
    };
    follow();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, []);
  const pairs = [...pods.values()];
  return (
    <>
      <h1>Fleet</h1>
      <ErrorNotice error={error} />
      {pairs.length === 0 && error === undefined && <Busy>Waiting for the first report …</Busy>}
      {pairs.length > 0 && (
        <>
          <Table
            caption="Processes"
            columns={[
              'process',
              'state',
              'release',
              'memory',
              'calls/s',
              'errors/s',
              'errors',
              'loop delay, 1 % above',
            ]}
            rows={pairs.map((pair) => processRow(pair))}
          />
          <Table
            caption="Classification of tiles"
            columns={[
              'process',
              'backbone',
              'precision',
              'adapters',
              'waiting',
              'jobs waiting',
              'patches/s',
              'full batches',
              'refused',
            ]}
            rows={pairs.flatMap((pair) => (pair.last.serving === undefined ? [] : [servingRow(pair)]))}
          />
        </>
      )}
      {jobs !== undefined && (
        <Table
          caption="Jobs"
          columns={['kind', 'state', 'jobs']}
          rows={jobs.counts.map(({ kind, state, jobs: count }) => ({
            key: `${kind} ${state}`,
            cells: [kinds[kind], stateText(state), count],
          }))}
        />
      )}
    </>
  );
}

type Row = Parameters<typeof Table>[0]['rows'][number];

function processRow(pair: PodPair): Row {
  const { last } = pair;
  const all = ({ calls }: PodReport): number => calls.reduce((sum, { count }) => sum + Number(count), 0);
  const p99 = last.process?.eventLoopP99;
  return {
    key: last.pod,
    cells: [
      last.pod,
      states[last.state],
      last.release,
      bytesText(last.process?.residentBytes ?? 0n),
      oneDigit(rate(pair, all)),
      oneDigit(rate(pair, ({ calls }) => errorsOf(calls))),
      worstErrors(last),
      p99 === undefined ? '–' : `${(Number(p99.seconds) * 1000 + p99.nanos / 1e6).toFixed(0)} ms`,
    ],
  };
}

function servingRow(pair: PodPair): Row {
  const { pod, serving } = pair.last;
  const { backbone, precision, device, bound, loading, bindingBytes, flows, batchCuts } = serving!;
  const waiting = (wanted: FlowClass): number =>
    flows.reduce((sum, flow) => (flow.class === wanted ? sum + Number(flow.waitingPatches) : sum), 0);
  const batches = batchCuts.reduce((sum, { count }) => sum + Number(count), 0);
  const full = Number(batchCuts.find(({ code }) => code === 'full')?.count ?? 0n);
  const names = ['–', 'auto', 'float32', 'bfloat16', 'int8'];
  return {
    key: pod,
    cells: [
      pod,
      backbone,
      `${names[precision] ?? '–'} on ${device}`,
      `${bound} ready${loading > 0 ? `, ${loading} loading` : ''} (${bytesText(bindingBytes)})`,
      waiting(FlowClass.INTERACTIVE),
      waiting(FlowClass.JOB),
      oneDigit(rate(pair, (report) => report.serving?.patches ?? 0n)),
      batches === 0 ? '–' : `${((100 * full) / batches).toFixed(0)} %`,
      flows.reduce((sum, { refused }) => sum + Number(refused), 0),
    ],
  };
}

/** Returns the three most frequent errors since the start of a process. */
function worstErrors({ calls }: PodReport): string {
  const errors = calls.filter(({ code }) => code !== 'OK').sort((a, b) => Number(b.count - a.count));
  return (
    errors
      .slice(0, 3)
      .map(({ code, count }) => `${code} ${count}`)
      .join(', ') || 'none'
  );
}

function oneDigit(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(1);
}
