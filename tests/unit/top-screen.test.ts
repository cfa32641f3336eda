/** `hyperswap top` without a fleet: what it makes of reports, and how it fits a screen. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FleetHistory, linesOf, quantile, sortings } from '@hyperswap/cli';
import {
  FlowClass,
  JobKind,
  JobState,
  PodReport,
  PodState,
  Precision,
  type WatchFleetResponse,
} from '@hyperswap/proto';
import { toDuration } from '@hyperswap/rpc';

interface Counts {
  readonly patches?: number;
  readonly waits?: readonly number[];
  readonly failed?: number;
}

/** Report of a process after some seconds of its life. */
function report(
  pod: string,
  seconds: number,
  { patches = 0, waits = [0, 0, 0], failed = 0 }: Counts,
): WatchFleetResponse {
  const waiting = { bounds: [0.1, 1], counts: [...waits] };
  const flow = { class: FlowClass.FLOW_CLASS_INTERACTIVE, waitingPatches: 1_234_567, patches, refused: failed };
  const value = PodReport.fromPartial({
    pod,
    state: PodState.POD_STATE_SERVING,
    uptime: toDuration(1000 * seconds),
    process: { residentBytes: 2 ** 40, liveTensors: 123_456_789, eventLoopP99: toDuration(1_234_567) },
    calls: [
      { code: 'OK', count: 5 },
      { code: 'A_CODE_THAT_IS_LONGER_THAN_ANY_THAT_THE_CATALOGUE_HAS_AND_THAN_THE_SCREEN_IS_WIDE', count: failed },
    ],
    serving: {
      backbone: 'a-backbone-with-a-name-that-is-long',
      precision: Precision.PRECISION_BFLOAT16,
      batchPatches: 100,
      bound: 12_345,
      loading: 99,
      bindingBytes: 2 ** 39,
      patches,
      batchCuts: [
        { code: 'full', count: patches / 100 },
        { code: 'drained', count: patches / 100 },
      ],
      flows: [{ ...flow, waits: waiting }],
      adapters: Array.from({ length: 30 }, (_, i) => ({
        adapter: `${'a'.repeat(60)}${i}@1`,
        pixels: 1e9 * patches,
        tiles: [{ code: 'OK', count: 1e9 + patches }],
      })),
    },
  });
  return { event: { $case: 'pod', value } };
}

const jobs: WatchFleetResponse = {
  event: {
    $case: 'jobs',
    value: {
      counts: [
        { kind: JobKind.JOB_KIND_TRAINING, state: JobState.JOB_STATE_RUNNING, jobs: 3 },
        { kind: JobKind.JOB_KIND_TRAINING, state: JobState.JOB_STATE_DONE, jobs: 40 },
        { kind: JobKind.JOB_KIND_SCENE, state: JobState.JOB_STATE_QUEUED, jobs: 12_345 },
        { kind: JobKind.JOB_KIND_PREPARATION, state: JobState.JOB_STATE_CANCELLING, jobs: 12_345 },
        { kind: JobKind.JOB_KIND_PRETRAINING, state: JobState.JOB_STATE_QUEUED, jobs: 12_345 },
      ],
    },
  },
};

describe('the screen of hyperswap top', () => {
  const history = new FleetHistory(1);
  for (let i = 0; i < 40; i++) {
    const pod = `hyperswap-tile-inference-7f9c5b7d9c-${i}:7420`;
    history.add(report(pod, 10, {}), 0);
    history.add(report(pod, 11, { patches: 1e9, waits: [1, 2, 3], failed: 1e9 }), 1000);
  }
  history.add(jobs);
  const frame = {
    endpoint: 'hyperswap-tile-inference.hyperswap.svc.cluster.local:7420',
    at: new Date(),
    load: history.load(1000),
    isLive: true,
  };

  for (const [columns, rows] of [
    [80, 24],
    [80, 50],
    [200, 60],
    [80, 5],
  ] as const) {
    test(`fits ${columns} columns and ${rows} rows, whatever there is to show`, () => {
      for (const sorting of sortings) {
        const lines = linesOf({ ...frame, sorting, columns, rows });
        for (const { text } of lines) assert.ok(text.length <= columns, text);
        assert.ok(lines.length <= rows, `${lines.length} lines`);
        if (rows > 40)
          assert.ok(
            lines.some(({ text }) => text.startsWith('ADAPTER')),
            'every table is there',
          );
      }
    });
  }

  test('every process and adapter is printed where no screen bounds the lines', () => {
    const text = linesOf({ ...frame, sorting: 'name', columns: 80, rows: undefined, isLive: false })
      .map((line) => line.text)
      .join('\n');
    assert.equal(text.match(/^…\S+-39:7420/gm)?.length, 2, 'a name that is too long keeps its end');
    assert.equal(text.match(/-\d+:7420 /g)?.length, 80);
    assert.match(text, /training 3 running/);
    assert.equal(text.match(/^a{20}/gm)?.length, 30);
  });
});

describe('the load of a fleet', () => {
  test('is what happened between two reports', () => {
    const history = new FleetHistory(1);
    history.add(report('a', 100, { patches: 1000, waits: [5, 5, 5] }), 0);
    assert.equal(history.load(0).patchesPerSecond, 0);
    assert.equal(history.isComplete, false);
    history.add(report('a', 102, { patches: 1400, waits: [9, 5, 5], failed: 6 }), 2000);
    history.add(report('b', 7, { patches: 50 }), 2000);
    const load = history.load(2000);
    assert.equal(history.isComplete, false, 'the second process has told once');
    assert.equal(load.patchesPerSecond, 200);
    assert.equal(load.flows.interactive.refusedPerSecond, 3);
    assert.equal(load.flows.interactive.waitP50, 0.05);
    assert.equal(load.batches.fill, 0.5);
    assert.deepEqual(load.batches.cuts, { full: 0.5, drained: 0.5 });
    const [error] = load.errors;
    assert.deepEqual([error!.of, error!.count, error!.perSecond], ['call', 6, 3]);
  });

  test('covers the last seconds, and begins anew where a process does', () => {
    const history = new FleetHistory(1);
    for (let second = 0; second < 30; second++) {
      history.add(report('a', 100 + second, { patches: second < 20 ? 0 : 100 * (second - 19) }), 1000 * second);
    }
    assert.equal(history.load(29_000).patchesPerSecond, 100);
    history.add(report('a', 1, { patches: 7 }), 31_000);
    assert.equal(history.load(31_000).patchesPerSecond, 0);
    history.add(report('a', 2, { patches: 17 }), 32_000);
    assert.equal(history.load(32_000).patchesPerSecond, 10);
  });

  test('says which process is silent, and forgets it after a minute', () => {
    const history = new FleetHistory(1);
    history.add(report('a', 1, {}), 0);
    assert.equal(history.load(2_000).pods[0]!.state, 'serving');
    assert.equal(history.load(20_000).pods[0]!.state, 'silent');
    assert.equal(history.load(70_000).pods.length, 0);
  });

  test('has quantiles within the ranges of waiting times, and none of nothing', () => {
    const bounds = [0.1, 1];
    assert.equal(quantile({ bounds, counts: [10, 0, 0] }, 0.5), 0.05);
    assert.equal(quantile({ bounds, counts: [0, 10, 0] }, 0.5), 0.55);
    assert.equal(quantile({ bounds, counts: [5, 5, 0] }, 1), 1);
    assert.equal(quantile({ bounds, counts: [0, 0, 4] }, 0.5), 1);
    assert.equal(quantile({ bounds, counts: [0, 0, 0] }, 0.5), null);
  });
});
