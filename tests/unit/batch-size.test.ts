import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backboneConfigs } from '@hyperswap/spectralgpt';
import { suitableBatch } from '@hyperswap/tile-inference';

test('batches are short on a processor whatever the backbone, and full on a GPU', () => {
  assert.equal(suitableBatch(backboneConfigs.mini, 'cpu'), 128);
  assert.equal(suitableBatch(backboneConfigs.base, 'cpu'), 32);
  assert.equal(suitableBatch(backboneConfigs.huge, 'cpu'), 8);
  assert.equal(suitableBatch(backboneConfigs.base, 'gpu'), 128);
});
