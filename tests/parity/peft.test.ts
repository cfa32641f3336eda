import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import {
  Binding,
  completePeft,
  exportPeft,
  importPeft,
  type PeftAdapter,
  readAdapter,
  writeAdapter,
  type Adapter,
} from '@hyperswap/adapter';
import { adaptableProjections, adaptationShapes, adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import { atOnce, writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
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
  config: readFileSync(path.join(fixtures, name, 'adapter_config.json')),
  model: readFileSync(path.join(fixtures, name, 'adapter_model.safetensors')),
});
const readPeft = (given: Uint8Array, model: Uint8Array): PeftAdapter => atOnce(importPeft(given, model));
const filesOf = (name: string): [Uint8Array, Uint8Array] => [files(name).config, files(name).model];
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
    const adapter = completePeft(readPeft(text, model), like);
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
    const again = completePeft(readPeft(Buffer.from(text), model), like);
    assert.ok(maximumDifference(served(again), served(adapter)) < 1e-4);
  });
}

test('what PEFT cannot hold is refused by name, with what to do', () => {
  for (const method of ['bitfit', 'dora', 'linear-probe']) {
    assert.throws(
      () => exportPeft('mine@1', parityAdapter(method, {}, 1)),
      hasCode('PEFT_EXPORT', /mine@1.*PEFT has no .*Train with lora/),
    );
  }
  const adapter = parityAdapter('lora', {}, 1);
  const grouped = { ...adapter, metadata: { ...adapter.metadata, pooling: 'groups' as const } };
  assert.throws(() => exportPeft('mine@1', grouped), hasCode('PEFT_EXPORT', /pooling=mean/));
  const wide = parityAdapter('krona', { rows: 1, columns: config.width }, 1);
  assert.throws(() => exportPeft('mine@1', wide), hasCode('PEFT_EXPORT', /LoRA of rank/));
});

const { config: loraConfig, model: loraModel } = files('lora');
const configWith = (fields: object): Buffer =>
  Buffer.from(JSON.stringify({ ...(JSON.parse(loraConfig.toString()) as object), ...fields }));

test('files that are no LORA or LOKR of queries and values are refused by the field or tensor', () => {
  const refuse = (given: Uint8Array, message: RegExp, model: Uint8Array = loraModel): void => {
    assert.throws(() => readPeft(given, model), hasCode('ADAPTER_INVALID', message));
  };
  refuse(Buffer.from('{'), /not JSON/);
  refuse(Buffer.from('['.repeat(100_000)), /nests more than/);
  refuse(Buffer.alloc(300_000, ' '), /300000 bytes/);
  refuse(configWith({ peft_type: 'IA3' }), /peft_type/);
  refuse(configWith({ r: 5 }), /rank 3.*config says 5/);
  refuse(configWith({ lora_alpha: 0 }), /lora_alpha/);
  refuse(loraConfig, /adapter_model/, loraModel.subarray(0, 900));
  refuse(configWith({ peft_type: 'LOKR', alpha: 1 }), /lokr_w1/);
});

test('what PEFT does otherwise is refused with what to do, and settings without meaning are not', () => {
  const cases: [object, RegExp][] = [
    ...['pissa', 'pissa_niter_16', 'olora', 'corda', 'lora_ga'].map((init): [object, RegExp] => [
      { init_lora_weights: init },
      /changed the base weights.*path_initial_model_for_weight_conversion/,
    ]),
    [{ init_lora_weights: 'loftq', loftq_config: { loftq_bits: 4 } }, /init_lora_weights=True/],
    [{ init_lora_weights: 'of-the-future' }, /changed the base weights/],
    [{ use_dora: true }, /use_dora=False/],
    [{ bias: 'all' }, /bias="none"/],
    [{ lora_bias: true }, /lora_bias=False/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out=False/],
    [{ modules_to_save: ['head', 'norm'] }, /modules_to_save=\["head"\]/],
    [{ layer_replication: [[0, 2]] }, /layer_replication/],
    [{ alora_invocation_tokens: [1] }, /Train without alora_invocation_tokens/],
    [{ use_qalora: true }, /Train without use_qalora/],
    [{ field_of_the_future: 'on' }, /Train without field_of_the_future/],
    [{ constructor: 'on' }, /Train without constructor/],
    [{ rank_pattern: { '(a+)+b': 3 } }, /three repetitions/],
    [{ rank_pattern: { '.*.*.*.*x': 3 } }, /three repetitions/],
    [{ alpha_pattern: { '[': 3 } }, /Name modules in rank_pattern/],
  ];
  for (const [fields, message] of cases) {
    assert.throws(() => readPeft(configWith(fields), loraModel), hasCode('PEFT_UNSUPPORTED', message));
  }
  const plain = readPeft(loraConfig, loraModel);
  const harmless = [
    ...[true, false, 'gaussian', 'orthogonal', 'eva', 'mica'].map((init) => ({ init_lora_weights: init })),
    { lora_dropout: 0.3, layers_to_transform: [0, 1], layers_pattern: 'blocks', target_modules: '.*attn.[qv]' },
    { field_of_the_future: null, other_of_the_future: false, more: {}, base_model_name_or_path: 'somewhere' },
    { modules_to_save: null },
    { rank_pattern: { 'blocks\\.\\d+\\.attn\\.[qv]': 3 } },
  ];
  for (const fields of harmless) assert.deepEqual(readPeft(configWith(fields), loraModel), plain);
});

test('an import takes no more memory than an adapter may have, whatever its shapes are', () => {
  const tensors = new Map<string, NamedTensor>();
  const zeros = (...shape: number[]): NamedTensor => ({
    shape,
    values: new Float32Array(shape.reduce((product, side) => product * side, 1)),
  });
  const head = (): void => {
    tensors.set('base_model.model.head.weight', zeros(2, 8)).set('base_model.model.head.bias', zeros(2));
  };
  const part = (block: number, name: string, tensor: NamedTensor): void => {
    tensors.set(`base_model.model.blocks.${block}.attn.q.${name}`, tensor);
  };
  const refuse = (config: object, message: RegExp): void => {
    const text = Buffer.from(JSON.stringify(config));
    assert.throws(
      () => readPeft(text, writeSafetensors({ tensors, metadata: {} })),
      hasCode('ADAPTER_INVALID', message),
    );
    tensors.clear();
    head();
  };
  head();
  const lora = { peft_type: 'LORA', r: 1, lora_alpha: 1, rank_pattern: { 'blocks.1.attn.q': 30_000 } };
  for (const [block, rank] of [1, 30_000].entries()) {
    part(block, 'lora_A.weight', zeros(rank, 4));
    part(block, 'lora_B.weight', zeros(4, rank));
  }
  // Every block filled up to the rank of one.
  for (let block = 2; block < 200; block++) {
    part(block, 'lora_A.weight', zeros(1, 4));
    part(block, 'lora_B.weight', zeros(4, 1));
  }
  refuse(lora, /more than 16777216 values/);
  part(0, 'lora_A.weight', zeros(1, 100_000));
  part(0, 'lora_B.weight', zeros(4, 1));
  part(1, 'lora_A.weight', zeros(1, 4));
  part(1, 'lora_B.weight', zeros(100_000, 1));
  refuse({ ...lora, rank_pattern: {} }, /all projections are of one size/);
  part(0, 'lora_A.weight', zeros(4));
  part(0, 'lora_B.weight', zeros(4, 1));
  refuse({ ...lora, rank_pattern: {} }, /no matrix/);
  part(0, 'lokr_w1_a', zeros(100_000, 1));
  part(0, 'lokr_w1_b', zeros(1, 100_000));
  part(0, 'lokr_w2', zeros(2, 2));
  refuse({ peft_type: 'LOKR', r: 1, alpha: 1 }, /more than 16777216 values/);
  part(0, 'lokr_w1_a', zeros(2, 3));
  part(0, 'lokr_w1_b', zeros(2, 2));
  refuse({ peft_type: 'LOKR', r: 1, alpha: 1 }, /have no product/);
});

test('an imported adapter changes the projections that its files adapt, and says which', () => {
  const both = readPeft(...filesOf('lora-patterns'));
  assert.deepEqual(both.targets, adaptableProjections(config));
  const queries = readPeft(...filesOf('lora-queries'));
  assert.deepEqual(
    queries.targets,
    adaptableProjections(config).filter((name) => name.endsWith('.q')),
  );
  for (const { method, settings, targets, factors } of [both, queries]) {
    const checked = methodSettings(findMethod(method), adaptedWeight(config), settings);
    const shapes = adaptationShapes({ method: findMethod(method), settings: checked, targets }, config);
    assert.deepEqual(new Set(factors.keys()), new Set(shapes.keys()));
  }
});

test('an adapter of some projections computes as one whose other updates are zero, and keeps to them when exported', () => {
  const cases: [string, Record<string, number>, string][] = [
    ['lora', {}, 'lora_b'],
    ['lokr', { factor: 4, rank: 2 }, 'lokr_b'],
    ['krona', { rows: 4, columns: 4 }, 'krona_b'],
    ['bitfit', {}, 'bias_update'],
  ];
  for (const [method, settings, zeroed] of cases) {
    const whole = parityAdapter(method, settings, 7);
    const targets = ['blocks.0.attn.q', 'blocks.0.attn.v', 'blocks.1.attn.v'];
    const isTarget = (name: string): boolean => targets.includes(name.slice(0, name.lastIndexOf('.')));
    const partial: Adapter = {
      metadata: { ...whole.metadata, targets },
      tensors: { ...whole.tensors, factors: new Map([...whole.tensors.factors].filter(([name]) => isTarget(name))) },
    };
    const silent: Adapter = {
      ...whole,
      tensors: {
        ...whole.tensors,
        factors: new Map(
          [...whole.tensors.factors].map(([name, { shape, values }]) => {
            const isZero = !isTarget(name) && name.endsWith(`.${zeroed}`);
            return [name, { shape, values: isZero ? new Float32Array(values.length) : values }];
          }),
        ),
      },
    };
    const logitsOfPartial = served(partial);
    assert.ok(maximumDifference(logitsOfPartial, served(silent)) < 1e-5, method);
    assert.ok(maximumDifference(logitsOfPartial, served(whole)) > 1e-3, method);
    if (method === 'bitfit' || method === 'lokr') continue;
    const { config: text, model } = exportPeft('test', partial);
    assert.deepEqual((JSON.parse(text) as { target_modules: string[] }).target_modules, targets);
    const again = completePeft(readPeft(Buffer.from(text), model), like);
    assert.deepEqual(again.metadata.targets, targets);
    assert.ok(maximumDifference(served(again), logitsOfPartial) < 1e-4, method);
  }
});
