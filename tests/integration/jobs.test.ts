/** Jobs over gRPC: their limits, the scenes that they keep to, and the dead letters of an operator. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JobKind, JobState, Retention, type ErrorStatus } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { mapOf } from '../support/fleet.js';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import {
  npy,
  prepare,
  prepareToy,
  readMapOf,
  startServices,
  toyScene,
  train,
  type Services,
} from '../support/services.js';

const jobLimit = 6;
const everything = { pageSize: 0, pageToken: '' };

describe('jobs of one process', () => {
  let services: Services;

  before(async () => {
    services = await startServices({ jobLimit });
    await prepareToy(services);
    await train(services, { adapter: 'toy', settings: { epochs: '2' } });
  });

  after(() => services.stop());

  /** Starts a job that goes on by itself. @returns its id, once it is accepted */
  async function start(chunkSize: number): Promise<string> {
    const { sceneJobs } = services;
    const request = { scene: 'toy', adapter: 'toy@1', chunkSize, detached: true, probabilities: false };
    for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
      if (event?.$case === 'accepted') return event.value.status!.job;
    }
    throw new Error('the job was not accepted');
  }

  async function errorOf(job: string): Promise<ErrorStatus | undefined> {
    const { jobs } = await callUnary(services.sceneJobs, 'listSceneJobs', everything);
    return jobs.find(({ status }) => status!.job === job)!.status!.error;
  }

  test('of a hundred detached jobs of one-pixel chunks a few are taken, the others told when to try again', async () => {
    const started = await Promise.allSettled(Array.from({ length: 100 }, () => start(1)));
    const taken = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    assert.equal(taken.length, jobLimit);
    for (const outcome of started) {
      if (outcome.status === 'rejected') assert.ok(hasCode('JOBS_FULL', /wait or run.*Try again/)(outcome.reason));
    }
    await assert.rejects(start(1), (error: unknown) => {
      hasCode('JOBS_FULL')(error);
      return (error as { retryAfterMilliseconds: number }).retryAfterMilliseconds > 0;
    });
    const items = await readdir(path.join(services.home, 'bus', 'work', 'jobs-classification'));
    assert.ok(items.length <= jobLimit * 257, `${items.length} items wait`);
    for (const job of taken) await callUnary(services.sceneJobs, 'cancelSceneJob', { job });
    assert.equal((await mapOf(services, 'toy@1', 0)).byteLength, 2 * 24 * 30, 'there is room again');
  });

  test('a scene that is replaced in the middle fails the job clearly; restored, an operator has it go on', async () => {
    const wanted = await mapOf(services, 'toy@1', 2);
    const { sceneJobs } = services;
    const job = await start(2);
    for await (const { event } of readStream(sceneJobs, sceneJobs.watchSceneJob({ job }))) {
      if (event?.$case === 'progress' && event.value.done >= 3) break;
    }
    const other = toyScene(24, 30, 16, 2);
    const shape = [other.height, other.width, other.bands];
    await prepare(services, { name: 'toy', retention: Retention.RETENTION_REPLACE }, npy(shape, other.values));
    const watched = async (): Promise<void> => {
      for await (const news of readStream(sceneJobs, sceneJobs.watchSceneJob({ job }))) assert.ok(news);
    };
    await assert.rejects(watched(), hasCode('SCENE_CHANGED', /toy was replaced/));
    assert.equal((await errorOf(job))?.code, 'SCENE_CHANGED');

    const list = { kind: JobKind.JOB_KIND_UNSPECIFIED, ...everything };
    const { deadLetters } = await callUnary(services.jobs, 'listDeadLetters', list);
    const letter = deadLetters.find((found) => found.job!.job === job)!;
    assert.deepEqual([letter.subject, letter.job!.kind], ['toy by toy@1', JobKind.JOB_KIND_SCENE]);
    const requeue = { kind: JobKind.JOB_KIND_SCENE, job };
    await assert.rejects(
      callUnary(services.jobs, 'requeueDeadLetter', { kind: JobKind.JOB_KIND_TRAINING, job }),
      hasCode('JOB_NOT_FOUND'),
    );
    const toy = toyScene();
    const labels = npy([toy.height, toy.width], toy.labels);
    await prepare(
      services,
      { name: 'toy', retention: Retention.RETENTION_REPLACE },
      npy([toy.height, toy.width, toy.bands], toy.values),
      labels,
    );
    const again = await callUnary(services.jobs, 'requeueDeadLetter', requeue);
    assert.equal(again.job!.state, JobState.JOB_STATE_QUEUED);
    for await (const { event } of readStream(sceneJobs, sceneJobs.watchSceneJob({ job }))) {
      if (event?.$case === 'done') assert.deepEqual(await readMapOf(services, event.value), wanted);
    }
    const left = await callUnary(services.jobs, 'listDeadLetters', list);
    assert.deepEqual(
      left.deadLetters.filter((found) => found.job!.job === job),
      [],
    );
    await assert.rejects(callUnary(services.jobs, 'requeueDeadLetter', requeue), hasCode('JOB_NOT_FAILED', /done/));
  });

  test('a chunk of scores that is lost fails the job, and makes no class of zeros', async () => {
    const scene = await prepareToy(services, 'torn');
    await train(services, { adapter: 'torn', scene: scene.name, settings: { epochs: '1' } });
    const store = new DirectoryObjectStore(path.join(services.home, 'store'));
    for (const { key } of await store.list('scene-arrays/torn/'))
      if (key.includes('/scores/c/')) await store.delete(key);
    const request = { scene: 'torn', adapter: 'torn@1', chunkSize: 0, detached: false, probabilities: false };
    const { sceneJobs } = services;
    const classified = async (): Promise<void> => {
      for await (const news of readStream(sceneJobs, sceneJobs.classifyScene(request))) assert.ok(news);
    };
    await assert.rejects(classified(), hasCode('OBJECT_DAMAGED', /scores.*missing/));
  });

  test('jobs come in pages, the newest first', async () => {
    const { sceneJobs } = services;
    const whole = (await callUnary(sceneJobs, 'listSceneJobs', everything)).jobs.map(({ status }) => status!);
    assert.ok(whole.length >= 4);
    const times = whole.map(({ createdAt }) => createdAt!.getTime());
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    );
    const paged: string[] = [];
    for (let pageToken = ''; ;) {
      const { jobs, nextPageToken } = await callUnary(sceneJobs, 'listSceneJobs', { pageSize: 3, pageToken });
      paged.push(...jobs.map(({ status }) => status!.job));
      if (nextPageToken === '') break;
      pageToken = nextPageToken;
    }
    assert.deepEqual(
      paged,
      whole.map(({ job }) => job),
    );
  });
});
