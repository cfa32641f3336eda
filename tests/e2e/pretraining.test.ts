import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PretrainingFinished, StartPretrainingRequest } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { prepareToy, startServices, type Services } from '../support/services.js';

let services: Services;

before(async () => {
  services = await startServices();
  await prepareToy(services);
});

after(() => services.stop());

/** Pretrains; `cancelAt` ends it after that step. */
async function pretrain(
  request: Partial<StartPretrainingRequest>,
  cancelAt = Infinity,
): Promise<PretrainingFinished | undefined> {
  const { trainings } = services;
  const full: StartPretrainingRequest = {
    scenes: ['toy'],
    sceneDigests: [],
    simulatedScenes: 1,
    size: 'mini',
    backbone: 'small',
    seed: 3,
    from: '',
    resume: false,
    ...request,
    settings: { steps: '8', batchSize: '4', checkpointEvery: '2', warmUpSteps: '2', ...request.settings },
  };
  const { training } = await callUnary(trainings, 'startPretraining', full);
  for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
    if (event?.$case === 'pretrainingFinished') return event.value;
    if (event?.$case !== 'progress') continue;
    const { stage, done } = event.value.progress!;
    if (stage === 'pretraining' && done >= cancelAt) {
      await callUnary(trainings, 'cancelTraining', { training });
    }
  }
  return undefined;
}

test('a pretraining that was cancelled and resumed ends with the same backbone as one that was not', async () => {
  const whole = await pretrain({});
  await assert.rejects(pretrain({ backbone: 'parted' }, 3), hasCode('CANCELLED'));
  await assert.rejects(
    pretrain({ backbone: 'parted', resume: true, seed: 4 }),
    hasCode('FIELD_INVALID', /other scenes/),
  );
  const resumed = await pretrain({ backbone: 'parted', resume: true });
  assert.equal(resumed!.digest, whole!.digest);
  assert.deepEqual(resumed!.lossByStep, whole!.lossByStep);
});

test('there is nothing to resume after a run that ended well', async () => {
  await pretrain({ backbone: 'done' });
  await assert.rejects(pretrain({ backbone: 'done', resume: true }), hasCode('FIELD_INVALID', /no earlier run/));
});

test('continued pretraining starts from an existing backbone and takes its size', async () => {
  const fresh = await pretrain({ backbone: 'fresh', settings: { steps: '1' } });
  const continued = await pretrain({
    backbone: 'continued',
    from: 'spectralgpt-mini',
    size: '',
    settings: { steps: '1' },
  });
  assert.equal(continued!.parameters, fresh!.parameters);
  assert.notEqual(continued!.digest, fresh!.digest);
  await assert.rejects(pretrain({ from: 'nowhere' }), hasCode('BACKBONE_NOT_FOUND', /nowhere/));
});

test('a backbone of random weights has the structure of another one, follows from its seed, and needs no scenes', async () => {
  const random = (more: Partial<StartPretrainingRequest>): Promise<PretrainingFinished | undefined> =>
    pretrain({
      ...{ scenes: [], simulatedScenes: 0, size: '', from: 'spectralgpt-mini', backbone: 'random-one' },
      ...more,
      settings: { steps: '0', weights: 'random', ...more.settings },
    });
  const one = await random({});
  assert.deepEqual([one!.steps, one!.lossByStep], [0, []]);
  const described = async (backbone: string): Promise<object> => {
    const { backbone: found } = await callUnary(services.backbones, 'getBackbone', { backbone });
    return { ...found, name: '', digest: '' };
  };
  assert.deepEqual(await described('random-one'), await described('spectralgpt-mini'));
  const again = await random({ backbone: 'random-again' });
  assert.equal(again!.digest, one!.digest);
  const other = await random({ backbone: 'random-other', seed: 4 });
  assert.notEqual(other!.digest, one!.digest);
  await assert.rejects(random({ settings: { weights: 'given' } }), hasCode('FIELD_INVALID', /weights=random/));
  await assert.rejects(random({ settings: { steps: '1' } }), hasCode('FIELD_INVALID', /none to learn from/));
});
