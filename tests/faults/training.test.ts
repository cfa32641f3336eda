import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { JobState, type TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { serversMissing } from '../support/servers.js';
import { prepareToy, train, trainingRequest } from '../support/services.js';

const services = 'preprocessing,trainer,tile-inference';
const settings = { epochs: '30', probeEpochs: '2' };

describe('faults in the middle of a training', { skip: serversMissing }, () => {
  let fleet: Fleet;
  /** Digest of the adapter of an undisturbed run. */
  let wanted: string;

  before(async () => {
    fleet = await startFleet();
    const pod = await fleet.startPod(services);
    await prepareToy(pod);
    wanted = (await train(pod, { method: 'krona+', adapter: 'undisturbed', settings })).adapter!.digest;
    await pod.stop();
  });

  after(() => fleet.stop());

  /** Starts a training and waits until it has made a few checkpoints. @returns its id */
  async function startTraining({ trainings }: Pod, adapter: string): Promise<string> {
    const request = trainingRequest({ method: 'krona+', adapter, settings });
    const { training } = await callUnary(trainings, 'startTraining', request);
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'progress' && event.value.progress!.stage === 'training' && event.value.epoch >= 4)
        return training;
    }
    throw new Error('the training ended too soon');
  }

  async function resultOf({ trainings }: Pod, training: string): Promise<TrainingFinished> {
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'finished') return event.value;
    }
    throw new Error('the training ended without a result');
  }

  test('a trainer that is killed: another goes on at the last checkpoint and makes the same bytes', async () => {
    const first = await fleet.startPod(services);
    const training = await startTraining(first, 'killed');
    await first.kill();
    const other = await fleet.startPod(services);
    const { adapter } = await resultOf(other, training);
    assert.equal(adapter!.digest, wanted);
    const { trainings: known } = await callUnary(other.trainings, 'listTrainings', { pageSize: 0, pageToken: '' });
    assert.equal(known.find(({ status }) => status!.job === training)?.status?.state, JobState.JOB_STATE_DONE);
    await other.stop();
  });

  test('NATS killed and started again: the training ends as if nothing had been', async () => {
    const pod = await fleet.startPod(services);
    const training = await startTraining(pod, 'without-bus');
    await fleet.nats.kill();
    await setTimeout(1500);
    await fleet.nats.start();
    assert.equal((await resultOf(pod, training)).adapter!.digest, wanted);
    await pod.stop();
  });

  test('a trainer that drains gives its training back, and the next goes on', async () => {
    const first = await fleet.startPod(services);
    const training = await startTraining(first, 'drained');
    await first.stop();
    const other = await fleet.startPod(services);
    assert.equal((await resultOf(other, training)).adapter!.digest, wanted);
    await other.stop();
  });
});
