import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { StartTrainingRequest } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { prepareToy, startServices, toyScene, train, trainingRequest, type Services } from '../support/services.js';

let services: Services;
let home = '';

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-test-'));
  services = await startServices({}, home);
  await prepareToy(services);
  // Few pixels: each costs 8.5 billion operations.
  await prepareToy(services, 'wide', toyScene(10, 9, 32));
});

after(async () => {
  await services.stop();
  await rm(home, { recursive: true });
});

const request: Partial<StartTrainingRequest> = {
  method: 'hyper-sigma',
  adapter: '',
  scene: 'wide',
  split: { kind: { $case: 'perClass', value: { labelMap: '', count: 12, smallCount: 4, seed: 1, counts: [] } } },
};

test('HyperSIGMA learns a head, is tested, and says that its weights are random', async () => {
  const result = await train(services, { ...request, settings: { epochs: '30' } }, {});
  assert.equal(result.note, 'random weights: measures the architecture');
  assert.equal(result.sawTestSpectra, false);
  assert.equal(result.adapter, undefined);
  assert.equal(result.testPixels, 18);
  assert.ok(result.metrics!.overallAccuracy > 0.4, String(result.metrics!.overallAccuracy));
  assert.equal(result.parameters, 393_216 + 116_736 + 131_328 + 32_896 + 129 * 3);
  assert.equal(result.lossByEpoch.length, 30);
});

test('HyperSIGMA adapts by a method of ours before it is tested', async () => {
  const settings = { adaptation: 'krona+', epochs: '2', headEpochs: '10' };
  const result = await train(services, { ...request, settings }, {});
  const head = 393_216 + 116_736 + 131_328 + 32_896 + 129 * 3;
  // W_Q and W_V of 16 blocks, with as many factors as on a backbone of this width.
  assert.equal(result.parameters, head + 32 * (384 * 2 + 2 * 384));
  assert.equal(result.lossByEpoch.length, 2);
  assert.equal(result.testPixels, 18);
  assert.equal(result.note, 'random weights: measures the architecture');
});

test('HyperSIGMA stops soon after it is cancelled', async () => {
  const { trainings } = services;
  const { training } = await callUnary(trainings, 'startTraining', trainingRequest({ ...request, settings: {} }, {}));
  const stages = new Set<string>();
  const watched = (async () => {
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case !== 'progress') continue;
      const { stage } = event.value.progress!;
      stages.add(stage);
      if (stage === 'weights') await callUnary(trainings, 'cancelTraining', { training });
    }
  })();
  await assert.rejects(watched, hasCode('CANCELLED'));
  assert.ok(!stages.has('testing'));
});

test('HyperSIGMA refuses a scene of fewer bands than components, and settings that it does not have', async () => {
  await assert.rejects(
    train(services, { ...request, scene: 'toy' }, {}),
    hasCode('TOO_FEW_BANDS', /16 bands; the network takes 30/),
  );
  await assert.rejects(
    train(services, { ...request, settings: { rank: '4' } }, {}),
    hasCode('METHOD_SETTINGS', /rank/),
  );
});

test('a folder of released weights that is not there is refused by the setting’s name', async () => {
  const elsewhere = await startServices({ hyperSigmaWeights: path.join(home, 'none') });
  try {
    await prepareToy(elsewhere, 'wide', toyScene(10, 9, 32));
    await assert.rejects(train(elsewhere, request, {}), hasCode('CONFIG_INVALID', /spat-vit-base/));
  } finally {
    await elsewhere.stop();
  }
});
