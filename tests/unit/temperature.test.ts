import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@hyperswap/random';
import { fitTemperature, meanLoss } from '@hyperswap/map';

const classes = 5;

/** Draws logits, and labels from the softmax of the logits divided by a temperature. */
function drawn(pixels: number, temperature: number): { logits: Float32Array; labels: Uint8Array; classes: number } {
  const random = new Random(5);
  const logits = Float32Array.from({ length: pixels * classes }, () => 2 * random.normal());
  const labels = Uint8Array.from({ length: pixels }, (_, pixel) => {
    const weights = [...logits.subarray(pixel * classes, (pixel + 1) * classes)].map((z) => Math.exp(z / temperature));
    let rest = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    const index = weights.findIndex((weight) => (rest -= weight) < 0);
    return (index < 0 ? classes - 1 : index) + 1;
  });
  return { logits, labels, classes };
}

test('the temperature that labels were drawn with is found again', () => {
  for (const temperature of [0.4, 1, 3]) {
    const found = fitTemperature(drawn(20_000, temperature));
    assert.ok(Math.abs(found / temperature - 1) < 0.06, `${found} for ${temperature}`);
  }
});

test('logits that are two hundred times too large get two hundred times the temperature', () => {
  const { logits, ...given } = drawn(20_000, 2);
  const plain = fitTemperature({ logits, ...given });
  const large = fitTemperature({ logits: logits.map((z) => 200 * z), ...given });
  assert.ok(Math.abs(large / (200 * plain) - 1) < 1e-3, `${large} and ${plain}`);
});

test('no other temperature makes the labels more likely', () => {
  const given = drawn(5000, 2);
  const best = meanLoss(given, 1 / fitTemperature(given));
  for (let scale = 0.05; scale < 20; scale *= 1.1) assert.ok(meanLoss(given, scale) > best - 1e-4, String(scale));
});

test('the temperature stays within bounds where all pixels are right, where none is, and with large logits', () => {
  const logits = Float32Array.from({ length: 40 * classes }, (_, i) => (i % classes === 0 ? 3 : 0));
  const right = fitTemperature({ logits, labels: new Uint8Array(40).fill(1), classes });
  assert.ok(right > 0.1 && right < 1, String(right));
  const more = new Float32Array(400 * classes).map((_, i) => (i % classes === 0 ? 3 : 0));
  const surer = fitTemperature({ logits: more, labels: new Uint8Array(400).fill(1), classes });
  assert.ok(surer < right, `${surer} < ${right}: more pixels that are right make it surer`);
  assert.ok(fitTemperature({ logits, labels: new Uint8Array(40).fill(2), classes }) <= 1000);
  const large = fitTemperature({ logits: logits.map((z) => 1000 * z), labels: new Uint8Array(40).fill(1), classes });
  assert.ok(Number.isFinite(large) && large > 0, String(large));
});
