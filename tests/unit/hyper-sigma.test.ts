import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseSize, countParameters, hyperSigmaShapes, unusedParameters } from '@hyperswap/rivals';

test('HyperSIGMA has as many learned values as the paper counts, and holds those that reach its result', () => {
  const live = (classes: number): number => countParameters(hyperSigmaShapes(baseSize, classes));
  const released = (classes: number): number => live(classes) + unusedParameters(classes);
  // The paper prints 182.632 M for every scene: that of 14 outputs, Botswana's.
  assert.equal(released(14), 182_632_488);
  assert.equal(released(16), 182_639_152);
  assert.equal(live(14), 118_205_902);
});
