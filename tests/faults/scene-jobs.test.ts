/** Scene jobs whose client or coordinating pod stops, or whose pods have different clocks. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JobState, type ClassifySceneResponse } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { eventually, mapOf, startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { hasCode } from '../support/errors.js';
import { minioClient, serversMissing } from '../support/servers.js';
import { exportBlob, prepareToy, readMapOf, train } from '../support/services.js';

const chunkSize = 3;
const anHour = 3_600_000;

describe('scene jobs', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let first: Pod;
  /** The map of an undisturbed run. */
  let wanted: Buffer;
  /** Live tensors of an idle pod. */
  let liveTensors: number;

  const liveTensorsOf = async ({ tiles }: Pod): Promise<number> =>
    (await callUnary(tiles, 'getStatus', {})).engine!.liveTensors;

  before(async () => {
    fleet = await startFleet();
    first = await fleet.startPod('preprocessing,trainer,tile-inference');
    await prepareToy(first);
    await train(first, { adapter: 'toy', settings: { epochs: '6' } });
    wanted = await mapOf(first, 'toy@1', chunkSize);
    liveTensors = await liveTensorsOf(first);
  });

  after(() => fleet.stop());

  /** Starts a job on a pod, and returns its id when some of it is done; the call continues until `leave`. */
  async function begin(
    { sceneJobs }: Pod,
    detached: boolean,
    atChunk = 4,
  ): Promise<{ job: string; leave: () => void }> {
    const call = sceneJobs.classifyScene({ scene: 'toy', adapter: 'toy@1', chunkSize, detached, probabilities: false });
    call.on('error', () => undefined);
    const job = await new Promise<string>((resolve, reject) => {
      let id = '';
      call.on('data', ({ event }: ClassifySceneResponse) => {
        if (event?.$case === 'accepted') id = event.value.status!.job;
        if (event?.$case === 'done') reject(new Error('the job was over before it was disturbed'));
        if (event?.$case === 'progress' && event.value.done >= atChunk) resolve(id);
      });
    });
    return { job, leave: () => call.cancel() };
  }

  async function mapFrom({ sceneJobs }: Pod, job: string): Promise<Buffer> {
    for await (const { event } of readStream(sceneJobs, sceneJobs.watchSceneJob({ job }))) {
      if (event?.$case === 'done') return readMapOf({ sceneJobs }, event.value);
    }
    throw new Error('the job ended without a map');
  }

  const stateOf = async ({ sceneJobs }: Pod, job: string): Promise<JobState | undefined> =>
    (await callUnary(sceneJobs, 'listSceneJobs', { pageSize: 0, pageToken: '' })).jobs.find(
      ({ status }) => status!.job === job,
    )?.status?.state;

  async function objectsOf(job: string): Promise<string[]> {
    const keys: string[] = [];
    const prefix = `jobs/classification/${job}/`;
    const found = minioClient(fleet.minio).listObjectsV2(fleet.minio.settings.bucket, prefix, true);
    for await (const { name } of found as AsyncIterable<{ name: string }>) keys.push(name.slice(prefix.length));
    return keys;
  }

  test('the pod that was asked is killed: any other has the same map', async () => {
    const second = await fleet.startPod('tile-inference');
    const { job } = await begin(second, false);
    await second.kill();
    assert.deepEqual(await mapFrom(first, job), wanted);
    assert.equal(await stateOf(first, job), JobState.JOB_STATE_DONE);
    await eventually(10_000, async () => assert.equal((await objectsOf(job)).length, 81));
    assert.deepEqual(await mapFrom(first, job), wanted, 'it is kept for those who come later');
  });

  test('the pod that was asked drains: the job goes on without it', async () => {
    const second = await fleet.startPod('tile-inference', { HYPERSWAP_DRAIN_MILLISECONDS: '0' });
    const { job } = await begin(second, false);
    await second.stop();
    assert.deepEqual(await mapFrom(first, job), wanted);
  });

  test('a client that leaves takes its job with it, unless that is detached', async () => {
    const attached = await begin(first, false);
    attached.leave();
    await eventually(10_000, async () => {
      assert.equal(await stateOf(first, attached.job), JobState.JOB_STATE_CANCELLED);
      assert.deepEqual(await objectsOf(attached.job), []);
    });
    await assert.rejects(mapFrom(first, attached.job), hasCode('CANCELLED'));
    const detached = await begin(first, true);
    detached.leave();
    assert.deepEqual(await mapFrom(first, detached.job), wanted);
  });

  test('a job is cancelled on any pod, and nothing of it is left', async () => {
    const second = await fleet.startPod('tile-inference');
    const { job } = await begin(first, true);
    const watched = assert.rejects(mapFrom(first, job), hasCode('CANCELLED'));
    await callUnary(second.sceneJobs, 'cancelSceneJob', { job });
    await watched;
    await eventually(10_000, async () => assert.deepEqual(await objectsOf(job), []));
    await callUnary(second.sceneJobs, 'cancelSceneJob', { job });
    const nobody = '00000000-0000-0000-0000-000000000000';
    await assert.rejects(callUnary(first.sceneJobs, 'cancelSceneJob', { job: nobody }), hasCode('JOB_NOT_FOUND'));
    await assert.rejects(mapFrom(first, nobody), hasCode('JOB_NOT_FOUND'));
    await second.stop();
  });

  test('a pod whose clock jumps by an hour in the middle of a scene: the map is the same', async () => {
    const clock = new URL('../support/shifted-clock.js', import.meta.url).href;
    const second = await fleet.startPod('tile-inference', {
      NODE_OPTIONS: `--import ${clock}`,
      SHIFTED_CLOCK_MILLISECONDS: String(anHour),
      SHIFTED_CLOCK_ON_SIGNAL: 'yes',
    });
    const { job } = await begin(first, true);
    second.process.kill('SIGUSR2');
    assert.deepEqual(await mapFrom(first, job), wanted);
    // The store refuses its requests now, and it says so.
    await assert.rejects(exportBlob(second, 'toy@1'), hasCode('STORE_CLOCK'));
    assert.deepEqual(await mapOf(first, 'toy@1', chunkSize), wanted, 'with it in the fleet');
    await second.stop();
  });

  test('after all of it no tensor is left behind, and no job runs', async () => {
    await eventually(10_000, async () => assert.equal(await liveTensorsOf(first), liveTensors));
    const { jobs } = await callUnary(first.sceneJobs, 'listSceneJobs', { pageSize: 0, pageToken: '' });
    assert.ok(jobs.length > 5);
    assert.deepEqual(
      jobs.filter(({ status }) => status!.state === JobState.JOB_STATE_RUNNING),
      [],
    );
  });

  test('a pod whose clock is off by an hour does not start, and says why', async () => {
    const clock = new URL('../support/shifted-clock.js', import.meta.url).href;
    await assert.rejects(
      fleet.startPod('tile-inference', {
        NODE_OPTIONS: `--import ${clock}`,
        SHIFTED_CLOCK_MILLISECONDS: String(-anHour),
      }),
      /clock/,
    );
  });
});
