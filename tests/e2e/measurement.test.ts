import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readAdapter, type Adapter } from '@hyperswap/adapter';
import { Output, type Metrics, type SceneJob, type TrainingFinished } from '@hyperswap/proto';
import { Random } from '@hyperswap/random';
import { readStream } from '@hyperswap/rpc';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { exportBlob, prepareToy, startServices, toyScene, train, type Services } from '../support/services.js';

let services: Services;

/** The toy scene with one label in five moved to another class, so that no classifier is always right. */
function doubtfulScene(): ReturnType<typeof toyScene> {
  const toy = toyScene();
  const random = new Random(4);
  const labels = toy.labels.map((label) => (label > 0 && random.uniform() < 0.2 ? (label % 3) + 1 : label));
  return { ...toy, labels };
}

before(async () => {
  services = await startServices({ precision: 'float32' });
  await prepareToy(services, 'doubtful', doubtfulScene());
});

after(() => services.stop());

const doubtful = (request: Parameters<typeof train>[1], defaults?: Record<string, string>): Promise<TrainingFinished> =>
  train(services, { scene: 'doubtful', ...request }, defaults);
const sum = (bins: readonly { readonly pixels: number }[]): number => bins.reduce((all, { pixels }) => all + pixels, 0);
const accuracyOf = ({ byDistance }: Metrics): number =>
  byDistance.reduce((all, { correct }) => all + correct, 0) / sum(byDistance);
const adapterOf = async (name: string): Promise<Adapter> => readAdapter(name, await exportBlob(services, name));

test('a training tells accuracy by distance and calibration of all test pixels, and its adapter keeps them', async () => {
  const { metrics, adapter, testPixels } = await doubtful({ adapter: 'measured' });
  const { byDistance, distanceHistogram, patchOverlap, reliability, calibrationError } = metrics!;
  assert.equal(sum(byDistance), testPixels);
  assert.equal(
    distanceHistogram.reduce((all, pixels) => all + pixels, 0),
    testPixels,
  );
  assert.ok(Math.abs(accuracyOf(metrics!) - metrics!.overallAccuracy) < 1e-9);
  // 36 of 600 pixels at random: a patch of 9 × 9 nearly always holds one.
  assert.ok(patchOverlap! > 0.8 && patchOverlap! <= 1, String(patchOverlap));
  assert.equal(sum(reliability), testPixels);
  assert.ok(calibrationError! > 0 && calibrationError! < 0.5, String(calibrationError));
  assert.deepEqual(adapter!.metrics, metrics);
  assert.equal(adapter!.calibration, undefined);
});

test('no patch of a test pixel holds a training pixel in a split by blocks', async () => {
  const blocks = { labelMap: '', blockSize: 8, trainShare: 0.3, limit: 20, guard: 0, seed: 1 };
  const split = { kind: { $case: 'blocks', value: blocks } } as const;
  const { metrics } = await doubtful({ adapter: 'apart', split, patchSize: 5 });
  assert.equal(metrics!.patchOverlap, 0);
  assert.equal(metrics!.byDistance[0]!.pixels, 0);
});

test('comparison methods are measured alike, by what they look at', async () => {
  const own: Record<string, Record<string, string>> = { spectralformer: { epochs: '2' }, svm: { window: '9' } };
  const measured = async (method: string): Promise<Metrics> =>
    (await doubtful({ method, adapter: '', settings: own[method] ?? {} }, {})).metrics!;
  const [neighbours, machine, network] = [
    await measured('knn'),
    await measured('svm'),
    await measured('spectralformer'),
  ];
  assert.deepEqual([neighbours.patchOverlap, neighbours.reliability.length > 0], [0, true], 'single pixels');
  assert.ok(machine.patchOverlap! > network.patchOverlap!, '9 × 9 and 7 × 7 pixels');
  assert.deepEqual([machine.reliability, machine.calibrationError], [[], undefined], 'no confidence');
  assert.ok(network.calibrationError! > 0);
  const whole = await doubtful({ method: 'mamba-hsi', adapter: '', settings: { epochs: '2' } }, {});
  assert.deepEqual([whole.metrics!.patchOverlap, whole.sawTestSpectra], [1, true], 'the whole scene');
  assert.equal((await doubtful({ method: 'knn', adapter: '', settings: {} }, {})).sawTestSpectra, false);
  assert.ok(Math.abs(accuracyOf(machine) - machine.overallAccuracy) < 1e-9);
});

/** Returns labels, and the probabilities of all classes in 255ths, of the whole scene. */
async function mapOf(adapter: string): Promise<{ readonly labels: Buffer; readonly probabilities: Buffer }> {
  const { sceneJobs } = services;
  let done: SceneJob | undefined;
  const request = { scene: 'doubtful', adapter, chunkSize: 0, detached: false, probabilities: true };
  for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
    if (event?.$case === 'done') done = event.value;
  }
  const outputs = [Output.OUTPUT_LABELS, Output.OUTPUT_PROBABILITIES];
  const call = sceneJobs.readMap({ job: done!.status!.job, outputs, window: undefined, smoothingReach: 0 });
  const parts: { labels: Buffer; probabilities: Buffer }[] = [];
  for await (const { event } of readStream(sceneJobs, call)) if (event?.$case === 'rows') parts.push(event.value);
  return {
    labels: Buffer.concat(parts.map(({ labels }) => labels)),
    probabilities: Buffer.concat(parts.map(({ probabilities }) => probabilities)),
  };
}

test('a calibrated adapter is the same adapter with its logits divided, and its map says so', async () => {
  // A head that learns half of each label is not sure enough.
  const settings = { epochs: '8', labelSmoothing: '0.5' };
  const counts = { labelMap: '', count: 60, smallCount: 60, seed: 1, counts: [] };
  const request = { split: { kind: { $case: 'perClass', value: counts } }, patchSize: 5 } as const;
  const plain = await doubtful({ ...request, adapter: 'plain', settings });
  const more = { ...settings, calibrate: 'true' };
  const calibrated = await doubtful({ ...request, adapter: 'calibrated', settings: more });
  const { temperature, pixels, lossBefore, lossAfter } = calibrated.calibration!;
  assert.deepEqual(calibrated.adapter!.calibration, calibrated.calibration);
  assert.ok(temperature < 0.9, String(temperature));
  assert.ok(pixels >= 40 && pixels < 90, `${pixels} of the 180 training pixels, about a quarter`);
  assert.ok(lossAfter < lossBefore, `${lossAfter} < ${lossBefore}`);
  const [before, after] = [await adapterOf('plain'), await adapterOf('calibrated')];
  const divided = before.tensors.headWeight.values.map((value) => value / temperature);
  assert.ok(maximumDifference(divided, after.tensors.headWeight.values) < 1e-6);
  assert.equal(calibrated.metrics!.overallAccuracy, plain.metrics!.overallAccuracy);
  assert.ok(calibrated.metrics!.calibrationError! < plain.metrics!.calibrationError!);

  const [first, second] = [await mapOf('plain'), await mapOf('calibrated')];
  assert.deepEqual(first.labels, second.labels);
  let compared = 0;
  for (let pixel = 0; pixel < first.labels.length; pixel++) {
    const shares = [...first.probabilities.subarray(3 * pixel, 3 * pixel + 3)];
    // Shares that are rounded to few 255ths say too little of their logarithm.
    if (Math.min(...shares) < 10) continue;
    const scaled = shares.map((share) => share ** (1 / temperature));
    const total = scaled.reduce((all, share) => all + share, 0);
    scaled.forEach((share, index) => {
      const told = second.probabilities[3 * pixel + index]!;
      assert.ok(Math.abs((255 * share) / total - told) < 4, `${(255 * share) / total} and ${told}`);
    });
    compared += 1;
  }
  assert.ok(compared > 100, String(compared));
});

test('validation pixels of the training calibrate it, where it has some, and full fine-tuning too', async () => {
  const settings = { epochs: '2', probeEpochs: '5', headEpochs: '2', calibrate: 'true' };
  const own = await doubtful({ adapter: 'own', settings: { ...settings, validation: '0.5' } });
  assert.deepEqual([own.calibration!.pixels, own.trainPixels], [18, 18]);
  const tuned = await doubtful({ method: 'full', adapter: 'tuned', settings });
  assert.ok(tuned.calibration!.pixels >= 6 && tuned.calibration!.pixels < 18);
  assert.deepEqual(tuned.adapter!.calibration, tuned.calibration);
  const validated = await doubtful({ method: 'krona+', adapter: '', settings, validateOnly: true });
  // Its test pixels are its validation pixels; others of the 27 that train calibrate it.
  assert.deepEqual([validated.testPixels, validated.trainPixels], [9, 27]);
  assert.ok(validated.calibration!.pixels >= 4 && validated.calibration!.pixels < 18);
});

test('a training that cannot be calibrated is refused before it starts', async () => {
  const blocks = { labelMap: '', blockSize: 16, trainShare: 0.01, limit: 0, guard: 0, seed: 1 };
  await assert.rejects(
    doubtful({ settings: { calibrate: 'true' }, split: { kind: { $case: 'blocks', value: blocks } }, patchSize: 3 }),
    hasCode('SPLIT_INVALID', /too few to validate/),
  );
  await assert.rejects(doubtful({ settings: { calibrate: 'maybe' } }), hasCode('FIELD_INVALID', /setting calibrate/));
});
