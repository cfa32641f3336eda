import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  baseSize,
  countParameters,
  hyperSigmaOf,
  hyperSigmaShapes,
  WhitenedScene,
  type ComponentsArguments,
  type PixelClassifier,
} from '@hyperswap/rivals';
import type { ErrorCode } from '@hyperswap/errors';
import { Random } from '@hyperswap/random';
import { liveTensors, loadTensorFlow, type MethodContext, type TrainingCheckpoint } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { fixture } from '../support/fixtures.js';
import { toyScene } from '../support/services.js';

loadTensorFlow();

const size = { ...baseSize, width: 32, heads: 2, points: 3, components: 8, spectralTokens: 16, reduced: 16 };
const network = hyperSigmaOf(size, 'tiny');
const encoderValues = countParameters(
  new Map([...hyperSigmaShapes(size, 3)].filter(([name]) => /^(spatial|spectral)\./.test(name))),
);
const { height, width, bands, values: integers, labels: truth } = toyScene(20, 24, 16);
const labelled = [...truth.keys()].filter((pixel) => truth[pixel]! > 0);
const trainingPixels = labelled.filter((pixel) => pixel % 7 === 0);
const testPixels = labelled.filter((pixel) => pixel % 7 !== 0);

function argumentsOf(more: Partial<ComponentsArguments> = {}): ComponentsArguments {
  return {
    ...{ height, width, bands, classes: 3, epochs: 22, seed: 5, resumed: undefined, precision: 'float32', weights: '' },
    settings: {},
    values: Float32Array.from(integers),
    valid: new Uint8Array(height * width).fill(1),
    training: { pixels: trainingPixels, labels: Uint8Array.from(trainingPixels, (pixel) => truth[pixel]!) },
    ...more,
  };
}

interface Followed {
  readonly context: MethodContext;
  readonly stages: Set<string>;
  readonly checkpoints: TrainingCheckpoint[];
}

/** Returns a context that cancels at an epoch. */
function follow(cancelAt = Infinity): Followed {
  const cancelling = new AbortController();
  const stages = new Set<string>();
  const checkpoints: TrainingCheckpoint[] = [];
  const progress = (value: unknown): void => {
    const { stage, epoch, checkpoint } = value as { stage: string; epoch: number; checkpoint?: TrainingCheckpoint };
    stages.add(stage);
    if (checkpoint !== undefined) checkpoints.push(checkpoint);
    if (epoch >= cancelAt) cancelling.abort();
  };
  const wait = (): Promise<void> => Promise.resolve();
  return { stages, checkpoints, context: { signal: cancelling.signal, progress, pause: wait, letUrgentPass: wait } };
}

/** Trains, classifies pixels, and frees everything. */
async function trained<Result>(
  args: ComponentsArguments,
  { context }: Followed,
  use: (classifier: PixelClassifier) => Promise<Result>,
): Promise<Result> {
  const classifier = await network.fit(args, context);
  try {
    return await use(classifier);
  } finally {
    classifier.dispose();
  }
}

const predicted = (args: ComponentsArguments, followed = follow()) =>
  trained(
    args,
    followed,
    async (classifier) => (await classifier.classify(testPixels, follow().context)).probabilities,
  );

test('frozen random encoders with a trained head tell materials apart, and say that they are random', async () => {
  const before = liveTensors();
  const followed = follow();
  await trained(argumentsOf({ epochs: 150 }), followed, async (classifier) => {
    const { labels, probabilities } = await classifier.classify(testPixels, followed.context);
    const right = testPixels.filter((pixel, i) => labels[i] === truth[pixel]).length;
    assert.ok(right / testPixels.length > 0.55, `${right / testPixels.length}, ${classifier.lossByEpoch.at(-1)}`);
    assert.equal(probabilities.length, 3 * testPixels.length);
    assert.equal(classifier.note, 'random weights: measures the architecture');
    assert.equal(classifier.lossByEpoch.length, 150);
    assert.ok(classifier.lossByEpoch.at(-1)! < classifier.lossByEpoch[0]!);
  });
  assert.deepEqual([...followed.stages], ['weights', 'features', 'training']);
  assert.equal(liveTensors(), before, 'everything is freed');
});

test('a training that was stopped goes on at its checkpoint and ends as an uninterrupted one; others differ', async () => {
  const before = liveTensors();
  const whole = await predicted(argumentsOf());
  const stopped = follow(15);
  await assert.rejects(predicted(argumentsOf(), stopped), hasCode('CANCELLED'));
  assert.deepEqual(
    stopped.checkpoints.map(({ epoch }) => epoch),
    [10],
  );
  assert.deepEqual(await predicted(argumentsOf({ resumed: stopped.checkpoints[0] })), whole);
  assert.notDeepEqual(await predicted(argumentsOf({ seed: 6 })), whole);
  assert.equal(liveTensors(), before);
});

for (const [adaptation, more, learned] of [
  // Values of q and v in 12 spatial and 4 spectral blocks.
  ['bitfit', { learningRate: '0.02' }, 32 * size.width],
  ['lora', { learningRate: '0.02', rank: '2' }, 32 * 2 * 2 * size.width],
  ['krona+', { learningRate: '0.02' }, undefined],
  ['full', { learningRate: '0.0003' }, undefined],
] as const) {
  test(`encoders adapt by ${adaptation}, lower the loss, and what they learned serves`, async () => {
    const before = liveTensors();
    const settings = { adaptation, headEpochs: '30', ...more };
    const followed = follow();
    const fitted = (epochs: number, own = followed) =>
      trained(argumentsOf({ epochs, settings }), own, async (classifier) => {
        const { probabilities } = await classifier.classify(testPixels, own.context);
        const { lossByEpoch, parameters } = classifier;
        return { probabilities, lossByEpoch, parameters };
      });
    const long = await fitted(12);
    assert.deepEqual([...followed.stages], ['weights', 'features', 'head', 'training']);
    assert.equal(long.lossByEpoch.length, 12);
    assert.ok(long.lossByEpoch.at(-1)! < 0.9 * long.lossByEpoch[0]!, long.lossByEpoch.join());
    const head = countParameters(hyperSigmaShapes(size, 3)) - encoderValues;
    if (adaptation === 'full') assert.equal(long.parameters, head + encoderValues);
    else if (learned !== undefined) assert.equal(long.parameters, head + learned);
    const frozen = await predicted(argumentsOf({ epochs: 30 }));
    assert.ok(maximumDifference(long.probabilities, frozen) > 1e-3, 'the features are other ones');
    assert.equal(liveTensors(), before, 'everything is freed');
  });
}

test('a tuning that was stopped goes on at its checkpoint and ends as an uninterrupted one', async () => {
  const before = liveTensors();
  const args = argumentsOf({ epochs: 5, settings: { adaptation: 'lora+', headEpochs: '10' } });
  const whole = await predicted(args);
  const stopped = follow();
  const cancelling = new AbortController();
  const context: MethodContext = {
    ...stopped.context,
    signal: cancelling.signal,
    progress: (value) => {
      stopped.context.progress(value);
      if (stopped.checkpoints.length === 2) cancelling.abort();
    },
  };
  await assert.rejects(predicted(args, { ...stopped, context }), hasCode('CANCELLED'));
  const [, resumed] = stopped.checkpoints;
  assert.equal(resumed!.epoch, 4);
  assert.deepEqual(await predicted({ ...args, resumed }), whole);
  assert.equal(liveTensors(), before);
});

test('settings of a tuning that do not exist or do not fit are refused', () => {
  const refused = (settings: Record<string, string>, code: ErrorCode, words: RegExp): void => {
    assert.throws(() => network.checkSettings(settings), hasCode(code, words), JSON.stringify(settings));
  };
  refused({ adaptation: 'lorra' }, 'METHOD_UNKNOWN', /lorra.*lora/);
  refused({ adaptation: 'lora', ranks: '4' }, 'METHOD_SETTINGS', /ranks/);
  refused({ adaptation: 'lora', rank: '4000' }, 'METHOD_SETTINGS', /rank 4000/);
  refused({ adaptation: 'lora', learningRate: '-1' }, 'FIELD_INVALID', /learningRate/);
  refused({ headEpochs: '10' }, 'METHOD_SETTINGS', /headEpochs/);
  network.checkSettings({ adaptation: 'lora', rank: '2', alpha: '1', learningRate: '0.01', headEpochs: '10' });
  network.checkSettings({});
});

test('components have variance 1 each over the pixels with data, and windows are 0 outside of the scene', () => {
  const [components, side] = [6, 33];
  const scene = new WhitenedScene(argumentsOf(), components);
  const all = Array.from({ length: height * width }, (_, pixel) => pixel);
  const windows = scene.windows(all);
  const found = windows.dataSync();
  const at = (pixel: number, y: number, x: number): Float32Array =>
    found.subarray(
      ((pixel * side + y) * side + x) * components,
      ((pixel * side + y) * side + x + 1) * components,
    ) as Float32Array;
  const middle = (side - 1) / 2;
  for (let a = 0; a < components; a++) {
    for (let b = 0; b <= a; b++) {
      const products = all.reduce(
        (sum, pixel) => sum + at(pixel, middle, middle)[a]! * at(pixel, middle, middle)[b]!,
        0,
      );
      const wanted = a === b ? 1 : 0;
      assert.ok(Math.abs(products / (all.length - 1) - wanted) < 1e-3, `components ${a} and ${b}`);
    }
  }
  // The window of the first pixel has nothing above it or on its left, and its neighbours on its right and below.
  const zeros = new Float32Array(components);
  assert.deepEqual(at(0, middle - 1, middle), zeros);
  assert.deepEqual(at(0, middle, middle - 1), zeros);
  assert.deepEqual(at(0, middle, middle + 3), at(3, middle, middle));
  assert.deepEqual(at(0, middle + 2, middle), at(2 * width, middle, middle));
  assert.deepEqual(at(width - 1, middle, middle + 1), zeros);
  windows.dispose();
  scene.dispose();
});

test('pixels without data count neither for the components nor in windows', async () => {
  const random = new Random(3);
  const valid = new Uint8Array(height * width).fill(1);
  const [values, other] = [Float32Array.from(integers), Float32Array.from(integers)];
  for (const pixel of [0, 30, 400]) {
    valid[pixel] = 0;
    for (let band = 0; band < bands; band++) other[pixel * bands + band] = 1e6 * random.uniform();
  }
  const training = argumentsOf().training.pixels.filter((pixel) => valid[pixel] === 1);
  const own = { pixels: training, labels: Uint8Array.from(training, (pixel) => truth[pixel]!) };
  const first = await predicted(argumentsOf({ values, valid, training: own, epochs: 3 }));
  assert.deepEqual(await predicted(argumentsOf({ values: other, valid, training: own, epochs: 3 })), first);
});

test('released encoders replace random ones, and the result says which parts are random', async () => {
  const made = { width: 16, heads: 2, points: 3, mlpRatio: 2, components: 6, spectralTokens: 9, reduced: 8 };
  const released = hyperSigmaOf(made, 'made-up');
  const logits = async (weights: string): Promise<readonly [string | undefined, Float32Array]> => {
    const { context } = follow();
    const classifier = await released.fit(argumentsOf({ epochs: 5, weights }), context);
    try {
      return [classifier.note, (await classifier.classify(testPixels, context)).probabilities];
    } finally {
      classifier.dispose();
    }
  };
  const before = liveTensors();
  const [note, probabilities] = await logits(fixture('hyper-sigma'));
  const [, random] = await logits('');
  assert.equal(note, 'released encoder blocks; embeddings, spatial positions and sampling offsets start at random');
  assert.ok(maximumDifference(probabilities, random) > 1e-3);
  assert.equal(liveTensors(), before);
  await assert.rejects(
    logits('/nowhere'),
    hasCode('CONFIG_INVALID', /HYPERSWAP_HYPER_SIGMA_WEIGHTS|hyperSigmaWeights/),
  );
  assert.equal(liveTensors(), before);
});
