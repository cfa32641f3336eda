/**
 * The Open Inference Protocol, called by Triton's own client for Python and by a client of ours that does what it
 * cannot.
 */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Output, Padding, PixelContent, PixelType, type Scene, type Tile } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { HyperswapError } from '@hyperswap/errors';
import { hasCode } from '../support/errors.js';
import { eventually } from '../support/fleet.js';
import { InferenceClient, pixelRequest } from '../support/inference-client.js';
import { Python } from '../support/python.js';
import { prepareToy, startServices, toyScene, type Services } from '../support/services.js';
import { registerMadeUp, scoreHeader, TileStream } from '../support/tile-client.js';

const here = fileURLToPath(new URL('../../integration/', import.meta.url));
const python = await Python.with(path.join(here, 'requirements-triton.txt'));
const patchSize = 9;
const half = patchSize >> 1;
const toy = toyScene();
const tileSide = 12;

let services: Services;
let scene: Scene;
let client: InferenceClient;
/** Labels, confidence and probabilities of all pixels, as `ClassifyTiles` gives them. */
let expected: { labels: Buffer; confidence: Buffer; probabilities: Buffer };

/** Pixels of a part of the scene, row by row. */
function cut(row: number, column: number, height: number, width: number): Uint16Array {
  const values = new Uint16Array(height * width * toy.bands);
  for (let y = 0; y < height; y++) {
    const start = ((row + y) * toy.width + column) * toy.bands;
    values.set(toy.values.subarray(start, start + width * toy.bands), y * width * toy.bands);
  }
  return values;
}

const tilePixels = cut(5, 6, tileSide, tileSide);
/** Patches around some pixels of the tile that are not near its edge. */
const centres = Array.from({ length: 10 }, (_, index) => ({ row: 4 + (index % 4), column: 4 + (index >> 2) }));
const patchPixels = Uint16Array.from(
  centres.flatMap(({ row, column }) => [...cut(5 + row - half, 6 + column - half, patchSize, patchSize)]),
);

before(async () => {
  services = await startServices();
  scene = await prepareToy(services);
  await registerMadeUp(services, scene, 'stripes', { patchSize });
  client = new InferenceClient(services.host.server.endpoint);
  const outputs = [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES];
  const stream = new TileStream(services.host.server.endpoint, {
    ...scoreHeader('', 'stripes'),
    ...{ pixelType: PixelType.PIXEL_TYPE_UINT16, content: PixelContent.PIXEL_CONTENT_RAW },
    ...{ outputs, padding: Padding.PADDING_REFLECT },
  });
  const window = { row: 0, column: 0, height: tileSide, width: tileSide };
  const tile: Tile = {
    ...{ id: 't', window, halo: 0, margins: undefined, adapter: '' },
    pixels: Buffer.from(tilePixels.buffer),
  };
  await stream.send(tile);
  const { outcome } = await stream.readResult();
  assert.equal(outcome?.$case, 'result');
  expected = outcome.value;
  stream.close();
});

after(async () => {
  client.close();
  await services.stop();
});

/** Shares in 255ths as the protocol gives them. */
const shares = (bytes: Buffer): number[] => [...Float32Array.from(bytes, (byte) => byte / 255)];
const labelsOfCentres = (): number[] => centres.map(({ row, column }) => expected.labels[row * tileSide + column]!);

interface Shown {
  readonly shape: number[];
  readonly type: string;
  readonly values: number[];
}

describe('tritonclient', { skip: typeof python === 'string' && python }, () => {
  let answer: Record<string, unknown>;

  before(async () => {
    assert.ok(typeof python !== 'string');
    const asked = {
      endpoint: services.host.server.endpoint,
      model: 'stripes',
      tile: { shape: [tileSide, tileSide, toy.bands], values: [...tilePixels] },
      patches: { shape: [centres.length, patchSize, patchSize, toy.bands], values: [...patchPixels] },
    };
    answer = JSON.parse(await python.run(path.join(here, 'triton_client.py'), [], JSON.stringify(asked))) as Record<
      string,
      unknown
    >;
  });

  const shown = (name: string): Record<string, Shown> => answer[name] as Record<string, Shown>;

  test('sees a live, ready server and what it serves', () => {
    assert.deepEqual([answer.live, answer.ready, answer.modelReady, answer.unknownReady], [true, true, true, false]);
    const { name, extensions } = answer.server as { name: string; extensions: string[] };
    assert.equal(name, 'hyperswap');
    assert.deepEqual(extensions, ['model_repository', 'model_configuration', 'statistics']);
  });

  test('gets labels, confidence and probabilities of a tile that equal those of ClassifyTiles', () => {
    const { labels, confidence, probabilities } = shown('tile') as Record<string, Shown>;
    assert.deepEqual([labels!.shape, labels!.type], [[tileSide, tileSide], 'uint8']);
    assert.deepEqual(labels!.values, [...expected.labels]);
    assert.equal(confidence!.type, 'float32');
    assert.deepEqual(confidence!.values, shares(expected.confidence));
    assert.deepEqual(probabilities!.shape, [tileSide, tileSide, 3]);
    assert.deepEqual(probabilities!.values, shares(expected.probabilities));
    assert.deepEqual(shown('batchedTile').labels, { ...labels, shape: [1, tileSide, tileSide] });
  });

  test('gets labels of patches that equal those of their pixels in a tile', () => {
    const labels = { shape: [centres.length], type: 'uint8', values: labelsOfCentres() };
    assert.deepEqual(shown('patches').labels, labels);
    const wanted = centres.flatMap(({ row, column }) => {
      const first = 3 * (row * tileSide + column);
      return shares(expected.probabilities.subarray(first, first + 3));
    });
    assert.ok(new Set(wanted).size > 3, 'the patches differ');
    assert.deepEqual(shown('patches').probabilities!.values, wanted);
    assert.deepEqual(shown('floats').labels, labels);
    assert.deepEqual(answer.asynchronous, labels.values);
  });

  test('sends and gets typed contents', () => {
    const { labels, confidence } = answer.typed as Record<string, number[]>;
    assert.deepEqual(labels, [...expected.labels]);
    assert.deepEqual(confidence, shares(expected.confidence));
  });

  test('streams requests, and an error does not end the stream', () => {
    const { one, two, error } = answer.stream as Record<string, unknown>;
    assert.deepEqual(one, labelsOfCentres());
    assert.deepEqual(two, [...expected.labels]);
    assert.match(String(error), /Tensor nothing: there is no such input/);
  });

  test('is told which model, version, shape or type is wrong', () => {
    const errors = ['unknownModel', 'unknownVersion', 'wrongShape', 'wrongType', 'sharedMemory'].map(
      (name) => answer[name] as { status: string; message: string },
    );
    assert.deepEqual(
      errors.map(({ status }) => status.replace('StatusCode.', '')),
      ['NOT_FOUND', 'NOT_FOUND', 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'UNIMPLEMENTED'],
    );
    assert.match(errors[0]!.message, /nobody/);
    assert.match(errors[1]!.message, /stripes@99/);
    assert.match(errors[2]!.message, /\[10, 8, 9, 16\]; this model takes \[n, 9, 9, 16\]/);
    assert.match(errors[3]!.message, /INT64; pixels are UINT8, UINT16, INT16, FP32/);
  });

  test('reads metadata and configuration whose shapes fit each other', () => {
    const { versions, inputs } = answer.metadata as { versions: string[]; inputs: { name: string; shape: string[] }[] };
    assert.deepEqual(versions, ['1']);
    assert.deepEqual(inputs[0], { name: 'patches', datatype: 'FP32', shape: ['-1', '9', '9', '16'] });
    const { config } = answer.config as { config: { max_batch_size: number; input: { dims: string[] }[] } };
    assert.ok(config.max_batch_size > 0);
    assert.deepEqual(config.input[0]!.dims, inputs[0]!.shape.slice(1));
  });

  test('finds the model in the index, and what was done with it in the statistics', () => {
    const { models } = answer.index as { models: { name: string; version: string; state: string }[] };
    assert.deepEqual(models, [{ name: 'stripes', version: '1', state: 'READY' }]);
    const [statistics] = (answer.statistics as { model_stats: Record<string, unknown>[] }).model_stats;
    const {
      inference_stats: times,
      inference_count: patches,
      execution_count: batches,
      batch_stats: sizes,
    } = statistics!;
    const { success, fail } = times as Record<string, { count: string; ns: string }>;
    // 8 requests of this client, and the tile of ClassifyTiles.
    assert.equal(success!.count, '9');
    assert.ok(Number(success!.ns) > 0);
    // An input of the stream that has another name, a wrong shape, a wrong type.
    assert.equal(fail!.count, '3');
    assert.equal(Number(patches), 4 * tileSide ** 2 + tileSide ** 2 + 4 * centres.length);
    const counted = (sizes as { batch_size: string; compute_infer: { count: string } }[]).map(
      ({ batch_size: size, compute_infer: { count } }) => [Number(size), Number(count)] as const,
    );
    assert.equal(
      counted.reduce((sum, [size, count]) => sum + size * count, 0),
      Number(patches),
    );
    assert.equal(
      counted.reduce((sum, [, count]) => sum + count, 0),
      Number(batches),
    );
  });
});

test('an empty version means the alias stable, else the newest version', async () => {
  await registerMadeUp(services, scene, 'versions', { patchSize, seed: 2 });
  await registerMadeUp(services, scene, 'versions', { patchSize, seed: 3 });
  const request = pixelRequest('versions', tilePixels, [tileSide, tileSide, toy.bands]);
  const versionOf = async (change: object): Promise<string> =>
    (await client.infer({ ...request, ...change })).modelVersion;
  assert.equal(await versionOf({}), '2');
  await callUnary(services.adapters, 'setAlias', { adapter: 'versions@1', alias: 'stable' });
  assert.equal(await versionOf({}), '1');
  assert.equal(await versionOf({ modelVersion: '2' }), '2');
  assert.equal(await versionOf({ modelName: 'versions:stable' }), '1');
  await callUnary(services.adapters, 'setAlias', { adapter: 'versions@2', alias: 'next' });
  const alias = { parameterChoice: { $case: 'stringParam', value: 'next' } };
  assert.equal(await versionOf({ parameters: { alias } }), '2');
  await callUnary(services.adapters, 'retireAdapter', { adapter: 'versions@2', undo: false });
  await assert.rejects(versionOf({ modelVersion: '2' }), hasCode('ADAPTER_RETIRED'));
  const { models } = await client.call('repositoryIndex', { repositoryName: '', ready: false });
  const found = models.filter(({ name }) => name === 'versions').map(({ version, state }) => `${version} ${state}`);
  assert.deepEqual(found, ['1 READY', '2 UNAVAILABLE']);
});

test('loading pins a model and unloading takes its pins back, in the messages of Triton and of KServe', async () => {
  await registerMadeUp(services, scene, 'pinned', { patchSize, seed: 4 });
  const pins = async (): Promise<string[]> =>
    (await callUnary(services.adapters, 'getAdapter', { adapter: 'pinned' })).adapter!.pins;
  const bound = async (): Promise<boolean> =>
    (await callUnary(services.tiles, 'getStatus', {})).bindings.some(({ adapter }) => adapter === 'pinned@1');
  const loaded = await client.call('repositoryModelLoad', {
    ...{ repositoryName: '', modelName: 'pinned', parameters: {} },
  });
  assert.deepEqual(loaded, { modelName: 'pinned', isLoaded: true });
  assert.ok(await bound());
  assert.deepEqual(await pins(), ['pinned']);
  // KServe's message has the model's name in field 1.
  await client.call('repositoryModelUnload', { repositoryName: 'pinned', modelName: '', parameters: {} });
  assert.deepEqual(await pins(), []);
  await assert.rejects(
    client.call('repositoryModelLoad', { repositoryName: '', modelName: 'nobody', parameters: {} }),
    hasCode('ADAPTER_NOT_FOUND'),
  );
});

test('requests for which there is no room are refused, and the client is told when to try again', async () => {
  const large = new Uint16Array(200 * 200 * toy.bands).fill(2000);
  const request = pixelRequest('stripes', large, [200, 200, toy.bands]);
  const controller = new AbortController();
  const { signal } = controller;
  setMaxListeners(0, signal);
  const requests = Array.from({ length: 40 }, () =>
    client.infer(request, { signal }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  const first = await Promise.race(requests);
  hasCode('QUEUE_FULL')(first);
  // Nothing of what is cancelled stays in the queue.
  controller.abort();
  await Promise.all(requests);
  await eventually(30_000, async () => {
    const { waitingPatches, waitingBytes } = await callUnary(services.tiles, 'getStatus', {});
    assert.deepEqual([waitingPatches, waitingBytes], [0, 0]);
  });
});

test('the statistics count requests that failed and those that were refused, each once', async () => {
  const statistics = async () => {
    const request = { name: 'stripes', version: '1' };
    const { modelStats } = await callUnary(services.inference, 'modelStatistics', request);
    const { fail, success } = modelStats[0]!.inferenceStats!;
    return { failed: fail!.count, time: fail!.ns, succeeded: success!.count };
  };
  const good = pixelRequest('stripes', tilePixels, [tileSide, tileSide, toy.bands]);
  await client.infer(good);
  const before = await statistics();
  await assert.rejects(client.infer({ ...good, rawInputContents: [Buffer.alloc(7)] }), hasCode('TENSOR_INVALID'));
  await assert.rejects(client.infer({ ...good, outputs: [{ name: 'logits', parameters: {} }] }));
  await assert.rejects(client.infer({ ...good, modelName: 'nobody' }), hasCode('ADAPTER_NOT_FOUND'));
  assert.deepEqual((await statistics()).failed, before.failed + 2);
  // Forty large requests: those for which there is no room are refused, and the others are cancelled.
  const large = new Uint16Array(200 * 200 * toy.bands).fill(2000);
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const request = pixelRequest('stripes', large, [200, 200, toy.bands]);
  const requests = Array.from({ length: 40 }, () => client.infer(request, { signal: controller.signal }));
  await Promise.race(requests.map((each) => each.catch(() => undefined)));
  controller.abort();
  const ends = await Promise.allSettled(requests);
  const answered = ends.filter(({ status }) => status === 'fulfilled').length;
  const refused = ends.filter((end) => end.status === 'rejected' && HyperswapError.is(end.reason, 'QUEUE_FULL')).length;
  assert.ok(refused > 0, 'there was room for all');
  await eventually(30_000, async () => {
    const { failed, time, succeeded } = await statistics();
    assert.ok(failed >= before.failed + 2 + refused);
    assert.ok(succeeded >= before.succeeded + answered);
    // A cancelled request may have ended before it reached the server.
    assert.ok(failed + succeeded <= before.failed + 2 + before.succeeded + ends.length);
    assert.ok(time > before.time);
  });
});

test('a request ends at its deadline, and at the end of its parameter timeout, though it waits', async () => {
  const large = new Uint16Array(250 * 250 * toy.bands).fill(2000);
  const request = pixelRequest('stripes', large, [250, 250, toy.bands]);
  await assert.rejects(client.infer(request, { timeout: 200 }), hasCode('DEADLINE'));
  const timeout = { parameterChoice: { $case: 'int64Param', value: 200_000 } } as const;
  await assert.rejects(client.infer({ ...request, parameters: { timeout } }, { timeout: 60_000 }), hasCode('DEADLINE'));
  await eventually(30_000, async () => {
    assert.equal((await callUnary(services.tiles, 'getStatus', {})).waitingPatches, 0);
  });
});

test('scores of a prepared scene are classified too, and those of another PCA are refused', async () => {
  const scores = Float32Array.from({ length: tileSide ** 2 * 12 }, (_, index) => ((index * 37) % 401) - 200);
  const request = pixelRequest('stripes', scores, [tileSide, tileSide, 12], { scene: 'toy' });
  assert.equal((await client.infer(request)).rawOutputContents[0]!.length, tileSide ** 2);
  await prepareToy(services, 'other', toyScene(20, 20, 16, 7));
  await assert.rejects(
    client.infer(pixelRequest('stripes', scores, [tileSide, tileSide, 12], { scene: 'other' })),
    hasCode('PCA_MISMATCH'),
  );
});

test('tensors that are not what they say are refused', async () => {
  const good = pixelRequest('stripes', tilePixels, [tileSide, tileSide, toy.bands]);
  const [input] = good.inputs;
  const refused = async (change: Partial<typeof good>, message: RegExp): Promise<void> => {
    await assert.rejects(client.infer({ ...good, ...change }), (error: unknown) => {
      assert.match((error as Error).message, message);
      return true;
    });
  };
  await refused({ inputs: [] }, /not 0/);
  await refused({ inputs: [input!, input!] }, /not 2/);
  await refused({ rawInputContents: [Buffer.alloc(7)] }, /7 bytes, no whole number of UINT16/);
  await refused({ rawInputContents: [Buffer.alloc(8)] }, /has 4 values; its shape/);
  await refused({ rawInputContents: [Buffer.alloc(8), Buffer.alloc(8)] }, /2 raw contents/);
  await refused({ inputs: [{ ...input!, shape: [0, 1, 16] }] }, /sizes below 1/);
  await refused({ inputs: [{ ...input!, shape: [tileSide ** 2, toy.bands] }] }, /this model takes \[rows/);
  await refused({ outputs: [{ name: 'logits', parameters: {} }] }, /no such output; ask for labels/);
  await refused({ modelVersion: 'newest' }, /no version number/);
  const halo = { parameterChoice: { $case: 'int64Param', value: 6 } } as const;
  await refused({ inputs: [{ ...input!, parameters: { halo } }] }, /a halo of 6 pixels leaves nothing/);
  const nan = new Float32Array(tileSide ** 2 * toy.bands).fill(1);
  nan[77] = NaN;
  await assert.rejects(
    client.infer(pixelRequest('stripes', nan, [tileSide, tileSide, toy.bands])),
    hasCode('TENSOR_INVALID', /value 77 is NaN or infinite/),
  );
});
