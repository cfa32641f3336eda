/** Work of a process without NATS that is killed: the next process on its home continues with it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { loadConfig } from '@hyperswap/config';
import { startPrivateHost } from '@hyperswap/host';
import { JobState, Retention, type JobStatus, type TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { readManifest } from '@hyperswap/scene';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import { collect } from '../support/collect.js';
import { commandFile } from '../support/command.js';
import { hasCode } from '../support/errors.js';
import { eventually, mapOf, startPod, type Pod } from '../support/fleet.js';
import { connectAll, prepareToy, readMapOf, train, trainingRequest, type ServiceClients } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { madeUpScene, send } from '../support/uploads.js';

const services = 'preprocessing,trainer,tile-inference';
const settings = { epochs: '12', probeEpochs: '1' };

describe('a home whose process is killed', () => {
  let environment: NodeJS.ProcessEnv;
  let pod: Pod;

  before(async () => {
    const home = await temporaryFolder('killed');
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

  test('the training of a command that is killed ends as interrupted, for who watches it and for the next command', async () => {
    const args = ['train', '--scene', 'toy', '--method', 'krona+', '--adapter', 'lost', '--patch-size', '9'];
    const command = spawn(process.execPath, [commandFile, ...args, '--set', 'epochs=200', '--split', '12:4'], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
      // A process group of its own: the services that it starts for itself are killed with it.
      detached: true,
    });
    let said = '';
    for await (const line of createInterface({ input: command.stderr })) {
      said += `${line}\n`;
      if (line.includes('epoch')) break;
    }
    assert.match(said, /epoch/, 'it did not come to train');
    const training = async (): Promise<JobStatus> => {
      const known = await callUnary(pod.trainings, 'listTrainings', { pageSize: 0, pageToken: '' });
      return known.trainings.find(({ adapter }) => adapter === 'lost')!.status!;
    };
    const watch = ({ trainings }: ServiceClients, job: string) =>
      collect(readStream(trainings, trainings.watchTraining({ training: job })));
    const { job, state } = await training();
    assert.equal(state, JobState.JOB_STATE_RUNNING);
    // Somebody watches it through another process of the home.
    const watched = assert.rejects(watch(pod, job), hasCode('JOB_INTERRUPTED', /ended with the process that ran it/));
    process.kill(-command.pid!, 'SIGKILL');
    await once(command, 'exit');
    const config = loadConfig({ environment });
    const next = await startPrivateHost(config, ['preprocessing', 'trainer'], createLogger('silent', 'test'));
    try {
      await watched;
      const ended = await training();
      assert.deepEqual([ended.state, ended.error?.code], [JobState.JOB_STATE_FAILED, 'JOB_INTERRUPTED']);
      const { close, ...clients } = connectAll(next.server.endpoint);
      await assert.rejects(watch(clients, job), hasCode('JOB_INTERRUPTED'));
      close();
    } finally {
      await next.stop(0);
    }
  });

  test('a preparation goes on; the scene that it replaces stays until then, and nothing is left over', async () => {
    const store = new DirectoryObjectStore(path.join(environment.HYPERSWAP_HOME!, 'store'));
    const idsOf = async (): Promise<string[]> => [
      ...new Set((await store.list('scene-arrays/replaced/')).map(({ key }) => key.split('/')[2]!)),
    ];
    const old = await send(pod, madeUpScene('replaced', { height: 16, width: 20, bands: 16 }));
    const size = { height: 256, width: 1024, bands: 128 };
    const source = madeUpScene('replaced', size, { retention: Retention.RETENTION_REPLACE, labelMaps: ['truth'] });
    let job = '';
    let killed: Promise<void> | undefined;
    const sent = send(pod, source, {
      onEvent: (event) => {
        if (event.$case === 'accepted') job = event.value.job;
        if (event.$case === 'progress' && event.value.stage !== 'receiving') killed ??= pod.kill();
      },
    });
    await assert.rejects(sent);
    await killed;
    assert.equal((await readManifest(store, 'replaced')).height, 16, 'it was killed too late');
    assert.deepEqual(new Set(await idsOf()), new Set([old.accepted!.job, job]));
    pod = await startPod(services, environment);
    const events = await collect(readStream(pod.scenes, pod.scenes.watchPreparation({ job })));
    const last = events.at(-1)!.event!;
    assert.ok(last.$case === 'scene' && last.value.raster!.height === 256);
    assert.deepEqual((await callUnary(pod.scenes, 'getScene', { name: 'replaced' })).scene, last.value);
    assert.equal(last.value.labelMaps[0]!.labelledPixels, 256 * 1024);
    await eventually(10_000, async () => {
      assert.deepEqual(await idsOf(), [job]);
      const left = (await store.list(`jobs/preparation/${job}/`)).map(({ key }) => key.split('/').at(-1));
      assert.deepEqual(left, ['result']);
    });
  });
});
