import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import {
  Binding,
  completePeft,
  exportPeft,
  importPeft,
  readAdapter,
  writeAdapter,
  type Adapter,
} from '@hyperswap/adapter';
import { adaptationShapes, adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import { imageTokens, makeResident, residentBackbone } from '@hyperswap/spectralgpt';
import { loadTensorFlow } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { fixture } from '../support/fixtures.js';
import { parityAdapter, parityModel } from '../support/parity-model.js';

const fixtures = fixture('peft');
const logits = JSON.parse(readFileSync(path.join(fixtures, 'logits.json'), 'utf8')) as Record<
  string,
  { values: number[] }
>;
const files = (name: string) => ({
  config: readFileSync(path.join(fixtures, name, 'adapter_config.json'), 'utf8'),
  model: readFileSync(path.join(fixtures, name, 'adapter_model.safetensors')),
});
const { config, backbone, input } = parityModel();

before(() => {
  loadTensorFlow();
  makeResident(backbone, 'float32');
});

/** Logits of the fixture's three images by an adapter as it would serve: through its blob. */
function served(adapter: Adapter): Float32Array {
  const binding = new Binding(
    'test',
    readAdapter('test', writeAdapter(adapter)),
    residentBackbone(backbone.digest, 'float32'),
  );
  const result = binding.logitsOfTokens(imageTokens(input, config)).dataSync() as Float32Array;
  binding.dispose();
  return result;
}

const like = parityAdapter('linear-probe', {}, 1);

for (const name of Object.keys(logits)) {
  test(`PEFT’s adapter ${name} gives the logits here that it gives there`, () => {
    const { config: text, model } = files(name);
    const adapter = completePeft(importPeft(text, model), like);
    const difference = maximumDifference(served(adapter), logits[name]!.values);
    assert.ok(difference < 1e-3, String(difference));
  });
}

const exported: [string, Record<string, number>][] = [
  ['lora', { rank: 3, alpha: 6 }],
  ['lora+', {}],
  ['lokr', { factor: 4, rank: 2, alpha: 6 }],
  ['krona', { rows: 4, columns: 4, scale: 0.5 }],
  ['krona+', { rows: 16, columns: 2 }],
];
for (const [method, settings] of exported) {
  test(`${method} ${JSON.stringify(settings)} written for PEFT and read again is the same`, () => {
    const adapter = parityAdapter(method, settings, 3);
    const { config: text, model } = exportPeft('test', adapter);
    const again = completePeft(importPeft(text, model), like);
    assert.ok(maximumDifference(served(again), served(adapter)) < 1e-4);
  });
}

test('what PEFT cannot hold is refused by name', () => {
  for (const method of ['bitfit', 'dora', 'linear-probe']) {
    assert.throws(
      () => exportPeft('mine@1', parityAdapter(method, {}, 1)),
      hasCode('ADAPTER_INVALID', /mine@1.*PEFT has no/),
    );
  }
  const adapter = parityAdapter('lora', {}, 1);
  const grouped = { ...adapter, metadata: { ...adapter.metadata, pooling: 'groups' as const } };
  assert.throws(() => exportPeft('mine@1', grouped), hasCode('ADAPTER_INVALID', /pooling=mean/));
});

test('files that are no LORA or LOKR of queries and values are refused by the field or tensor', () => {
  const { config: text, model } = files('lora');
  const change = (fields: object): string => JSON.stringify({ ...(JSON.parse(text) as object), ...fields });
  assert.throws(() => importPeft('{', model), hasCode('ADAPTER_INVALID', /not JSON/));
  assert.throws(() => importPeft(change({ peft_type: 'IA3' }), model), hasCode('ADAPTER_INVALID', /peft_type/));
  assert.throws(() => importPeft(change({ use_dora: true }), model), hasCode('ADAPTER_INVALID', /DoRA/));
  assert.throws(() => importPeft(change({ r: 5 }), model), hasCode('ADAPTER_INVALID', /rank 3.*config says 5/));
  assert.throws(() => importPeft(text, model.subarray(0, 900)), hasCode('ADAPTER_INVALID', /adapter_model/));
  assert.throws(
    () => importPeft(change({ peft_type: 'LOKR', alpha: 1 }), model),
    hasCode('ADAPTER_INVALID', /lokr_w1/),
  );
});

test('shapes of an imported adapter are those of its method on the backbone', () => {
  const { config: text, model } = files('lora-patterns');
  const { method, settings, factors } = importPeft(text, model);
  const checked = methodSettings(findMethod(method), adaptedWeight(config), settings);
  const shapes = adaptationShapes({ method: findMethod(method), settings: checked }, config);
  assert.deepEqual(new Set(factors.keys()), new Set(shapes.keys()));
});
