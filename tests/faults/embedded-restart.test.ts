/** Work of a process without NATS that is killed: the next process on its home goes on with it. */
import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JobState, type TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { mapOf, startPod, type Pod } from '../support/fleet.js';
import { prepareToy, readMapOf, train, trainingRequest } from '../support/services.js';

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
    const { trainings } = pod;
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'finished') return event.value;
    }
    throw new Error('the training ended without a result');
  }

  test('a training goes on at its last checkpoint and makes the same bytes; one that waited follows', async () => {
    const wanted = (await train(pod, { method: 'krona+', adapter: 'undisturbed', settings })).adapter!.digest;
    const { trainings } = pod;
    const start = async (adapter: string): Promise<string> =>
      (await callUnary(trainings, 'startTraining', trainingRequest({ method: 'krona+', adapter, settings }))).training;
    const [running, waiting] = [await start('killed'), await start('waiting')];
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training: running }))) {
      if (event?.$case === 'progress' && event.value.progress!.stage === 'training' && event.value.epoch >= 4) break;
    }
    await killAndStartAgain();
    for (const training of [running, waiting]) assert.equal((await resultOf(training)).adapter!.digest, wanted);
    const known = await callUnary(pod.trainings, 'listTrainings', { pageSize: 0, pageToken: '' });
    assert.deepEqual(new Set(known.trainings.map(({ status }) => status!.state)), new Set([JobState.JOB_STATE_DONE]));
  });

  test('a detached classification goes on with the chunks that are left, and its map is the same', async () => {
    await train(pod, { adapter: 'toy', settings: { epochs: '6' } });
    const wanted = await mapOf(pod, 'toy@1', 3);
    const { sceneJobs } = pod;
    const request = { scene: 'toy', adapter: 'toy@1', chunkSize: 3, detached: true, probabilities: false };
    let job = '';
    for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
      if (event?.$case === 'done') throw new Error('the job was over before it was disturbed');
      if (event?.$case === 'accepted') job = event.value.status!.job;
      if (event?.$case === 'progress' && event.value.done >= 4) break;
    }
    await killAndStartAgain();
    for await (const { event } of readStream(pod.sceneJobs, pod.sceneJobs.watchSceneJob({ job }))) {
      if (event?.$case !== 'done') continue;
      assert.deepEqual(await readMapOf(pod, event.value), wanted);
      return;
    }
    throw new Error('the job ended without a map');
  });
});
