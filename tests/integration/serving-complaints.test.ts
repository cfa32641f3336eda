/**
 * Complaints of users of other adapter servers, each as a test against pods on a real NATS and MinIO. docs/serving.md
 * has the table of complaints with these names.
 */
import { credentials } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  DesiredState,
  Precision,
  Output,
  TileServiceClient,
  type AdapterVersion,
  type GetStatusResponse,
  type PredictRequest,
  type Scene,
  type TileResult,
} from '@hyperswap/proto';
import { callUnary, connect, exchange, fromErrorStatus } from '@hyperswap/rpc';
import { eventually, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { healthOf, SERVING } from '../support/health.js';
import { memoryOf } from '../support/process-memory.js';
import { serversMissing } from '../support/servers.js';
import { prepareToy } from '../support/services.js';
import { registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

const half = 4;
const mebibyte = 1024 ** 2;

describe('complaints about other servers', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let first: Pod;
  let second: Pod;
  let scene: Scene;
  const settings = { HYPERSWAP_PRECISION: 'float32', HYPERSWAP_BINDING_BYTES: String(64 * mebibyte) };

  before(async () => {
    fleet = await startFleet();
    first = await fleet.startPod('preprocessing,tile-inference', settings);
    second = await fleet.startPod('tile-inference', settings);
    scene = await prepareToy(first);
  });

  after(() => fleet.stop());

  const register = (name: string, seed: number, classes = 3, method = 'krona+'): Promise<AdapterVersion> =>
    registerMadeUp(first, scene, name, { patchSize: 9, seed, classes, method });
  const statusOf = ({ tiles }: Pod): Promise<GetStatusResponse> => callUnary(tiles, 'getStatus', {});

  /** Opens a stream whose results have probabilities. */
  function open(pod: Pod, adapter: string): TileStream {
    const outputs = [Output.OUTPUT_PROBABILITIES];
    return new TileStream(pod.endpoint, scoreHeader(scene.name, adapter, { outputs }));
  }

  /** Classifies tiles on one stream, all of them sent at once. @param adapters the adapter of each tile */
  async function classify(pod: Pod, adapters: readonly string[], side = 4): Promise<TileResult[]> {
    const stream = open(pod, adapters[0]!);
    try {
      for (const [index, adapter] of adapters.entries()) {
        await stream.send(scoreTile(String(index), side, half, adapter));
      }
      const results = new Map<string, TileResult>();
      while (results.size < adapters.length) {
        const { id, outcome } = await stream.readResult();
        if (outcome?.$case === 'result') results.set(id, outcome.value);
      }
      return adapters.map((_, index) => results.get(String(index))!);
    } finally {
      stream.close();
    }
  }

  /** Returns a result without its times. */
  const answerOf = ({ adapter, adapterDigest, labels, probabilities }: TileResult) => ({
    adapter,
    adapterDigest,
    labels: Buffer.from(labels),
    probabilities: Buffer.from(probabilities),
  });

  async function isBound(pod: Pod, reference: string): Promise<void> {
    await eventually(10_000, async () => {
      const found = (await statusOf(pod)).desired.find(({ adapter }) => adapter === reference);
      assert.equal(found?.state, DesiredState.DESIRED_STATE_BOUND, reference);
    });
  }

  test('stale answers after a same-name update', async () => {
    for (let version = 1; version <= 6; version++) {
      const { digest } = await register('updated', 100 + version);
      for (const pod of [second, first]) {
        const [byName] = await classify(pod, ['updated']);
        assert.deepEqual([byName!.adapter, byName!.adapterDigest], [`updated@${version}`, digest]);
        const [byVersion] = await classify(pod, [`updated@${version}`]);
        assert.deepEqual(answerOf(byName!), answerOf(byVersion!));
      }
    }
    // Versions that differ answer differently, so that the comparison above can fail.
    const [old] = await classify(first, ['updated@1']);
    const [latest] = await classify(first, ['updated']);
    assert.notDeepEqual(old!.probabilities, latest!.probabilities);
  });

  test('replicas that disagree after a load or a restart', async () => {
    await register('shared', 7);
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'shared', undo: false });
    await Promise.all([first, second].map((pod) => isBound(pod, 'shared@1')));
    const [wanted] = await classify(first, ['shared']);
    const [other] = await classify(second, ['shared']);
    assert.deepEqual(answerOf(other!), answerOf(wanted!));
    await second.stop();
    // Published while that pod is away.
    await register('shared', 8);
    await isBound(first, 'shared@2');
    second = await fleet.startPod('tile-inference', settings);
    await isBound(second, 'shared@2');
    const answers = await Promise.all(
      [first, second].map(async (pod) => answerOf((await classify(pod, ['shared']))[0]!)),
    );
    assert.equal(answers[0]!.adapter, 'shared@2');
    assert.deepEqual(answers[1], answers[0]);
  });

  test('a hot adapter stuck on one replica', async () => {
    await register('hot', 9);
    const earlier = await Promise.all([first, second].map(statusOf));
    // One client and one channel, as a service name with two addresses makes it.
    const client = connect(TileServiceClient, `ipv4:${first.endpoint},${second.endpoint}`);
    const one = async (): Promise<void> => {
      // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
      async function* requests() {
        yield { part: { $case: 'header' as const, value: scoreHeader(scene.name, 'hot') } };
        yield { part: { $case: 'tile' as const, value: scoreTile('hot', 4, half) } };
      }
      for await (const { outcome } of exchange(client, client.classifyTiles(), requests())) {
        assert.equal(outcome?.$case, 'result');
      }
    };
    try {
      await Promise.all([first, second].map((_, index) => setTimeout(index * 100).then(one)));
      for (let i = 0; i < 10; i++) await one();
    } finally {
      client.close();
    }
    const later = await Promise.all([first, second].map(statusOf));
    const shares = later.map(({ classifiedPatches }, index) => classifiedPatches - earlier[index]!.classifiedPatches);
    assert.equal(shares[0]! + shares[1]!, 12 * 16);
    assert.ok(
      shares.every((share) => share >= 5 * 16),
      `${shares.join(' and ')} patches`,
    );
  });

  test('a cold first request', async () => {
    await register('warm', 10);
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'warm', undo: false });
    const third = await fleet.startPod('tile-inference', settings);
    try {
      await eventually(20_000, async () =>
        assert.equal(await healthOf(third.endpoint, 'hyperswap.v1.TileService'), SERVING),
      );
      // It is bound before the pod takes its first request.
      assert.ok((await statusOf(third)).bindings.some(({ adapter }) => adapter === 'warm@1'));
      const engineTimes: number[] = [];
      for (let i = 0; i < 6; i++) {
        const [{ engine } = assert.fail()] = await classify(third, ['warm']);
        engineTimes.push(engine!.seconds * 1000 + engine!.nanos / 1e6);
      }
      const [firstTime, ...later] = engineTimes;
      // A first batch that had to read, build or compile something takes many times longer.
      assert.ok(firstTime! < 5 * Math.max(...later) + 100, engineTimes.map((time) => time.toFixed(0)).join(' '));
    } finally {
      await third.stop();
    }
  });

  test('heads that differ per adapter in one batch', async () => {
    const classes = [2, 3, 7, 16];
    const names = classes.map((count) => `head-${count}`);
    for (const [index, name] of names.entries()) await register(name, 20 + index, classes[index]);
    const alone: TileResult[] = [];
    for (const name of names) alone.push(...(await classify(first, [name])));
    const mixed = await classify(first, [...names, ...names, ...names]);
    for (const [index, result] of mixed.entries()) {
      assert.equal(result.probabilities.length, 16 * classes[index % 4]!);
      assert.deepEqual(answerOf(result), answerOf(alone[index % 4]!));
    }
  });

  test('N adapters and the base in one batch', async () => {
    // Methods that change the backbone in different places, and one that leaves it as it is.
    const methods = ['linear-probe', 'bitfit', 'lora', 'lokr', 'krona', 'loha', 'dora', 'lora+'];
    for (const [index, method] of methods.entries()) await register(`mixed-${index}`, 40 + index, 4, method);
    const names = methods.map((_, index) => `mixed-${index}`);
    const alone: TileResult[] = [];
    for (const name of names) alone.push(...(await classify(first, [name])));
    /** Features of the bare backbone, `[2, width]`. */
    const features = async (): Promise<Buffer> => {
      const precision = Precision.PRECISION_UNSPECIFIED;
      const patches = Buffer.from(
        new Float32Array(2 * 12 * 32 * 32).map((_, index) => ((index * 31) % 97) / 97).buffer,
      );
      // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
      async function* requests(): AsyncGenerator<PredictRequest> {
        yield { part: { $case: 'header', value: { backbone: '', precision, adapter: undefined } } };
        yield { part: { $case: 'patches', value: patches } };
      }
      const rows: Buffer[] = [];
      for await (const { values } of exchange(first.tiles, first.tiles.predict(), requests()))
        rows.push(Buffer.from(values));
      return Buffer.concat(rows);
    };
    const base = await features();
    assert.ok(base.length > 0);
    const [mixed, ...bases] = await Promise.all([classify(first, [...names, ...names]), features(), features()]);
    for (const [index, result] of mixed.entries()) assert.deepEqual(answerOf(result), answerOf(alone[index % 8]!));
    for (const found of bases) assert.deepEqual(found, base);
    assert.equal(await healthOf(first.endpoint), SERVING);
  });

  test('update of a pinned adapter', async () => {
    await register('pinned', 60);
    await callUnary(first.adapters, 'pinAdapter', { adapter: 'pinned', undo: false });
    await Promise.all([first, second].map((pod) => isBound(pod, 'pinned@1')));
    for (let version = 2; version <= 4; version++) {
      const streaming = classify(
        second,
        Array.from({ length: 40 }, () => 'pinned'),
      );
      await register('pinned', 60 + version);
      await Promise.all([first, second].map((pod) => isBound(pod, `pinned@${version}`)));
      for (const { adapter } of await streaming) {
        assert.ok([`pinned@${version - 1}`, `pinned@${version}`].includes(adapter), adapter);
      }
    }
    const { desired } = await statusOf(second);
    assert.deepEqual(
      desired.map(({ adapter }) => adapter).filter((name) => name.startsWith('pinned@')),
      ['pinned@4'],
    );
  });

  test('a cancelled call that goes on computing', async () => {
    await register('left', 70);
    const stream = open(first, 'left');
    try {
      for (let i = 0; i < 8; i++) await stream.send(scoreTile(String(i), 48, half));
      await eventually(20_000, async () => assert.ok((await statusOf(first)).waitingPatches > 1_000));
    } finally {
      stream.close();
    }
    await endsSoon(first);
  });

  test('a deadline that passes while the work goes on', async () => {
    await register('late', 71);
    const client = new TileServiceClient(first.endpoint, credentials.createInsecure());
    const call = client.classifyTiles({ deadline: Date.now() + 1_500 });
    const ended = once(call, 'error').then(([error]) => error as { code: number });
    try {
      call.write({ part: { $case: 'header', value: scoreHeader(scene.name, 'late') } });
      for (let i = 0; i < 8; i++) call.write({ part: { $case: 'tile', value: scoreTile(String(i), 48, half) } });
      call.resume();
      assert.equal((await ended).code, 4, 'DEADLINE_EXCEEDED');
      await endsSoon(first);
    } finally {
      client.close();
    }
  });

  /** Nothing waits, and after the batches that were in the engine nothing is classified. */
  async function endsSoon(pod: Pod): Promise<void> {
    await eventually(3_000, async () => {
      const { waitingPatches, waitingBytes } = await statusOf(pod);
      assert.deepEqual([waitingPatches, waitingBytes], [0, 0]);
    });
    await setTimeout(500);
    const { classifiedPatches } = await statusOf(pod);
    await setTimeout(1_000);
    assert.equal((await statusOf(pod)).classifiedPatches, classifiedPatches);
  }

  test('a shutdown that drops work under way, or goes on computing after it', async () => {
    await register('ending', 72);
    const pod = await fleet.startPod('tile-inference', settings);
    const stream = open(pod, 'ending');
    const count = 12;
    for (let i = 0; i < count; i++) await stream.send(scoreTile(String(i), 6, half));
    const { outcome } = await stream.readResult();
    assert.equal(outcome?.$case, 'result');
    const exit = once(pod.process, 'exit');
    pod.process.kill('SIGTERM');
    // Accepted tiles are answered; then the stream ends with a reason that asks to call another pod.
    const end = await (async () => {
      for (let answered = 1; ; answered++) {
        const read = await stream.readResult().then(
          () => undefined,
          (error: unknown) => ({ error, answered }),
        );
        if (read !== undefined) return read;
      }
    })();
    assert.equal(end.answered, count);
    assert.match(String(end.error), /UNAVAILABLE|drain/i);
    assert.deepEqual(await exit, [0, null]);
    stream.close();
  });

  test('memory that is not returned after an unload', async () => {
    // 1.7 MB each, of which four fit: 96 loads would be 160 MB if nothing was returned.
    const names = Array.from({ length: 24 }, (_, index) => `large-${index}`);
    for (const [index, name] of names.entries()) await register(name, 80 + index);
    const pod = await fleet.startPod('tile-inference', {
      ...settings,
      HYPERSWAP_BINDING_BYTES: String(8 * mebibyte),
    });
    const pid = pod.process.pid!;
    try {
      const round = async (): Promise<void> => {
        for (const name of names) await classify(pod, [name]);
      };
      await round();
      const loaded = memoryOf(pid);
      for (let rounds = 0; rounds < 4; rounds++) await round();
      const grown = (memoryOf(pid) - loaded) / mebibyte;
      assert.ok(grown < 80, `${grown.toFixed(0)} MiB more after 96 loads of 1.7 MB`);
      // Pinned, they stay beside the budget; unpinned, they go.
      const tensors = async (): Promise<number> => (await statusOf(pod)).engine!.liveTensors;
      const cached = { tensors: await tensors(), bindings: (await statusOf(pod)).bindings.length };
      assert.ok(cached.bindings < names.length, `${cached.bindings} bindings fit the budget`);
      for (const adapter of names) await callUnary(first.adapters, 'pinAdapter', { adapter, undo: false });
      await Promise.all(names.map((name) => isBound(pod, `${name}@1`)));
      assert.ok((await tensors()) > cached.tensors);
      const most = memoryOf(pid);
      for (const adapter of names) await callUnary(first.adapters, 'pinAdapter', { adapter, undo: true });
      await eventually(10_000, async () => {
        assert.ok((await statusOf(pod)).bindings.length <= cached.bindings);
        assert.ok((await tensors()) <= cached.tensors);
      });
      assert.ok(memoryOf(pid) <= most + 20 * mebibyte);
    } finally {
      await pod.stop();
    }
  });

  test('an adapter that is not there is refused, and never answered by the bare backbone', async () => {
    const stream = open(first, 'nobody');
    await stream.send(scoreTile('x', 4, half));
    await assert.rejects(async () => {
      const { outcome } = await stream.read();
      if (outcome?.$case === 'error') throw fromErrorStatus(outcome.value);
    }, /nobody/);
    stream.close();
  });
});
