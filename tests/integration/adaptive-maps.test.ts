/** Scene jobs in adaptive mode, from the request to the map. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Output, SceneJobMode, type ClassifySceneRequest, type SceneJob } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { prepareToy, readMapOf, startServices, toyScene, train, type Services } from '../support/services.js';

const toy = toyScene(70, 90);
const { height, width } = toy;
const adaptive = SceneJobMode.SCENE_JOB_MODE_ADAPTIVE;

describe('scene jobs in adaptive mode', () => {
  let services: Services;
  let exact: Buffer;

  before(async () => {
    services = await startServices();
    await prepareToy(services, 'toy', toy);
    await train(services, { settings: { epochs: '6' } });
    exact = await readMapOf(services, await classify({}));
  });

  after(() => services.stop());

  async function classify(options: Partial<ClassifySceneRequest>): Promise<SceneJob> {
    const { sceneJobs } = services;
    const usual = { scene: 'toy', adapter: 'toy', chunkSize: 0, detached: false, probabilities: false };
    for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene({ ...usual, ...options }))) {
      if (event?.$case === 'done') return event.value;
    }
    throw new Error('the job ended without a map');
  }

  async function patchesSoFar(): Promise<number> {
    return (await callUnary(services.tiles, 'getStatus', {})).classifiedPatches;
  }

  /** Returns the share of pixels with the exact label. */
  function agreementOf(map: Buffer): number {
    const labels = map.subarray(0, height * width);
    return labels.filter((label, pixel) => label === exact[pixel]).length / labels.length;
  }

  test('a map has the wanted agreement with the exact one from fewer patches, and the job says so', async () => {
    const before = await patchesSoFar();
    const job = await classify({ mode: adaptive, agreement: 0.98 });
    const classified = (await patchesSoFar()) - before;
    const { measured, mode, agreement } = job;
    assert.deepEqual([mode, agreement], [adaptive, 0.98]);
    assert.equal(measured!.pixels, height * width);
    assert.equal(measured!.classified, classified);
    assert.ok(classified < 0.6 * height * width, `${classified} of ${height * width}`);
    const found = agreementOf(await readMapOf(services, job));
    assert.ok(found >= 0.97 && found >= measured!.low, `${found}, measured ${measured!.low} to ${measured!.high}`);
  });

  test('however a scene is cut, chunk by chunk the map is repeatable', async () => {
    for (const chunkSize of [32, 100]) {
      const jobs = [await classify({ mode: adaptive, chunkSize }), await classify({ mode: adaptive, chunkSize })];
      const [first, second] = [await readMapOf(services, jobs[0]!), await readMapOf(services, jobs[1]!)];
      assert.deepEqual(first, second);
      assert.deepEqual(jobs[0]!.measured, jobs[1]!.measured);
      assert.ok(agreementOf(first) >= 0.97);
    }
  });

  test('probabilities are there when they were asked for, and belong to the labels', async () => {
    const job = await classify({ mode: adaptive, probabilities: true });
    const classes = 3;
    const { sceneJobs } = services;
    const outputs = [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES];
    let seen = 0;
    for await (const { event } of readStream(
      sceneJobs,
      sceneJobs.readMap({ job: job.status!.job, outputs, smoothingReach: 0 }),
    )) {
      if (event?.$case !== 'rows') continue;
      const { labels, confidence, probabilities } = event.value;
      labels.forEach((label, pixel) => {
        assert.equal(probabilities[pixel * classes + label - 1], confidence[pixel]);
        seen += 1;
      });
    }
    assert.equal(seen, height * width);
  });

  test('jobs in exact mode measure nothing, and lists tell the mode', async () => {
    assert.equal((await classify({})).measured, undefined);
    const { jobs } = await callUnary(services.sceneJobs, 'listSceneJobs', { pageSize: 0, pageToken: '' });
    assert.ok(jobs.some(({ mode, agreement }) => mode === adaptive && agreement === 0.98));
  });

  test('an agreement out of range, or without adaptive mode, is refused by name', async () => {
    for (const agreement of [0.5, 1, -1, NaN, Infinity]) {
      await assert.rejects(classify({ mode: adaptive, agreement }), hasCode('FIELD_INVALID', /agreement/));
    }
    await assert.rejects(classify({ agreement: 0.99 }), hasCode('FIELD_INVALID', /agreement/));
    await assert.rejects(classify({ mode: Number('9') as never }), hasCode('FIELD_INVALID', /mode/));
  });
});
