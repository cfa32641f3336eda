/** Pixels without data, from the upload of a scene to its maps. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Output, Retention, type Scene, type SceneJob } from '@hyperswap/proto';
import { placeWindow } from '@hyperswap/raster';
import { callUnary, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import {
  labelsOf,
  prepareToy,
  rasterInfo,
  startServices,
  toyScene,
  train,
  trainingRequest,
  type Services,
} from '../support/services.js';
import { send, sceneHeader } from '../support/uploads.js';

const { height, width, bands, values, labels } = toyScene();
const pixels = height * width;
const chunkSize = 8;
/**
 * The first two rows of chunks of the left two chunks of each, a column across the third row of chunks, and single
 * pixels.
 */
const isMasked = (pixel: number): boolean => {
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  return (row < 16 && column < 16) || (row >= 16 && column === 5) || pixel % 97 === 3;
};
const masked = Array.from({ length: pixels }, (_, pixel) => pixel).filter(isMasked);

interface Planes {
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;
  readonly probabilities: Uint8Array;
}

describe('pixels without data', () => {
  let services: Services;
  let scene: Scene;
  let job: SceneJob;
  let classes = 0;

  before(async () => {
    services = await startServices();
    await prepareToy(services);
    scene = await sendMasked('masked');
    const { adapter } = await train(services, { scene: 'masked', adapter: 'masked', settings: { epochs: '6' } });
    classes = adapter!.classes.length;
  });

  after(() => services.stop());

  /** Prepares the toy scene with a value for pixels without data, and a band of noise that is marked as bad. */
  async function sendMasked(name: string): Promise<Scene> {
    const nodata = 65_535;
    const all = bands + 1;
    const sent = new Uint16Array(pixels * all);
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let band = 0; band < bands; band++) {
        sent[pixel * all + band] = isMasked(pixel) ? nodata : values[pixel * bands + band]!;
      }
      sent[pixel * all + bands] = isMasked(pixel) ? nodata : (pixel * 7919) % 50_000;
    }
    const goodBands = Array.from({ length: all }, (_, band) => band < bands);
    const raster = { ...rasterInfo({ height, width, bands: all }), nodata, goodBands };
    const header = sceneHeader(name, { height, width, bands: all }, { raster, labelMaps: ['truth'] });
    const source = {
      header: { ...header, retention: Retention.RETENTION_REPLACE },
      step: height,
      pixels: () => Buffer.from(sent.buffer),
      labels: () => Buffer.from(labels),
    };
    return (await send(services, source)).scene!;
  }

  async function patchesSoFar(): Promise<number> {
    return (await callUnary(services.tiles, 'getStatus', {})).classifiedPatches;
  }

  async function classify(): Promise<SceneJob> {
    const { sceneJobs } = services;
    const request = { scene: 'masked', adapter: 'masked', chunkSize, detached: false, probabilities: true };
    for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
      if (event?.$case === 'done') return event.value;
    }
    throw new Error('the job ended without a map');
  }

  async function read(smoothingReach: number): Promise<Planes> {
    const { sceneJobs } = services;
    const outputs = [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES];
    const planes = {
      labels: new Uint8Array(pixels),
      confidence: new Uint8Array(pixels),
      probabilities: new Uint8Array(pixels * classes),
    };
    const request = { job: job.status!.job, outputs, smoothingReach };
    for await (const { event } of readStream(sceneJobs, sceneJobs.readMap(request))) {
      if (event?.$case !== 'rows') continue;
      const { window, labels, confidence, probabilities } = event.value;
      placeWindow(planes.labels, width, window!, labels);
      placeWindow(planes.confidence, width, window!, confidence);
      planes.probabilities.set(probabilities, window!.row * width * classes);
    }
    return planes;
  }

  test('they have no part in the scene: labels, statistics, scores, bad bands are left out', async () => {
    assert.equal(scene.validPixels, pixels - masked.length);
    const labelled = masked.filter((pixel) => labels[pixel] !== 0).length;
    const truth = scene.labelMaps[0]!;
    const all = labels.reduce((sum, label) => sum + Number(label > 0), 0);
    assert.deepEqual([truth.labelledPixels, truth.pixelsWithoutData], [all - labelled, labelled]);
    const kept = await labelsOf(services, scene, 'truth');
    assert.ok(masked.every((pixel) => kept[pixel] === 0));
    const { components } = await callUnary(services.scenes, 'getPca', { scene: 'masked' });
    for (let component = 0; component < scene.components; component++) {
      assert.equal(components[component * (bands + 1) + bands], 0, 'the bad band has no loading');
    }
    const mask = new Uint8Array(pixels);
    const call = services.scenes.streamTiles({ scene: 'masked', tileSize: 7, halo: 2 });
    for await (const tile of readStream(services.scenes, call)) placeWindow(mask, width, tile.window!, tile.mask);
    assert.deepEqual(
      mask,
      Uint8Array.from({ length: pixels }, (_, pixel) => Number(!isMasked(pixel))),
    );
    for await (const tile of readStream(
      services.scenes,
      services.scenes.streamTiles({ scene: 'toy', tileSize: 0, halo: 0 }),
    )) {
      assert.equal(tile.mask.length, 0, 'a scene without such pixels sends no mask');
    }
  });

  test('a map has label, confidence and probabilities 0 there, and no patch of theirs is classified', async () => {
    const before = await patchesSoFar();
    job = await classify();
    assert.equal((await patchesSoFar()) - before, pixels - masked.length);
    const map = await read(0);
    for (let pixel = 0; pixel < pixels; pixel++) {
      const shares = map.probabilities.subarray(pixel * classes, (pixel + 1) * classes);
      if (isMasked(pixel)) {
        assert.deepEqual([map.labels[pixel], map.confidence[pixel], ...shares], new Array(2 + classes).fill(0));
        continue;
      }
      const label = map.labels[pixel]!;
      assert.ok(label >= 1 && map.confidence[pixel]! > 0, `pixel ${pixel}`);
      assert.equal(shares[label - 1], Math.max(...shares), `pixel ${pixel} has the class of its largest probability`);
    }
    const agreeing = [...map.labels].filter((label, pixel) => label === labels[pixel]).length;
    const labelled = [...labels].filter((label, pixel) => label > 0 && !isMasked(pixel)).length;
    assert.ok(agreeing > 0.9 * labelled, `${agreeing} of ${labelled} pixels`);
  });

  test('a smoothed map stays empty there', async () => {
    const map = await read(8);
    assert.ok(masked.every((pixel) => map.labels[pixel] === 0 && map.confidence[pixel] === 0));
    assert.equal([...map.labels].filter((label) => label === 0).length, masked.length);
  });

  test('no pseudo-label lies there, pretraining takes such a scene, and one of nothing else is refused', async () => {
    const settings = { epochs: '1', pseudoLabels: '1000' };
    const { split } = await train(services, { scene: 'masked', adapter: 'guessed', settings });
    const found = /(\d+) more pixels/.exec(split);
    assert.ok(found !== null && Number(found[1]) > 0 && Number(found[1]) <= pixels - masked.length - 36, split);
    const { trainings } = services;
    const { training } = await callUnary(trainings, 'startPretraining', {
      ...{ scenes: ['masked'], sceneDigests: [], simulatedScenes: 0, size: 'mini', backbone: 'small', seed: 1 },
      ...{ settings: { steps: '2', batchSize: '4', warmUpSteps: '1' }, from: '', resume: false },
    });
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
      if (event?.$case === 'pretrainingFinished') assert.equal(event.value.steps, 2);
    }
    const empty = { ...rasterInfo({ height, width, bands }), zeroIsNodata: true };
    const header = sceneHeader('empty', { height, width, bands }, { raster: empty });
    const source = { header, step: height, pixels: () => Buffer.alloc(pixels * bands * 2) };
    await assert.rejects(send(services, source), hasCode('NO_VALID_PIXELS', new RegExp(`${pixels} pixels of empty`)));
    await assert.rejects(
      callUnary(services.trainings, 'startTraining', trainingRequest({ scene: 'empty' })),
      hasCode('SCENE_NOT_FOUND'),
    );
  });
});
