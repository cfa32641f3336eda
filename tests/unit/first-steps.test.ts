/** Advice for newcomers: the next step, and the proposals of a first project. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureLabels, nextSteps, proposePatchSize, proposeSplit, type Present } from '@hyperswap/cli';

const present = (more: Partial<Present>): Present => ({
  ...{ place: 'services', at: '127.0.0.1:7420', scenes: [], adapters: [] },
  ...more,
});
const first = (more: Partial<Present>, files: readonly string[] = []): string =>
  nextSteps(present(more), files).steps[0]!.command;

test('the next step follows from what is there', () => {
  const field = { name: 'field', isLabelled: true };
  assert.match(first({ place: 'nothing' }), /^hyperswap demo$/);
  assert.match(first({ place: 'nothing' }, ['field.mat']), /^hyperswap init$/);
  assert.match(first({ scenes: [field] }), /^hyperswap train --scene field --adapter field$/);
  assert.match(first({ scenes: [{ name: 'a', isLabelled: false }, field] }), /^hyperswap train --scene field/);
  assert.match(
    first({ scenes: [{ name: 'bare', isLabelled: false }] }),
    /^hyperswap scenes prepare .* --labels .*bare/,
  );
  assert.match(first({ place: 'home', scenes: [{ name: 'a', isLabelled: undefined }] }), /^hyperswap train --scene a/);
  assert.match(
    first({ scenes: [{ name: 'other', isLabelled: true }, field], adapters: ['field@2'] }),
    /^hyperswap classify --scene field --adapter field --out out\/field$/,
  );
  assert.match(first({ adapters: ['field@2'] }), /^hyperswap classify --scene FILE --adapter field/);
});

test('the state names where was looked, what there is, and files that may be scenes', () => {
  const { state } = nextSteps(present({ place: 'home', at: '.hyperswap', adapters: ['a@1'] }), ['b.npy', 'c.tif']);
  assert.match(state, /No services run\. The home folder \.hyperswap holds no scenes and 1 adapter \(a@1\)\./);
  assert.match(state, /b\.npy, c\.tif/);
});

/** Labels in vertical stripes of a width. */
function stripes(width: number, height: number, columns: number): Uint8Array {
  return Uint8Array.from({ length: height * columns }, (_, i) => (Math.floor((i % columns) / width) % 3) + 1);
}

test('labels are counted, and the width of their areas is measured', () => {
  const labels = stripes(10, 12, 60);
  const { counts, areaWidth } = measureLabels(labels, 60);
  assert.deepEqual(counts, [240, 240, 240]);
  assert.ok(areaWidth >= 10 && areaWidth <= 12, String(areaWidth));
  const points = new Uint8Array(400);
  for (let i = 0; i < 400; i += 7) points[i] = 1 + (i % 2);
  assert.equal(measureLabels(points, 20).areaWidth, 1);
});

test('the split follows from the sizes of the classes, and says why', () => {
  const split = (counts: number[]): string => proposeSplit({ counts, areaWidth: 10 }).value;
  assert.equal(split([100, 2000, 80]), '50:15');
  assert.equal(split([20, 2000, 80]), '50:15');
  assert.equal(split([20, 0, 30]), '50%');
  assert.equal(split([3, 2000, 80]), 'all');
  assert.match(proposeSplit({ counts: [3, 2000], areaWidth: 10 }).reason, /has 3 labelled pixels/);
});

test('the patch is not wider than the labelled areas', () => {
  const side = (areaWidth: number): string => proposePatchSize({ counts: [], areaWidth }).value;
  assert.deepEqual([2, 5, 8, 19, 60].map(side), ['9', '5', '7', '15', '27']);
});
