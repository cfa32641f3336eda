/** Jobs over gRPC: their limits, the scene content that they are bound to, and the dead-letter queue of an operator. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  JobKind,
  JobState,
  Retention,
  type DeadLetter,
  type ErrorStatus,
  type StartTrainingRequest,
} from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { collect } from '../support/collect.js';
import { makeWorkspace } from '../support/command.js';
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
  trainingRequest,
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

  /** Starts a detached job. @returns its id, once it is accepted */
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

  /** Replaces a scene by one of the same size and labels, and other spectra. */
  async function replace(name: string): Promise<void> {
    const { height, width, bands, values, labels } = toyScene(24, 30, 16, 3);
    const header = { name, retention: Retention.RETENTION_REPLACE };
    await prepare(services, header, npy([height, width, bands], values), npy([height, width], labels));
  }

  /** Watches a training. @throws what it failed with */
  async function watch(training: string, onProgress: (stage: string) => Promise<void> | void): Promise<void> {
    const { trainings } = services;
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'progress') await onProgress(event.value.progress!.stage);
    }
  }

  test('a training whose scene is replaced in the middle registers nothing, and says why', async () => {
    await prepareToy(services, 'moving');
    // Long enough that the scene is replaced before the test pixels are read.
    const settings = { epochs: '60', probeEpochs: '1' };
    const request = trainingRequest({ scene: 'moving', adapter: 'moving', method: 'krona+', settings });
    const { training } = await callUnary(services.trainings, 'startTraining', request);
    let isReplaced = false;
    const watched = watch(training, async (stage) => {
      if (isReplaced || stage !== 'training') return;
      isReplaced = true;
      await replace('moving');
    });
    await assert.rejects(watched, hasCode('SCENE_CHANGED', /moving was replaced/));
    assert.ok(isReplaced);
    const version = callUnary(services.adapters, 'getAdapter', { adapter: 'moving' });
    await assert.rejects(version, hasCode('ADAPTER_NOT_FOUND'));
    const list = { kind: JobKind.JOB_KIND_TRAINING, ...everything };
    const { deadLetters } = await callUnary(services.jobs, 'listDeadLetters', list);
    assert.deepEqual(
      deadLetters.map(({ subject, job }) => [subject, job!.error!.code]),
      [['krona+ on moving', 'SCENE_CHANGED']],
    );
  });

  test('an operator lists dead letters on the command line, and queues one again', async () => {
    const client = ['--endpoint', services.host.server.endpoint];
    const letters = [...client, 'jobs', 'dead-letters'];
    const { succeed, run } = await makeWorkspace();
    const found = JSON.parse(await succeed('--json', ...letters, 'list', '--kind', 'training')) as DeadLetter[];
    assert.deepEqual(
      found.map(({ subject, job }) => [subject, job!.error!.code]),
      [['krona+ on moving', 'SCENE_CHANGED']],
    );
    const { job } = found[0]!.job!;
    assert.match(
      await succeed(...letters, 'list'),
      new RegExp(`${job} +training +krona\\+ on moving .* SCENE_CHANGED: `),
    );
    assert.ok(!(await succeed(...letters, 'list', '--kind', 'preparation')).includes(job));
    assert.equal(await succeed(...letters, 'requeue', job), `${job} is queued again.\n`);
    await assert.rejects(
      watch(job, () => undefined),
      hasCode('SCENE_CHANGED', /moving/),
    );
    const unknown = await run(...letters, 'requeue', 'none');
    assert.deepEqual([unknown.code, unknown.stderr.includes('There is no failed job none')], [1, true]);
    assert.equal((await run(...letters, 'list', '--kind', 'none')).code, 2);
    const alone = await run('jobs', 'dead-letters', 'requeue', job);
    assert.match(alone.stderr, /start "hyperswap up" first/);
  });

  test('a training and a pretraining that wait keep to the scene that was there when they were started', async () => {
    await prepareToy(services, 'waiting');
    const { trainings } = services;
    const start = async (change: Partial<StartTrainingRequest>): Promise<string> =>
      (await callUnary(trainings, 'startTraining', trainingRequest(change))).training;
    const first = await start({ method: 'krona+', adapter: 'first', settings: { epochs: '1000', probeEpochs: '1' } });
    const second = await start({ scene: 'waiting', adapter: 'second' });
    const pretraining = {
      ...{ scenes: ['waiting'], sceneDigests: [], simulatedScenes: 0, size: 'mini', backbone: 'never', seed: 1 },
      ...{ settings: { steps: '1' }, from: '', resume: false },
    };
    const { training: third } = await callUnary(trainings, 'startPretraining', pretraining);
    await replace('waiting');
    await callUnary(trainings, 'cancelTraining', { training: first });
    for (const training of [second, third]) {
      await assert.rejects(
        watch(training, () => undefined),
        hasCode('SCENE_CHANGED', /waiting/),
      );
    }
  });

  test('reads that name the content of a scene never get another', async () => {
    const { scenes, sceneJobs } = services;
    const { digest: sceneDigest } = await prepareToy(services, 'pinned');
    const { scene: found } = await callUnary(scenes, 'getScene', { name: 'pinned' });
    assert.equal(found!.digest, sceneDigest, 'a scene has the same digest when it is made and when it is read');
    const content = { scene: 'pinned', sceneDigest };
    const classify = { ...content, adapter: 'toy@1', chunkSize: 0, detached: false, probabilities: false };
    const reads: readonly (() => Promise<unknown>)[] = [
      () => callUnary(scenes, 'getPca', content),
      () => collect(readStream(scenes, scenes.readLabels({ ...content, labelMap: '' }))),
      () => collect(readStream(scenes, scenes.streamPatches({ ...content, patchSize: 3, pixels: [1], batchSize: 0 }))),
      () => collect(readStream(scenes, scenes.streamTiles({ ...content, tileSize: 8, halo: 1 }))),
    ];
    for (const read of reads) await read();
    await replace('pinned');
    const gone = [...reads, () => collect(readStream(sceneJobs, sceneJobs.classifyScene(classify)))];
    for (const read of gone) await assert.rejects(read(), hasCode('SCENE_CHANGED', /pinned/));
    await callUnary(scenes, 'deleteScene', { name: 'pinned' });
    for (const read of gone) await assert.rejects(read(), hasCode('SCENE_CHANGED', /deleted/));
    const request = trainingRequest({ scene: 'toy', sceneDigest });
    await assert.rejects(callUnary(services.trainings, 'startTraining', request), hasCode('SCENE_CHANGED', /toy/));
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
