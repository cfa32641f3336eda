/** Adapters with diffused features: trained, tested and served on whole scenes, and refused elsewhere. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readAdapter } from '@hyperswap/adapter';
import {
  AdapterFormat,
  Precision,
  SceneJobMode,
  type ClassifySceneRequest,
  type PredictRequest,
  type SceneJob,
} from '@hyperswap/proto';
import { callUnary, exchange, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import {
  exportBlob,
  labelsOf,
  prepareToy,
  readMapOf,
  startServices,
  train,
  type Services,
} from '../support/services.js';
import { scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

let services: Services;

before(async () => {
  services = await startServices();
  await prepareToy(services);
});

after(() => services.stop());

async function classified(adapter: string, change: Partial<ClassifySceneRequest> = {}): Promise<SceneJob> {
  const request = { scene: 'toy', adapter, chunkSize: 0, detached: false, probabilities: false, ...change };
  for await (const { event } of readStream(services.sceneJobs, services.sceneJobs.classifyScene(request))) {
    if (event?.$case === 'done') return event.value;
  }
  throw new Error('the job ended without a map');
}

test('the map of a diffused adapter is what its training measured, however the scene is cut, and differs from the plain one', async () => {
  const { testPixels, chosenSettings, metrics } = await train(services, {
    adapter: 'diffused',
    settings: { diffuse: '4', epochs: '4', shift: '0', orientations: 'false' },
  });
  assert.deepEqual(chosenSettings, { diffuse: '4' });
  const { metadata } = readAdapter('diffused', await exportBlob(services, 'diffused'));
  assert.deepEqual([metadata.formatVersion, metadata.diffusion], [2, { reach: 4 }]);
  const job = await classified('diffused');
  const map = await readMapOf(services, job);
  const small = await readMapOf(services, await classified('diffused', { chunkSize: 7 }));
  assert.deepEqual(small, map);
  // The split of single pixels has no guard band: the walks of the test are those of the map.
  const scene = (await callUnary(services.scenes, 'getScene', { name: 'toy' })).scene!;
  const truth = await labelsOf(services, scene, '');
  const labelled = [...truth.keys()].filter((pixel) => truth[pixel]! > 0);
  const right = labelled.filter((pixel) => map[pixel] === truth[pixel]).length;
  const trained = labelled.length - testPixels;
  const least = metrics!.overallAccuracy * testPixels;
  assert.ok(right >= least - 1 && right <= least + trained + 1, `${right}, ${least} of the test and ${trained} others`);
  await train(services, { adapter: 'plain', settings: { epochs: '4', shift: '0', orientations: 'false' } });
  assert.notDeepEqual(await readMapOf(services, await classified('plain')), map);
});

test('tiles, patches, PEFT and adaptive jobs refuse a diffused adapter, and never answer without its diffusion', async () => {
  const needsScene = hasCode('ADAPTER_NEEDS_SCENE', /diffused@1.*whole scenes/);
  const stream = new TileStream(services.host.server.endpoint, scoreHeader('toy', 'diffused'));
  await stream.send(scoreTile('one', 4, 4));
  await assert.rejects(stream.readResult(), needsScene);
  stream.close();
  const blob = await exportBlob(services, 'diffused');
  const { tiles } = services;
  for (const adapter of [{ $case: 'reference', value: 'diffused' } as const, { $case: 'blob', value: blob } as const]) {
    // eslint-disable-next-line @typescript-eslint/require-await -- the stream takes an async iterable
    async function* requests(): AsyncGenerator<PredictRequest> {
      const header = { backbone: '', precision: Precision.PRECISION_UNSPECIFIED, adapter };
      yield { part: { $case: 'header', value: header } };
      yield { part: { $case: 'patches', value: Buffer.alloc(4 * 12 * 32 ** 2) } };
    }
    const predicted = async (): Promise<void> => {
      for await (const part of exchange(tiles, tiles.predict(), requests())) assert.fail(`answered ${part.count} rows`);
    };
    await assert.rejects(predicted(), hasCode('ADAPTER_NEEDS_SCENE'));
  }
  const { adapters } = services;
  const exported = readStream(
    adapters,
    adapters.exportAdapter({ adapter: 'diffused', format: AdapterFormat.ADAPTER_FORMAT_PEFT }),
  );
  await assert.rejects(async () => {
    for await (const part of exported) assert.ok(part);
  }, hasCode('PEFT_EXPORT'));
  const mode = SceneJobMode.SCENE_JOB_MODE_ADAPTIVE;
  await assert.rejects(classified('diffused', { mode }), hasCode('FIELD_INVALID', /adaptive/));
});

test('a calibrated diffused adapter gives the same labels with another confidence', async () => {
  const settings = { diffuse: '4', epochs: '4', shift: '0', orientations: 'false' };
  const { calibration, metrics } = await train(services, {
    adapter: 'calibrated',
    settings: { ...settings, calibrate: 'true' },
  });
  assert.ok(calibration!.pixels > 0);
  // The pixel of no class makes the map a little less sure if all held-back pixels are right.
  const { temperature, lossBefore, lossAfter } = calibration!;
  assert.ok(lossAfter < lossBefore + 0.1, `${lossBefore} before, ${lossAfter} after, temperature ${temperature}`);
  const plain = readAdapter('diffused', await exportBlob(services, 'diffused'));
  const own = readAdapter('calibrated', await exportBlob(services, 'calibrated'));
  assert.deepEqual([own.metadata.formatVersion, own.metadata.diffusion], [2, { reach: 4 }]);
  plain.tensors.headWeight.values.forEach((value, place) => {
    const divided = value / temperature;
    assert.ok(Math.abs(own.tensors.headWeight.values[place]! - divided) <= 1e-5 * Math.abs(divided) + 1e-9);
  });
  const uncalibrated = await train(services, { adapter: 'diffused', settings });
  assert.equal(metrics!.overallAccuracy, uncalibrated.metrics!.overallAccuracy);
});

test('a diffused adapter labels pixels for a second one, also for its calibration', async () => {
  const settings = { diffuse: '4', shift: '0', orientations: 'false', pseudoLabels: '20', calibrate: 'true' };
  const blocks = { labelMap: '', blockSize: 6, trainShare: 0.5, limit: 4, guard: 3, seed: 2 };
  const split = { kind: { $case: 'blocks', value: blocks } } as const;
  const labelled = await train(services, { adapter: 'labelled', patchSize: 5, split, settings });
  const [, added] = /; (\d+) more pixels labelled by a first classifier/.exec(labelled.split) ?? [];
  assert.ok(Number(added) > 20, labelled.split);
  const { metadata, tensors } = readAdapter('labelled', await exportBlob(services, 'labelled'));
  assert.deepEqual(metadata.diffusion, { reach: 4 });
  assert.equal(metadata.calibration!.temperature, labelled.calibration!.temperature);
  const alone = await train(services, {
    ...{ adapter: 'alone', patchSize: 5, split, settings: { ...settings, pseudoLabels: '0', calibrate: 'false' } },
  });
  const [mine, other] = [labelled.metrics!.overallAccuracy, alone.metrics!.overallAccuracy];
  const plain = readAdapter('alone', await exportBlob(services, 'alone'));
  const scaled = plain.tensors.headWeight.values.map((value) => value / labelled.calibration!.temperature);
  assert.notDeepEqual(tensors.headWeight.values, scaled, 'the head learned from more pixels');
  assert.ok(mine > other - 0.05, `${mine}, and ${other} without pseudo-labels`);
});

test('training pixels choose the reach, and reach 0 trains the bytes of a plain adapter', async () => {
  const blocks = { labelMap: '', blockSize: 6, trainShare: 0.5, limit: 20, guard: 3, seed: 2 };
  const split = { kind: { $case: 'blocks', value: blocks } } as const;
  const settings = { epochs: '2', shift: '0', orientations: 'false' };
  const chosen = await train(services, {
    ...{ adapter: 'chosen', patchSize: 5, split, settings: { ...settings, diffuse: 'auto' } },
  });
  assert.match(chosen.chosenSettings.diffuse!, /^(0|2|5|10|20)$/);
  await train(services, { adapter: 'none', patchSize: 5, split, settings });
  await train(services, { adapter: 'zero', patchSize: 5, split, settings: { ...settings, diffuse: '0' } });
  const [none, zero] = [await exportBlob(services, 'none'), await exportBlob(services, 'zero')];
  assert.deepEqual(readAdapter('zero', zero), readAdapter('none', none));
  assert.equal(readAdapter('zero', zero).metadata.formatVersion, 1);
});

test('a discriminant analysis fits a head in one step, for linear probes alone', async () => {
  const settings = { head: 'discriminant', shift: '0', orientations: 'false' };
  const counts = { labelMap: '', count: 0, smallCount: 0, counts: [20, 10, 5], seed: 1 };
  const split = { kind: { $case: 'perClass', value: counts } } as const;
  const { metrics, lossByEpoch } = await train(services, { adapter: 'analysed', split, settings });
  assert.equal(lossByEpoch.length, 1);
  assert.ok(metrics!.overallAccuracy > 0.6, String(metrics!.overallAccuracy));
  const { metadata, tensors } = readAdapter('analysed', await exportBlob(services, 'analysed'));
  assert.equal(metadata.formatVersion, 1);
  await train(services, { adapter: 'balanced', split, settings: { ...settings, classWeights: 'balanced' } });
  const balanced = readAdapter('balanced', await exportBlob(services, 'balanced')).tensors;
  assert.deepEqual(balanced.headWeight, tensors.headWeight);
  assert.notDeepEqual(balanced.headBias, tensors.headBias, 'rare classes count more');
  await assert.rejects(
    train(services, { adapter: 'analysed', method: 'lora', settings }),
    hasCode('FIELD_INVALID', /setting head.*linear-probe/),
  );
});

test('diffusion is refused where single pixels are needed', async () => {
  const refused = (change: Record<string, string>, method = 'linear-probe'): Promise<void> =>
    assert.rejects(
      train(services, { adapter: 'refused', method, settings: { diffuse: '5', ...change } }),
      hasCode('FIELD_INVALID', /setting diffuse/),
    );
  await refused({}, 'lora');
  await refused({ validation: '0.2' });
  await refused({ views: '8' });
  await refused({ diffuse: '101' });
  await refused({ diffuse: 'far' });
});
