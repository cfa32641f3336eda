import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  readAdapter,
  readAdapterSteps,
  validateAgainstBackbone,
  writeAdapter,
  type Adapter,
  type AdapterMetadata,
} from '@hyperswap/adapter';
import { EmbeddedBus } from '@hyperswap/messaging';
import { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { inMemory, writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
import { makeBackbone, readBackbone, writeBackbone, type Backbone } from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { peakMemory } from '../support/memory.js';
import { parityAdapter, parityModel } from '../support/parity-model.js';

const { backbone, config } = parityModel();
let directory: string;
let store: DirectoryObjectStore;
let registry: AdapterRegistry;
let bus: EmbeddedBus;

/** The model with another number of heads: other results of the same weights. */
const otherHeads = { ...config, heads: config.heads / 2 };

async function keep(name: string, kept: typeof config): Promise<Backbone> {
  const folder = await mkdtemp(path.join(directory, 'backbone-'));
  await writeBackbone(folder, kept, inMemory(backbone.weights as ReadonlyMap<string, NamedTensor>), 'F32');
  const read = await readBackbone(name, folder);
  await new Backbones(store).keep(read, folder);
  return read;
}

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-registry-test-'));
  store = new DirectoryObjectStore(path.join(directory, 'store'));
  bus = await EmbeddedBus.open({ directory: path.join(directory, 'bus'), work: 'private' });
  registry = new AdapterRegistry(store, bus, new Backbones(store));
  await keep('reference', config);
});

after(async () => {
  await bus.close();
  await rm(directory, { recursive: true, force: true });
});

const publish = (adapter: Adapter, name = 'tried') =>
  registry.publish(name, 'given.safetensors', writeAdapter(adapter), { origin: 'upload' });

const changed = (adapter: Adapter, metadata: Partial<AdapterMetadata>, tensors: Partial<Adapter['tensors']> = {}) => ({
  metadata: { ...adapter.metadata, ...metadata },
  tensors: { ...adapter.tensors, ...tensors },
});

test('an adapter belongs to weights and config: the same weights with other heads or pooling are another backbone', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  for (const other of [otherHeads, { ...config, pooling: 'all' as const }]) {
    const same = makeBackbone('other', other, backbone.weights as ReadonlyMap<string, NamedTensor>);
    assert.equal(same.weightsDigest, backbone.weightsDigest);
    assert.throws(
      () => validateAgainstBackbone('mine@1', adapter, same),
      hasCode('ADAPTER_BACKBONE', /mine@1 belongs to backbone reference .* runs other/),
    );
  }
  const foreign = changed(adapter, { backbone: { name: 'stranger', digest: 'a'.repeat(64) } });
  await assert.rejects(
    publish(foreign),
    hasCode('ADAPTER_BACKBONE_UNKNOWN', /stranger \(aaaaaaaaaaaa\).*\. Available: reference, spectralgpt-mini\./),
  );
});

test('an adapter that names the weights only, as earlier releases did, is refused with what to do', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  const former = changed(adapter, { backbone: { name: 'reference', digest: backbone.weightsDigest } });
  assert.throws(
    () => validateAgainstBackbone('mine@1', former, backbone),
    hasCode('ADAPTER_OUTDATED', /Train it again on reference/),
  );
  await assert.rejects(publish(former), hasCode('ADAPTER_OUTDATED', /given\.safetensors/));
});

test('what could never be bound is never registered', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  const { tensors } = adapter;
  const refuse = async (wrong: Adapter | Uint8Array, message: RegExp): Promise<void> => {
    const blob = wrong instanceof Uint8Array ? wrong : writeAdapter(wrong);
    await assert.rejects(
      registry.publish('refused', 'given.safetensors', blob, { origin: 'upload' }),
      hasCode('ADAPTER_INVALID', message),
    );
  };
  const filled = ({ shape, values }: NamedTensor, value: number): NamedTensor => ({
    shape,
    values: values.map((old, index) => (index === 1 ? value : old)),
  });
  await refuse(changed(adapter, { bands: 21 }), /pca\.mean is \[20\], \[21\] is needed/);
  const components = { shape: [config.components, 21], values: new Float32Array(21 * config.components) };
  await refuse(changed(adapter, {}, { pcaComponents: components }), /pca\.components is \[12, 21\]/);
  await refuse(changed(adapter, { patchSize: 65 }), /patchSize/);
  await refuse(changed(adapter, { patchSize: 8 }), /patchSize: must be odd/);
  await refuse(changed(adapter, { pooling: 'groups' }), /head\.weight/);
  await refuse(changed(adapter, { method: 'constructor' }), /Method constructor does not exist/);
  await refuse(changed(adapter, { settings: { rank: 4, alpha: 4, lambda: 1, constructor: 1 } }), /"constructor"/);
  await refuse(changed(adapter, { settings: { rank: 5, alpha: 4, lambda: 1 } }), /\[5, /);
  for (const value of [NaN, Infinity, 1e30, -1e19]) {
    await refuse(
      changed(adapter, {}, { headWeight: filled(tensors.headWeight, value) }),
      /head\.weight holds the value/,
    );
  }
  await refuse(
    changed(adapter, {}, { normalizerDeviation: filled(tensors.normalizerDeviation, 1e-30) }),
    /normalizer\.deviation/,
  );
  const incomplete = new Map(tensors.factors);
  incomplete.delete('blocks.1.attn.v.lora_b');
  await refuse(changed(adapter, {}, { factors: incomplete }), /blocks\.1\.attn\.v\.lora_b is missing/);
  const padded = writeSafetensors({ tensors: new Map(), metadata: { padding: 'x'.repeat(1_100_000) } });
  await refuse(padded, /more than the 1048576 allowed/);
  const nested = writeSafetensors({ tensors: new Map(), metadata: { hyperswap: '['.repeat(500_000) } });
  await refuse(nested, /nests more than/);
  const [first, ...others] = adapter.metadata.classes;
  const twice = changed(adapter, { classes: [first!, first!, ...others.slice(1)] });
  await assert.rejects(publish(twice, 'refused'), hasCode('CLASSES_INVALID', /classes 1 and 2 are both called/));
  await assert.rejects(registry.resolve('refused'), hasCode('ADAPTER_NOT_FOUND'));
});

test('an adapter on some projections is registered, and its targets say which', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  const targets = ['blocks.0.attn.q', 'blocks.1.attn.v'];
  const factors = new Map(
    [...adapter.tensors.factors].filter(([name]) => targets.some((target) => name.startsWith(`${target}.`))),
  );
  const { metadata, parameters } = await publish(changed(adapter, { targets }, { factors }), 'partial');
  assert.deepEqual(metadata.targets, targets);
  const { headWeight, headBias } = adapter.tensors;
  assert.equal(parameters, 2 * 2 * 4 * config.width + headWeight.values.length + headBias.values.length);
  await assert.rejects(publish(changed(adapter, { targets })), hasCode('ADAPTER_INVALID', /unexpected tensor blocks/));
  await assert.rejects(publish(changed(adapter, {}, { factors })), hasCode('ADAPTER_INVALID', /is missing/));
  await assert.rejects(
    publish(changed(adapter, { targets: [...targets, 'blocks.9.attn.q'] }, { factors })),
    hasCode('ADAPTER_INVALID', /changes blocks\.9\.attn\.q, which reference does not have/),
  );
});

test('metadata has bounds: curves, matrices, settings, names and targets', () => {
  const adapter = parityAdapter('lora', {}, 1);
  const { metadata } = adapter;
  const refuse = (change: object, message: RegExp): void => {
    const hyperswap = JSON.stringify({ ...metadata, ...change });
    const blob = writeSafetensors({ tensors: new Map(), metadata: { hyperswap } });
    assert.throws(() => readAdapter('given', blob), hasCode('ADAPTER_INVALID', message));
  };
  const many = <Value>(count: number, value: Value): Value[] => new Array<Value>(count).fill(value);
  refuse({ training: { ...metadata.training, lossByEpoch: many(10_001, 1) } }, /lossByEpoch/);
  refuse({ training: { ...metadata.training, split: 'x'.repeat(2001) } }, /split/);
  refuse({ classes: many(256, { name: 'a', color: 1 }) }, /classes/);
  refuse({ classes: many(2, { name: 'x'.repeat(101), color: 1 }) }, /classes\.0\.name/);
  refuse({ classes: many(2, { name: 'a', color: 0x1000000 }) }, /classes\.0\.color/);
  refuse({ settings: Object.fromEntries(many(33, 1).map((value, index) => [`s${index}`, value])) }, /settings/);
  refuse({ settings: { rank: 1e10 } }, /settings\.rank/);
  refuse({ targets: [] }, /targets/);
  refuse({ targets: ['blocks.0.attn.k'] }, /targets\.0: must be attn\.q or attn\.v/);
  refuse({ targets: many(2, 'blocks.0.attn.q') }, /targets: must not name a projection twice/);
  const shares = { overallAccuracy: 1, averageAccuracy: 1, kappa: 1 };
  const one = { name: 'a', recall: 1, precision: 1, f1: 1, pixels: 1 };
  refuse(
    { metrics: { ...shares, perClass: many(2, one), confusion: many(5, 1) } },
    /metrics\.confusion: must be a square/,
  );
  refuse({ metrics: { ...shares, perClass: many(2, one), confusion: many(65_026, 0) } }, /metrics\.confusion/);
  const long = changed(adapter, { training: { ...metadata.training, lossByEpoch: many(9999, 3).concat(30_003) } });
  const { lossByEpoch } = readAdapter('given', writeAdapter(long)).metadata.training;
  assert.equal(lossByEpoch.length, 200);
  assert.deepEqual([lossByEpoch[0], lossByEpoch.at(-1)], [3, 3 + 30_000 / 50]);
});

test('the largest blob is read in short steps, so that a process that reads it goes on answering', () => {
  const factors = new Map<string, NamedTensor>();
  const values = new Float32Array(512 * 1024).fill(0.5);
  for (let block = 0; block < 30; block++) factors.set(`blocks.${block}.attn.q.lora_a`, { shape: [512, 1024], values });
  const blob = writeAdapter(changed(parityAdapter('lora', {}, 1), {}, { factors }));
  assert.ok(blob.byteLength > 60e6);
  const steps = readAdapterSteps('large', blob);
  let longest = 0;
  for (let isDone = false; !isDone;) {
    const before = process.cpuUsage();
    isDone = steps.next().done === true;
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
  }
  assert.ok(longest < 100, `${longest} ms of one step`);
});

test('a page of versions fits a message, and what cannot be read spoils nothing else', async () => {
  const adapter = parityAdapter('linear-probe', {}, 1);
  const perClass = Array.from({ length: 255 }, (_, index) => ({
    name: `class ${index}`,
    recall: 1,
    precision: 1,
    f1: 1,
    pixels: 9,
  }));
  const metrics = {
    overallAccuracy: 1,
    averageAccuracy: 1,
    kappa: 1,
    perClass,
    confusion: new Array<number>(255 ** 2).fill(7),
  };
  for (let seed = 0; seed < 40; seed++) {
    await publish(
      changed(adapter, { metrics, training: { ...adapter.metadata.training, seed } }),
      seed < 30 ? 'many' : 'more',
    );
  }
  await store.put('adapters/many/7/manifest.json', Buffer.from('{"damaged"'));
  // Nothing read before helps: another process.
  const other = new AdapterRegistry(store, bus, new Backbones(store));
  const listed: string[] = [];
  const unreadable: string[] = [];
  for (let after = ''; ;) {
    const page = await other.list(after, 1000);
    const bytes = page.records.reduce((sum, { metadata }) => sum + JSON.stringify(metadata).length, 0);
    assert.ok(bytes < 2.5 * 1024 * 1024, String(bytes));
    listed.push(...page.records.map(({ name, version }) => `${name}@${version}`));
    unreadable.push(...page.damaged.map(({ name }) => name));
    after = page.next;
    if (after === '') break;
  }
  const all = Array.from({ length: 40 }, (_, index) => (index < 30 ? `many@${index + 1}` : `more@${index - 29}`));
  all.push('partial@1');
  assert.deepEqual(
    listed,
    all.filter((reference) => reference !== 'many@7'),
  );
  assert.deepEqual(unreadable, ['many@7']);
  assert.equal((await other.list('', 3)).next, 'many@3');
  await assert.rejects(other.list('many@x', 3), hasCode('ADAPTER_NOT_FOUND'));
  await assert.rejects(other.resolve('many@7'), hasCode('OBJECT_DAMAGED', /many\/7\/manifest/));
});

test('the largest manifests of many adapters stay in bounded memory', async () => {
  const home = await mkdtemp(path.join(directory, 'large-'));
  const code = `
    import { EmbeddedBus } from '@hyperswap/messaging';
    import { AdapterRegistry, Backbones } from '@hyperswap/registry';
    import { DirectoryObjectStore } from '@hyperswap/storage';
    const store = new DirectoryObjectStore(${JSON.stringify(path.join(home, 'store'))});
    const bus = await EmbeddedBus.open({ directory: ${JSON.stringify(path.join(home, 'bus'))}, work: 'private' });
    const versions = Array.from({ length: 1200 }, (_, index) => ({ version: index + 1, digest: String(index), retired: false }));
    const metadata = { metrics: { confusion: new Array(255 ** 2).fill(0) } };
    const manifest = Buffer.from(JSON.stringify({ digest: '0', bytes: 1, parameters: 1, metadata }));
    await Promise.all(versions.map(({ version }) => store.put('adapters/large/' + version + '/manifest.json', manifest)));
    await bus.keyValue('adapters').update('large', { versions, aliases: {} }, 0);
    const registry = new AdapterRegistry(store, bus, new Backbones(store));
    let seen = 0;
    for (let after = ''; ;) {
      const { records, next } = await registry.list(after, 2000);
      seen += records.length;
      if (next === '') break;
      after = next;
    }
    await bus.close();
    console.log(seen);`;
  // All of them take more than 700 MiB.
  const { mebibytes, printed } = await peakMemory(code, 384);
  assert.equal(printed.trim(), '1200');
  assert.ok(mebibytes < 600, `${mebibytes} MiB`);
});

test('a name whose state cannot be read spoils nothing but itself', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  for (const name of ['spoilt', 'whole']) await publish(adapter, name);
  const states = bus.keyValue<unknown>('adapters');
  const { revision } = (await states.get('spoilt'))!;
  await states.update('spoilt', { versions: [{ version: null, digest: 'x', retired: false }], aliases: {} }, revision);
  const names = (await registry.list('partial@1', 1000)).records.map(({ name }) => name);
  assert.ok(names.includes('whole') && !names.includes('spoilt'), names.join(' '));
  // Each page tells of the names that lie on it, and no other page does.
  const told: string[] = [];
  let after = '';
  do {
    const page = await registry.list(after, 2);
    told.push(
      ...page.damaged.filter(({ error }) => error.message.includes('versions.0.version')).map(({ name }) => name),
    );
    after = page.next;
  } while (after !== '');
  assert.deepEqual(told, ['spoilt']);
  await assert.rejects(
    registry.resolve('spoilt'),
    hasCode('OBJECT_DAMAGED', /adapters\/spoilt .*versions\.0\.version/),
  );
  await registry.desired();
  await registry.collectGarbage();
  assert.equal((await registry.resolve('whole')).name, 'whole');
});

test('a page, and clearing away, look at the names that they concern, however many others there are', async () => {
  const adapter = parityAdapter('lora', {}, 1);
  const [folder, asked] = [path.join(directory, 'many'), new Map<string, number>()];
  const kept = await EmbeddedBus.open({ directory: folder, work: 'private' });
  const noting = new Proxy(kept, {
    get: (target, property) => {
      if (property !== 'keyValue') return Reflect.get(target, property) as unknown;
      return (bucket: string, read: (stored: unknown) => unknown) =>
        new Proxy(target.keyValue(bucket, read), {
          get: (state, method) => {
            const name = String(method);
            asked.set(name, (asked.get(name) ?? 0) + 1);
            return (Reflect.get(state, method) as () => unknown).bind(state);
          },
        });
    },
  });
  const many = new AdapterRegistry(store, noting, new Backbones(store));
  const states = kept.keyValue<unknown>('adapters');
  const version = { version: 1, digest: 'x', retired: false };
  for (let index = 0; index < 1200; index++) {
    await states.update(`z${String(index).padStart(4, '0')}`, { versions: [version], aliases: {} }, 0);
  }
  for (const name of ['one', 'two']) {
    const seed = name === 'one' ? 1 : 2;
    const training = { ...adapter.metadata.training, seed };
    await many.publish(name, name, writeAdapter(changed(adapter, { training })), { origin: 'upload' });
  }
  asked.clear();
  assert.equal((await many.list('', 1)).next, 'one@1');
  assert.deepEqual([...asked], [['page', 1]]);
  await many.setRetired('one', true);
  asked.clear();
  assert.deepEqual(await many.collectGarbage(), ['one@1']);
  assert.ok((asked.get('get') ?? 0) < 5, `${asked.get('get')} states are read one by one`);
  await kept.close();
});
