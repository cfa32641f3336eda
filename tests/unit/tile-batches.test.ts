import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { after, before, test } from 'node:test';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import { backboneConfigs, encoderShapes, initialParameters, makeBackbone } from '@hyperswap/spectralgpt';
import { Executor, type ProgramClient } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import {
  adapterGroup,
  EngineBatches,
  newTileWork,
  ServingStatistics,
  PatchScheduler,
  schedulerLimits,
  type EngineWork,
  type ScheduledFlow,
  type TileProgram,
  type TileWork,
} from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';
import { madeUpBlob } from '../support/made-up-adapter.js';
import { loadTileEngine } from '../support/tile-engine.js';

const config = { ...backboneConfigs.mini, depth: 1 };
const { components } = config;
const patchSize = 5;
const half = patchSize >> 1;
/** Scene of scores, `[height, width, components]`. */
const scene = { height: 11, width: 13, values: new Random(2).normals(11 * 13 * components, 100) };
const never = new AbortController().signal;
setMaxListeners(0, never);

/** Adapters by digest, and the precisions of their backbones. The probes share one. */
const adapters = {
  a: { method: 'lora', precision: 'float32', classes: 3 },
  b: { method: 'lora', precision: 'float32', classes: 3 },
  c: { method: 'lora', precision: 'int8', classes: 3 },
  d: { method: 'linear-probe', precision: 'int8', classes: 3 },
  e: { method: 'linear-probe', precision: 'int8', classes: 5 },
  f: { method: 'linear-probe', precision: 'int8', classes: 2 },
} as const;
type Digest = keyof typeof adapters;
const digests = Object.keys(adapters) as Digest[];
let executor: Executor;
let engine: ProgramClient<TileProgram>;

before(async () => {
  executor = new Executor();
  engine = await loadTileEngine(executor);
  const backbone = makeBackbone('one block', config, initialParameters(encoderShapes(config), 1));
  for (const precision of ['float32', 'int8'] as const) await engine.call('makeResident', { backbone, precision });
  const pca = { mean: new Float32Array(components), components: new Float32Array(components ** 2).fill(0.1) };
  for (const [seed, digest] of digests.entries()) {
    const { precision, classes } = adapters[digest];
    const method = findMethod(adapters[digest].method);
    const settings = methodSettings(method, adaptedWeight(config), {});
    const { name, digest: backboneDigest } = backbone;
    const made = { backbone: { name, digest: backboneDigest }, patchSize, bands: components };
    const blob = madeUpBlob(
      { ...made, pcaDigest: '0'.repeat(64), classes, seed: seed + 1 },
      { method, settings },
      config,
      pca,
    );
    await engine.call('bind', { reference: `${digest}@1`, digest, blob, backboneDigest, precision });
  }
});

after(() => executor.stop());

interface Place {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}

/** Work of a window with all of the scene around it that its patches reach; at the border the engine mirrors. */
function tileWork({ row, column, height, width }: Place, digest: Digest): TileWork {
  const { classes, method } = adapters[digest];
  const margins = {
    top: Math.min(half, row),
    left: Math.min(half, column),
    bottom: Math.min(half, scene.height - row - height),
    right: Math.min(half, scene.width - column - width),
  };
  const rows = margins.top + height + margins.bottom;
  const columns = margins.left + width + margins.right;
  const pixels = new Float32Array(rows * columns * components);
  for (let y = 0; y < rows; y++) {
    const start = ((row - margins.top + y) * scene.width + column - margins.left) * components;
    pixels.set(scene.values.subarray(start, start + columns * components), y * columns * components);
  }
  const window = { row, column, height, width };
  const tile = { window, margins, pixels: pixels.buffer, pixelType: 'float32' as const, bands: components, raw: false };
  const group = adapterGroup({ digest, patchSize, views: 1, method, pooling: 'mean' }, config);
  return newTileWork(tile, { digest, classes }, { ...group, cost: 1 }, true);
}

const whole = { row: 0, column: 0, height: scene.height, width: scene.width };

function newScheduler(batch: number): { scheduler: PatchScheduler<EngineWork>; batches: EngineBatches } {
  const batches = new EngineBatches(engine, new ServingStatistics());
  const limits = schedulerLimits(batch, { patches: 10_000, bytes: 1e9 });
  return { batches, scheduler: new PatchScheduler((parts, options) => batches.run(parts, options), limits) };
}

async function run(flow: ScheduledFlow<EngineWork>, work: TileWork, signal = never): Promise<TileWork> {
  const reservation = await flow.reserve({ patches: work.patches, bytes: 1 }, signal);
  try {
    await flow.run(work, reservation, signal);
    return work;
  } finally {
    reservation.release();
  }
}

/** Cuts a window in random pieces. */
function cut(place: Place, random: Random): Place[] {
  const { row, column, height, width } = place;
  if (height * width <= 4 || (height * width < 50 && random.uniform() < 0.4)) return [place];
  if (height > width) {
    const first = 1 + random.integer(height - 1);
    return [
      ...cut({ ...place, height: first }, random),
      ...cut({ ...place, row: row + first, height: height - first }, random),
    ];
  }
  const first = 1 + random.integer(width - 1);
  return [
    ...cut({ ...place, width: first }, random),
    ...cut({ ...place, column: column + first, width: width - first }, random),
  ];
}

const live = async (): Promise<number> => (await executor.describe()).liveTensors;

test('labels are the same however a scene is cut, batched and interleaved with other work', async () => {
  const { scheduler } = newScheduler(1000);
  const expected = new Map<Digest, TileWork>();
  for (const digest of digests) {
    expected.set(digest, await run(scheduler.flow('interactive'), tileWork(whole, digest)));
  }
  assert.notDeepEqual(expected.get('a')!.labels, expected.get('b')!.labels);
  const random = new Random(11);
  for (let round = 0; round < 8; round++) {
    const { scheduler: other } = newScheduler(1 + random.integer(90));
    const flows = [other.flow('interactive'), other.flow('interactive'), other.flow('job')];
    const jobs = digests.flatMap((digest) => cut(whole, random).map((place) => ({ digest, place })));
    await Promise.all(
      [...random.shuffle(Uint32Array.from(jobs.keys()))].map(async (index) => {
        const { digest, place } = jobs[index]!;
        const work = await run(flows[random.integer(flows.length)]!, tileWork(place, digest));
        const all = expected.get(digest)!;
        const { classes } = adapters[digest];
        for (let pixel = 0; pixel < work.patches; pixel++) {
          const y = place.row + Math.floor(pixel / place.width);
          const at = y * scene.width + place.column + (pixel % place.width);
          assert.equal(work.labels[pixel], all.labels[at]);
          // The order of sums depends on the number of rows of a product: a share at the edge of two 255ths may fall on
          // either.
          assert.ok(Math.abs(work.confidence[pixel]! - all.confidence[at]!) <= 1);
          for (let i = 0; i < classes; i++) {
            const [share, other] = [work.probabilities[pixel * classes + i]!, all.probabilities[at * classes + i]!];
            assert.ok(Math.abs(share - other) <= 1);
          }
        }
      }),
    );
  }
});

test('linear probes share batches, each with its own head and its own number of classes', async () => {
  const batches = new EngineBatches(engine, new ServingStatistics());
  const together: Set<string>[] = [];
  const limits = schedulerLimits(64, { patches: 10_000, bytes: 1e9 });
  const scheduler = new PatchScheduler<EngineWork>((parts, options) => {
    together.push(new Set(parts.map(({ work }) => (work as TileWork).digest)));
    return batches.run(parts, options);
  }, limits);
  const probes = ['d', 'e', 'f'] as const;
  const alone = new Map<Digest, TileWork>();
  for (const digest of probes) alone.set(digest, await run(scheduler.flow('interactive'), tileWork(whole, digest)));
  const live0 = await live();
  together.length = 0;
  const places = Array.from({ length: 9 }, (_, index) => ({ row: index, column: index, height: 2, width: 3 }));
  const flow = scheduler.flow('interactive');
  const works = await Promise.all(
    places.flatMap((place) =>
      probes.map(async (digest) => ({ digest, place, work: await run(flow, tileWork(place, digest)) })),
    ),
  );
  assert.ok(
    together.some((owners) => owners.size === 3),
    'no batch held three adapters',
  );
  for (const { digest, place, work } of works) {
    const all = alone.get(digest)!;
    const { classes } = adapters[digest];
    for (let pixel = 0; pixel < work.patches; pixel++) {
      const at = (place.row + Math.floor(pixel / place.width)) * scene.width + place.column + (pixel % place.width);
      assert.equal(work.labels[pixel], all.labels[at]);
      for (let i = 0; i < classes; i++) {
        const [share, other] = [work.probabilities[pixel * classes + i]!, all.probabilities[at * classes + i]!];
        assert.ok(Math.abs(share - other) <= 1);
      }
    }
  }
  assert.equal(await live(), live0, 'nothing of a batch is left');
});

test('a small tile is answered between two blocks of a batch that has begun, with the same labels', async () => {
  const { scheduler } = newScheduler(1000);
  const place = { row: 1, column: 1, height: 1, width: 2 };
  const [small, large] = [
    await run(scheduler.flow('interactive'), tileWork(place, 'b')),
    await run(scheduler.flow('job'), tileWork(whole, 'a')),
  ];
  const before = await live();
  const order: string[] = [];
  const job = run(scheduler.flow('job'), tileWork(whole, 'a')).finally(() => order.push('large'));
  const visitor = run(scheduler.flow('interactive'), tileWork(place, 'b')).finally(() => order.push('small'));
  assert.deepEqual((await visitor).labels, small.labels);
  assert.deepEqual((await job).labels, large.labels);
  assert.deepEqual(order, ['small', 'large']);
  assert.equal(await live(), before);
});

test('when a tile’s labels are there nothing of it is left on the device', async () => {
  const before = await live();
  const { scheduler } = newScheduler(100);
  for (let round = 0; round < 5; round++) {
    await run(scheduler.flow('interactive'), tileWork(whole, 'a'));
    assert.equal(await live(), before);
  }
});

test('a tile that is cancelled between its batches is freed, and the others go on', async () => {
  const before = await live();
  const { scheduler, batches } = newScheduler(10);
  const cancelling = new AbortController();
  const work = tileWork(whole, 'a');
  const cancelled = run(scheduler.flow('interactive'), work, cancelling.signal).finally(() => batches.discard(work));
  const other = run(scheduler.flow('interactive'), tileWork(whole, 'b'));
  setTimeout(() => cancelling.abort(), 20);
  await assert.rejects(cancelled, hasCode('CANCELLED'));
  assert.deepEqual((await other).labels, (await run(scheduler.flow('interactive'), tileWork(whole, 'b'))).labels);
  assert.equal(await live(), before);
  assert.equal(scheduler.waitingPatches, 0);
});
