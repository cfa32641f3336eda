/** Work of a process without NATS that is killed: the next process on its home goes on with it. */
import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TrainingState, type TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { mapOf, startPod, type Pod } from '../support/fleet.js';
import { prepareToy, train, trainingRequest } from '../support/services.js';

const services = 'preprocessing,trainer,tile-inference';
const settings = { epochs: '12', probeEpochs: '1' };

describe('a home whose process is killed', () => {
  let environment: NodeJS.ProcessEnv;
  let pod: Pod;

  before(async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-killed-'));
    const embedded = { NATS_URL: '', S3_ENDPOINT: '' };
    environment = { ...process.env, ...embedded, HYPERSWAP_HOME: home, HYPERSWAP_LOG_LEVEL: 'silent' };
    pod = await startPod(services, environment);
    await prepareToy(pod);
  });

  after(() => pod.kill());

  async function killAndStartAgain(): Promise<void> {
    await pod.kill();
    pod = await startPod(services, environment);
  }

  async function resultOf(training: string): Promise<TrainingFinished> {
    const { trainer } = pod;
    for await (const { event } of readStream(trainer, trainer.watchTraining({ training }))) {
      if (event?.$case === 'finished') return event.value;
    }
    throw new Error('the training ended without a result');
  }

  test('a training goes on at its last checkpoint and makes the same bytes; one that waited follows', async () => {
    const wanted = (await train(pod, { method: 'krona+', adapter: 'undisturbed', settings })).adapter!.digest;
    const { trainer } = pod;
    const start = async (adapter: string): Promise<string> =>
      (await callUnary(trainer, 'startTraining', trainingRequest({ method: 'krona+', adapter, settings }))).training;
    const [running, waiting] = [await start('killed'), await start('waiting')];
    for await (const { event } of readStream(trainer, trainer.watchTraining({ training: running }))) {
      if (event?.$case === 'progress' && event.value.stage === 'training' && event.value.epoch >= 4) break;
    }
    await killAndStartAgain();
    for (const training of [running, waiting]) assert.equal((await resultOf(training)).adapter!.digest, wanted);
    const { trainings } = await callUnary(pod.trainer, 'listTrainings', {});
    assert.deepEqual(new Set(trainings.map(({ state }) => state)), new Set([TrainingState.TRAINING_STATE_DONE]));
  });

  test('a detached classification goes on with the chunks that are left, and its map is the same', async () => {
    await train(pod, { adapter: 'toy', settings: { epochs: '6' } });
    const wanted = await mapOf(pod, 'toy@1', 3);
    const { tileInference } = pod;
    const call = tileInference.classifyScene({ scene: 'toy', adapter: 'toy@1', chunkSize: 3, detached: true });
    let job = '';
    for await (const { event } of readStream(tileInference, call)) {
      if (event?.$case === 'map') throw new Error('the job was over before it was disturbed');
      if (event?.$case === 'progress' && event.value.doneChunks >= 4) {
        ({ job } = event.value);
        break;
      }
    }
    await killAndStartAgain();
    const watched = pod.tileInference.watchSceneJob({ job });
    for await (const { event } of readStream(pod.tileInference, watched)) {
      if (event?.$case !== 'map') continue;
      assert.deepEqual(Buffer.concat([event.value.labels, event.value.confidence]), wanted);
      return;
    }
    throw new Error('the job ended without a map');
  });
});
