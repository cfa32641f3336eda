/** Uploads and waiting jobs take bounded memory of the process that accepts them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Scene, SceneJob } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { eventually, startPod, type Pod } from '../support/fleet.js';
import { growth } from '../support/process-memory.js';
import { prepareToy } from '../support/services.js';
import { registerMadeUp } from '../support/tile-client.js';
import { madeUpScene, send } from '../support/uploads.js';

const jobLimit = 64;

let home: string;
let pod: Pod;
let scene: Scene;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-job-memory-'));
  pod = await startPod('preprocessing,tile-inference', {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_JOB_LIMIT: String(jobLimit),
  });
  scene = await prepareToy(pod);
  await registerMadeUp(pod, scene, 'toy', { patchSize: 9 });
});

after(async () => {
  await pod.kill();
  await rm(home, { recursive: true, force: true });
});

test('eight uploads at once, of 64 MiB in messages of 16 MiB, grow the process by less than 640 MiB', async (context) => {
  // 256 KiB a row. If all were read ahead, they would take 512 MiB, and copies of them as much again.
  const size = { height: 320, width: 1024, bands: 128 };
  const [step, sentRows, blockRows] = [64, 256, 32];
  const message = randomBytes(step * size.width * size.bands * 2);
  const store = new DirectoryObjectStore(path.join(home, 'store'));
  const upload = async (name: string): Promise<void> => {
    const source = { ...madeUpScene(name, size), step, pixels: () => message };
    // Each leaves before its last message, when the service has stored the others: only uploads are measured, no PCA.
    const goOn = async (row: number, { job }: { readonly job: string }): Promise<boolean> => {
      if (row < sentRows) return true;
      await eventually(60_000, async () => {
        const keys = (await store.list('scene-arrays/')).map(({ key }) => key);
        const blocks = keys.filter((key) => key.includes(job) && key.includes('/bands/c/'));
        assert.equal(blocks.length, sentRows / blockRows);
      });
      return false;
    };
    const { accepted, scene: finished } = await send(pod, source, { goOn });
    assert.deepEqual([accepted?.nextRow, finished], [0, undefined]);
  };
  const uploads = Promise.all(Array.from({ length: 8 }, (_, index) => upload(`upload-${index}`)));
  const mebibytes = await growth(pod.process.pid!, uploads);
  context.diagnostic(`eight uploads grow the process by ${Math.round(mebibytes)} MiB`);
  assert.ok(mebibytes < 640, `${mebibytes} MiB`);
});

test('jobs up to the limit wait in less than 64 MiB, and one more is refused with a time to try again', async (context) => {
  const start = async (): Promise<SceneJob> => {
    const request = { scene: scene.name, adapter: 'toy', chunkSize: 16, detached: true, probabilities: false };
    for await (const { event } of readStream(pod.sceneJobs, pod.sceneJobs.classifyScene(request))) {
      if (event?.$case === 'accepted') return event.value;
    }
    throw new Error('the call ended before its job was accepted');
  };
  // One job runs to its end first, so that the memory of a batch is there before.
  const warm = { scene: scene.name, adapter: 'toy', chunkSize: 64, detached: false, probabilities: false };
  for await (const { event } of readStream(pod.sceneJobs, pod.sceneJobs.classifyScene(warm))) assert.ok(event);
  let refused: unknown;
  const jobs: SceneJob[] = [];
  const filling = (async () => {
    while (refused === undefined && jobs.length <= 4 * jobLimit) {
      await start().then(
        (job) => jobs.push(job),
        (error: unknown) => (refused = error),
      );
    }
  })();
  const mebibytes = await growth(pod.process.pid!, filling);
  context.diagnostic(`${jobs.length} jobs grow the process by ${Math.round(mebibytes)} MiB`);
  // Jobs end while others start, so more than the limit may be accepted in all.
  assert.ok(jobs.length >= jobLimit, `${jobs.length} jobs were accepted`);
  hasCode('JOBS_FULL', /64 jobs.*Try again/)(refused);
  assert.ok(mebibytes < 64, `${mebibytes} MiB`);
  await Promise.all(
    jobs.map(({ status }) => callUnary(pod.sceneJobs, 'cancelSceneJob', { job: status!.job }).catch(() => undefined)),
  );
});
