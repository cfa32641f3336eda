import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { StartTrainingRequest, TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { readAdapter } from '@hyperswap/adapter';
import { methodNames } from '@hyperswap/peft';
import { maximumDifference } from '../support/arrays.js';
import { makeWorkspace } from '../support/command.js';
import { startCuttingProxy } from '../support/cut-connections.js';
import { hasCode } from '../support/errors.js';
import { mapOf } from '../support/fleet.js';
import {
  exportBlob,
  labelsOf,
  prepareToy,
  startServices,
  toyScene,
  train,
  trainingRequest,
  type Services,
} from '../support/services.js';

let services: Services;
let home = '';

/** Starts services that free a backbone as soon as nobody uses it, so that live tensors can be counted. */
const start = (): Promise<Services> => startServices({ backboneBytes: 0 }, home);

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-test-'));
  services = await start();
  await prepareToy(services);
});

after(async () => {
  await services.stop();
  await rm(home, { recursive: true });
});

for (const method of methodNames) {
  test(`${method} trains, is tested and registered, and its blob is small`, async () => {
    const { adapter, metrics, parameters, newBackbone } = await train(services, {
      method,
      adapter: `by-${method.replace('+', '-plus')}`,
      settings: { epochs: '2', probeEpochs: '5' },
    });
    assert.ok(metrics!.overallAccuracy > 0.8, String(metrics!.overallAccuracy));
    assert.equal(adapter!.method, method);
    assert.equal(newBackbone !== '', method === 'full');
    assert.ok(adapter!.bytes < 250_000, String(adapter!.bytes));
    assert.ok(parameters >= adapter!.parameters);
  });
}

test('full fine-tuning makes another backbone, which serves the head that belongs to it and nobody else', async () => {
  const { backbones } = services;
  const request = { method: 'full', adapter: 'tuned', settings: { epochs: '2', probeEpochs: '2' } };
  const { adapter, newBackbone, metrics } = await train(services, request);
  const { backbone } = await callUnary(backbones, 'getBackbone', { backbone: newBackbone });
  assert.equal(backbone!.digest, adapter!.backboneDigest);
  const classify = async (other: Services): Promise<Buffer> => {
    const map = await mapOf(other, 'tuned', 0);
    return map.subarray(0, map.byteLength / 2);
  };
  await assert.rejects(classify(services), hasCode('ADAPTER_BACKBONE', /belongs to backbone/));
  // One process without NATS may use a home at a time.
  await services.stop();
  const tuned = await startServices({ backbone: newBackbone }, home);
  try {
    const map = await classify(tuned);
    const { scene } = await callUnary(tuned.scenes, 'getScene', { name: 'toy' });
    const labels = await labelsOf(tuned, scene!, '');
    const known = [...labels].filter((label) => label > 0).length;
    const right = [...labels].filter((label, pixel) => label > 0 && label === map[pixel]).length;
    assert.ok(right / known > metrics!.overallAccuracy - 0.1);
  } finally {
    await tuned.stop();
    services = await start();
  }
});

test('a training that was stopped goes on at its checkpoint and ends with the same bytes', async () => {
  const { trainings } = services;
  const settings = { epochs: '4', probeEpochs: '2' };
  const whole = await train(services, { method: 'krona+', adapter: 'whole', settings });
  const request = trainingRequest({ method: 'krona+', adapter: 'stopped', settings });
  const { training } = await callUnary(trainings, 'startTraining', request);
  const stopped = (async () => {
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      const isLate =
        event?.$case === 'progress' && event.value.progress!.stage === 'training' && event.value.epoch === 3;
      if (isLate) await callUnary(trainings, 'cancelTraining', { training });
    }
  })();
  await assert.rejects(stopped, hasCode('CANCELLED'));
  await assert.rejects(
    train(services, { method: 'krona+', adapter: 'stopped', settings, seed: 9, resume: true }),
    hasCode('FIELD_INVALID', /other scenes, settings, seed/),
  );
  const resumed = await train(services, { method: 'krona+', adapter: 'stopped', settings, resume: true });
  assert.equal(resumed.adapter!.digest, whole.adapter!.digest);
  await assert.rejects(
    train(services, { method: 'krona+', adapter: 'stopped', settings, resume: true }),
    hasCode('FIELD_INVALID', /no earlier run/),
  );
});

for (const method of ['spectralformer', 'mamba-hsi']) {
  test(`${method} that was stopped goes on at its checkpoint and ends as an uninterrupted run`, async () => {
    const { trainings } = services;
    const request = { method, adapter: '', settings: { epochs: '12' }, seed: 3 };
    /** Predictions of a run, which may be stopped in an epoch. */
    const predictionsOf = async (more: { seed?: number; resume?: boolean }, last = 0): Promise<Buffer> => {
      const full = trainingRequest({ ...request, ...more }, {});
      const { training } = await callUnary(trainings, 'startTraining', full);
      for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
        if (event?.$case !== 'progress') continue;
        const { epoch } = event.value;
        if (epoch > 0 && epoch === last) await callUnary(trainings, 'cancelTraining', { training });
        if (more.resume === true) assert.ok(epoch === 0 || epoch > 5, 'epochs before the checkpoint are not repeated');
      }
      const parts: Buffer[] = [];
      for await (const { predictions } of readStream(trainings, trainings.readPredictions({ training }))) {
        parts.push(predictions);
      }
      return Buffer.concat(parts);
    };
    const whole = await predictionsOf({});
    await assert.rejects(predictionsOf({}, 8), hasCode('CANCELLED'));
    await assert.rejects(predictionsOf({ seed: 4, resume: true }), hasCode('FIELD_INVALID', /other scenes, settings/));
    const resumed = await predictionsOf({ resume: true });
    assert.ok(whole.byteLength > 0 && resumed.equals(whole));
    await assert.rejects(predictionsOf({ resume: true }), hasCode('FIELD_INVALID', /no earlier run/));
  });
}

test('a new head is made for the features that training leaves, which it does not touch', async () => {
  const trained = async (headEpochs: string) => {
    const settings = { epochs: '2', probeEpochs: '2', headEpochs };
    await train(services, { method: 'lora', adapter: `head-${headEpochs}`, settings });
    return readAdapter('blob', await exportBlob(services, `head-${headEpochs}`)).tensors;
  };
  const [kept, made] = [await trained('0'), await trained('3')];
  assert.deepEqual([...made.factors], [...kept.factors]);
  assert.notDeepEqual(made.headWeight.values, kept.headWeight.values);
});

test('a batch passed in parts, for memory, trains as the whole', async () => {
  const plain = { orientations: 'false', shift: '0', gain: '0', noise: '0', mixture: '0', hiddenTokens: '0' };
  const settings = { ...plain, epochs: '3', probeEpochs: '2', classWeights: 'balanced' };
  const request = { method: 'krona', adapter: 'whole-batches', settings };
  const whole = await train(services, request);
  const parts = await train(services, {
    ...request,
    adapter: 'in-parts',
    settings: { ...settings, patchesAtOnce: '7' },
  });
  assert.ok(maximumDifference(whole.lossByEpoch, parts.lossByEpoch) < 1e-3);
});

test('a training that would need too much memory is refused before it is queued, with what fits', async () => {
  const own = await startServices({ trainingBytes: 64 * 1024 ** 2 });
  try {
    await prepareToy(own);
    const value = { labelMap: '', count: 180, smallCount: 180, seed: 1, counts: [] };
    const large = { patchSize: 33, split: { kind: { $case: 'perClass' as const, value } } };
    const start = (request: Partial<StartTrainingRequest>): Promise<unknown> =>
      callUnary(own.trainings, 'checkTrainings', { trainings: [trainingRequest({ ...large, ...request }, {})] });
    const limit = hasCode(
      'FIELD_INVALID',
      /on 540 pixels.*HYPERSWAP_TRAINING_BYTES \(67108864\), into which \d+ pixels/,
    );
    await assert.rejects(start({}), limit);
    await assert.rejects(start({ method: 'svm' }), limit);
    await assert.rejects(
      start({ method: 'svm', patchSize: 1, settings: { pseudoLabels: '10000' } }),
      hasCode('FIELD_INVALID', /draw fewer/),
    );
    await assert.rejects(start({ settings: { diffuse: 'auto' } }), limit);
    await start({ patchSize: 9, settings: { orientations: 'false', shift: '0' } });
    await start({ settings: { diffuse: '5' } });
    const pretraining = {
      scenes: [],
      sceneDigests: [],
      simulatedScenes: 100,
      size: 'mini',
      from: '',
      backbone: 'large',
    };
    await assert.rejects(
      callUnary(own.trainings, 'startPretraining', { ...pretraining, settings: {}, seed: 1, resume: false }),
      hasCode('FIELD_INVALID', /HYPERSWAP_TRAINING_BYTES \(67108864\), into which \d+ pixels/),
    );
  } finally {
    await own.stop();
  }
});

test('training stops early when the validation accuracy does not rise, and says how it went', async () => {
  const settings = { epochs: '200', validation: '0.3', patience: '3', normalizer: 'min-max' };
  const { validationAccuracyByEpoch: accuracies, lossByEpoch } = await train(services, {
    method: 'linear-probe',
    adapter: 'early',
    settings,
  });
  assert.ok(accuracies.length < 200 && accuracies.length === lossByEpoch.length, String(accuracies.length));
  const best = Math.max(...accuracies);
  assert.equal(accuracies.indexOf(best), accuracies.length - 4);
  await assert.rejects(
    train(services, { adapter: 'early', settings: { patience: '3' } }),
    hasCode('FIELD_INVALID', /set validation too/),
  );
});

test('pixels that nobody labelled train too, where what a first adapter says of them agrees with their surroundings', async () => {
  const alone = { method: 'linear-probe', adapter: 'few', settings: { epochs: '4' } };
  const { metrics: before } = await train(services, alone);
  const request = { ...alone, settings: { ...alone.settings, pseudoLabels: '25' } };
  const first = await train(services, request);
  assert.equal(first.trainPixels, 36, 'only what was labelled counts as such');
  const [, count] = /; (\d+) more pixels labelled by a first classifier/.exec(first.split) ?? [];
  assert.ok(Number(count) > 50 && Number(count) <= 75, first.split);
  assert.ok(first.metrics!.overallAccuracy > before!.overallAccuracy - 0.02);
  assert.equal((await train(services, request)).adapter!.digest, first.adapter!.digest);
  const { adapter: other } = await train(services, {
    ...request,
    settings: { ...request.settings, pseudoLabels: '24' },
  });
  assert.notEqual(other!.digest, first.adapter!.digest);
  await assert.rejects(
    train(services, { ...request, settings: { pseudoLabels: '-1' } }),
    hasCode('FIELD_INVALID', /pseudoLabels/),
  );
});

test('a training is followed to its end though the connections it is watched over are cut off', async () => {
  const proxy = await startCuttingProxy(services.host.server.endpoint, { connections: 2, milliseconds: 3000 });
  const { run } = await makeWorkspace();
  const { code, stdout, stderr } = await run(
    ...['--endpoint', proxy.endpoint, 'train', '--scene', 'toy', '--adapter', 'watched', '--method', 'lora'],
    ...['--split', '12:4', '--patch-size', '9', '--set', 'epochs=40'],
  );
  proxy.close();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^watched@1: OA/);
  assert.equal(proxy.cut(), 2, 'the training was long enough to be cut off twice');
});

test('validating registers nothing and leaves the test pixels alone', async () => {
  const request = { method: 'krona', adapter: '', settings: { epochs: '1' }, validateOnly: true };
  const { adapter, testPixels, trainPixels, split } = await train(services, request);
  assert.equal(adapter, undefined);
  assert.equal(testPixels + trainPixels, 36, 'the 12 pixels of three classes that train');
  assert.match(split, /validation on \d+ of the 36 training pixels/);
});

test('a training on all labels registers an adapter without metrics; a baseline refuses it', async () => {
  const all = { kind: { $case: 'all', value: { labelMap: '' } } } as const;
  const { adapter, metrics, trainPixels, testPixels, split } = await train(services, { adapter: 'all', split: all });
  assert.deepEqual([metrics, testPixels], [undefined, 0]);
  assert.equal(trainPixels, toyScene().labels.filter((label) => label > 0).length);
  assert.equal(adapter!.metrics, undefined);
  assert.match(split, /all labelled pixels/);
  await assert.rejects(train(services, { method: 'knn', split: all }, {}), hasCode('SPLIT_INVALID', /only tested/));
});

test('the patch size is chosen on the training pixels when asked', async () => {
  const { patchSize, adapter } = await train(services, { adapter: 'sized', patchSize: 0, choosePatchSize: true });
  assert.ok([5, 9, 15, 21, 27].includes(patchSize));
  assert.equal(adapter!.patchSize, patchSize);
});

test('a preset gives patch size, class names and split where the request names none', async () => {
  await assert.rejects(
    train(services, { preset: 'pavia', split: undefined }),
    hasCode('FIELD_INVALID', /pavia-university/),
  );
  const { adapter } = await train(services, {
    adapter: 'preset',
    preset: 'whu-hi-longkou',
    patchSize: 0,
    split: {
      kind: { $case: 'blocks', value: { labelMap: '', blockSize: 5, trainShare: 0.5, limit: 10, guard: 1, seed: 1 } },
    },
  });
  assert.equal(adapter!.patchSize, 27);
  assert.deepEqual(
    adapter!.classes.map(({ name }) => name),
    ['Corn', 'Cotton', 'Sesame'],
  );
  assert.match(adapter!.split, /disjoint/);
});

test('baselines train on the same pixels, tell how well, and register nothing', async () => {
  for (const [method, settings] of [
    ['knn', {}],
    ['svm', {}],
    ['spectralformer', { epochs: '40' }],
    ['mamba-hsi', { epochs: '60' }],
  ] as const) {
    const result = await train(services, { method, adapter: '', settings }, {});
    assert.equal(result.adapter, undefined);
    assert.ok(result.metrics!.overallAccuracy > 0.8, `${method}: ${result.metrics!.overallAccuracy}`);
  }
  await assert.rejects(
    train(services, { method: 'svm', settings: { rank: '4' } }, {}),
    hasCode('FIELD_INVALID', /setting rank.*window, cost/),
  );
  await assert.rejects(
    train(services, { method: 'knn', adapter: '', settings: { rank: '4' } }, {}),
    hasCode('FIELD_INVALID', /baselines take epochs only/),
  );
});

test('the SVM chooses its window and C on training pixels alone, and takes those that are given', async () => {
  const blocks = { labelMap: '', blockSize: 6, trainShare: 0.5, limit: 20, guard: 3, seed: 2 };
  const machine = (settings: Record<string, string>): Promise<TrainingFinished> =>
    train(
      services,
      {
        ...{ method: 'svm', adapter: '', patchSize: 5, split: { kind: { $case: 'blocks', value: blocks } } },
        settings,
      },
      {},
    );
  const chosen = await machine({});
  const { window, cost } = chosen.chosenSettings;
  assert.ok(['1', '3', '5'].includes(window!), window);
  assert.ok(['1', '10', '100', '1000'].includes(cost!), cost);
  const given = await machine({ window: window!, cost: cost! });
  assert.deepEqual(given.chosenSettings, { window, cost });
  assert.deepEqual(given.metrics, chosen.metrics);
  // A machine that looks at single pixels has no test patch with a training pixel, however large the patches are.
  const single = await machine({ window: '1' });
  assert.equal(single.chosenSettings.window, '1');
  assert.equal(single.metrics!.patchOverlap, 0);
  for (const [name, value] of [...['4', '7', 'large'].map((side) => ['window', side]), ['cost', '0'], ['cost', '']]) {
    await assert.rejects(machine({ [name!]: value! }), hasCode('FIELD_INVALID', /setting (window|cost)/));
  }
});

test('the SVM learns from pseudo-labels as adapters do', async () => {
  const machine = (settings: Record<string, string>): Promise<TrainingFinished> =>
    train(services, { method: 'svm', adapter: '', settings }, {});
  const plain = await machine({});
  const more = await machine({ pseudoLabels: '20' });
  assert.match(more.split, /; \d+ more pixels labelled by a first classifier/);
  assert.ok(more.parameters > plain.parameters);
  assert.deepEqual(more.chosenSettings, plain.chosenSettings);
  await assert.rejects(machine({ pseudoLabels: 'many' }), hasCode('FIELD_INVALID', /pseudoLabels/));
});

test('trainings that ended long ago are cleared away; adapters stay, and so do trainings of today', async () => {
  const list = async ({ trainings }: Services): Promise<string[]> =>
    (await callUnary(trainings, 'listTrainings', { pageSize: 0, pageToken: '' })).trainings.map(
      ({ status }) => status!.job,
    );
  const own = await mkdtemp(path.join(tmpdir(), 'hyperswap-test-'));
  const results = async (): Promise<string[]> => {
    const folder = path.join(own, 'store', 'objects', 'jobs', 'training');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  };
  try {
    const first = await startServices({}, own);
    try {
      await prepareToy(first);
      await train(first, { method: 'linear-probe', adapter: 'kept' }, { epochs: '1' });
      await assert.rejects(train(first, { method: 'svm', adapter: '', scene: 'nowhere' }, {}));
    } finally {
      await first.stop();
    }
    const second = await startServices({}, own);
    try {
      assert.equal((await list(second)).length, 1, 'a training of an unknown scene is refused at its start');
      assert.ok((await results()).includes('result'));
    } finally {
      await second.stop();
    }
    const forgetful = await startServices({ keepJobsHours: 1e-9 }, own);
    try {
      while ((await list(forgetful)).length > 0) await setTimeout(20);
      assert.ok((await exportBlob(forgetful, 'kept')).byteLength > 0);
      assert.deepEqual(await results(), []);
    } finally {
      await forgetful.stop();
    }
  } finally {
    await rm(own, { recursive: true });
  }
});

test('live tensors are as many after trainings of every kind as before', async () => {
  const live = async (): Promise<number> => (await callUnary(services.tiles, 'getStatus', {})).engine!.liveTensors;
  const rounds = async (seed: number): Promise<void> => {
    for (const method of ['linear-probe', 'dora', 'full', 'svm', 'spectralformer', 'mamba-hsi']) {
      const one = { epochs: '1' };
      const baselines: Record<string, Record<string, string>> = { svm: {}, spectralformer: one, 'mamba-hsi': one };
      const settings: Record<string, string> = baselines[method] ?? {
        epochs: '1',
        probeEpochs: '1',
        validation: '0.3',
        pseudoLabels: '5',
      };
      await train(services, { method, adapter: `live-${method}`, seed, settings }, {});
    }
  };
  await rounds(11);
  const before = await live();
  await rounds(12);
  assert.equal(await live(), before);
});
