import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Backbones } from '@hyperswap/registry';
import { inMemory, type NamedTensor } from '@hyperswap/safetensors';
import {
  backboneConfigs,
  backboneDigest,
  encoderShapes,
  initialParameters,
  isDigestOf,
  pretrainedDirectory,
  readBackbone,
  writeBackbone,
  type Backbone,
  type BackboneConfig,
} from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { notingReads } from '../support/reading-store.js';

const config: BackboneConfig = { ...backboneConfigs.mini, width: 24, depth: 1, heads: 2 };
let directory: string;
let count = 0;

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-backbones-test-'));
});

after(() => rm(directory, { recursive: true, force: true }));

const fresh = (): string => path.join(directory, String(count++));
const weights = (seed = 1): ReadonlyMap<string, NamedTensor> => initialParameters(encoderShapes(config), seed);

/** A backbone's folder. */
async function made(change: Partial<BackboneConfig> = {}, seed = 1, name = 'small') {
  const folder = fresh();
  await writeBackbone(folder, { ...config, ...change }, inMemory(weights(seed)), 'F32');
  return { folder, backbone: await readBackbone(name, folder) };
}

/** A store that holds a backbone, and what was read of it since. */
async function stored(change: Partial<BackboneConfig> = {}, seed = 1) {
  const { folder, backbone } = await made(change, seed);
  const directoryStore = new DirectoryObjectStore(fresh());
  await new Backbones(directoryStore).keep(backbone, folder);
  return { backbone, ...notingReads(directoryStore) };
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

test('the digest covers every setting of the config, and weights however they are stored', async () => {
  const { backbone } = await made();
  const changes: Partial<BackboneConfig>[] = [
    { heads: 3 },
    { pooling: 'skip-first' },
    { mlpRatio: 5 },
    { imageSize: 64 },
    { tokenSize: 4 },
    { components: 24 },
    { tokenComponents: 6 },
    { positions: 'joint' },
    { depth: 2 },
    { width: 48 },
  ];
  assert.deepEqual(new Set(changes.flatMap(Object.keys)), new Set(Object.keys(config)));
  const digests = changes.map((change) => backboneDigest({ ...config, ...change }, backbone.weightsDigest));
  assert.equal(new Set([backbone.digest, ...digests]).size, changes.length + 1);
  assert.equal((await made({ heads: 3 })).backbone.weightsDigest, backbone.weightsDigest);
  assert.equal((await made({ heads: 3 })).backbone.digest, digests[0]);
  // The order of settings in the file is nobody's choice.
  const reversed = Object.fromEntries(Object.entries(config).reverse()) as BackboneConfig;
  assert.equal(backboneDigest(reversed, backbone.weightsDigest), backbone.digest);
});

test('the shipped backbone’s manifest is that of its files, and it answers to its former digest', async () => {
  const read = await readBackbone('spectralgpt-mini', path.join(pretrainedDirectory, 'spectralgpt-mini'));
  const described = await new Backbones(new DirectoryObjectStore(fresh())).describe('spectralgpt-mini');
  assert.deepEqual({ ...described, weights: read.weights }, read);
  assert.ok(isDigestOf(read.weightsDigest, read));
  const otherwise = { digest: backboneDigest({ ...read.config, heads: 3 }, read.weightsDigest) };
  assert.ok(!isDigestOf(read.weightsDigest, otherwise));
});

test('listing backbones and looking one up read no weights', async () => {
  const { store, reads, backbone } = await stored();
  const backbones = new Backbones(store);
  assert.deepEqual(await backbones.names(), ['small', 'spectralgpt-mini']);
  assert.deepEqual({ ...(await backbones.describe('small')), weights: backbone.weights }, backbone);
  assert.deepEqual(
    (await backbones.describeAll(['small', 'spectralgpt-mini'])).described.map(({ name }) => name),
    ['small', 'spectralgpt-mini'],
  );
  assert.deepEqual(
    reads.filter((key) => key.includes('model')),
    [],
  );
  await assert.rejects(backbones.describe('none'), hasCode('BACKBONE_NOT_FOUND', /small, spectralgpt-mini/));
});

test('a backbone that was stored before there were manifests gets one, once', async () => {
  const { store, reads, backbone } = await stored();
  await store.delete('backbones/small/manifest.json');
  const backbones = new Backbones(store);
  const both = await Promise.all([backbones.describe('small'), backbones.describe('small')]);
  assert.deepEqual(
    both.map(({ digest }) => digest),
    [backbone.digest, backbone.digest],
  );
  assert.equal((await new Backbones(store).describe('small')).digest, backbone.digest);
  assert.equal(reads.filter((key) => key.endsWith('model.safetensors')).length, 1);
});

test('weights are fetched once, and again only when others took their room', async () => {
  const { store, reads } = await stored();
  const other = await made({}, 2, 'other');
  await new Backbones(store).keep(other.backbone, other.folder);
  const fetches = (): number => reads.filter((key) => key.endsWith('model.safetensors')).length;
  const bytes = (await readFile(path.join(other.folder, 'model.safetensors'))).byteLength;

  const roomy = new Backbones(store, { cacheBytes: 3 * bytes });
  const files: string[] = [];
  const note = ({ weights: file }: Backbone): Promise<void> => {
    files.push(file as string);
    return Promise.resolve();
  };
  for (const name of ['small', 'other', 'small', 'other']) await roomy.use(name, note);
  await Promise.all([roomy.use('small', note), roomy.use('small', note)]);
  assert.equal(fetches(), 2);
  assert.equal(new Set(files).size, 2);
  await roomy.close();
  assert.ok(!(await isThere(files[0]!)));

  const tight = new Backbones(store, { cacheBytes: 1.5 * bytes });
  for (const name of ['small', 'other', 'small']) await tight.use(name, note);
  assert.equal(fetches(), 5);
  // In use they stay, however little room there is.
  await tight.use('small', (held) => tight.use('other', async () => assert.ok(await isThere(held.weights as string))));
  await tight.close();
});

test('weights that are not the manifest’s are never used, and nothing of them stays', async () => {
  const { store, backbone } = await stored();
  const other = await made({}, 2);
  await store.putFile('backbones/small/model.safetensors', path.join(other.folder, 'model.safetensors'));
  const backbones = new Backbones(store);
  await assert.rejects(
    backbones.use('small', () => Promise.resolve()),
    hasCode('OBJECT_DAMAGED', new RegExp(backbone.digest)),
  );
  await store.put('backbones/small/manifest.json', Buffer.from('{"digest":1}'));
  await assert.rejects(backbones.describe('small'), hasCode('OBJECT_DAMAGED', /manifest\.json/));
  const { described, damaged } = await backbones.describeAll(await backbones.names());
  assert.deepEqual(
    [described.map(({ name }) => name), damaged.map(({ name }) => name)],
    [['spectralgpt-mini'], ['small']],
  );
  await backbones.close();
});

test('configs and tensors that could only hurt are refused', async () => {
  const { folder } = await made();
  const file = path.join(folder, 'config.json');
  const refused = async (text: string, message: RegExp): Promise<void> => {
    await writeFile(file, text);
    await assert.rejects(readBackbone('small', folder), hasCode('BACKBONE_INVALID', message));
  };
  await refused(JSON.stringify({ ...config, depth: 1e9 }), /depth/);
  await refused(JSON.stringify({ ...config, imageSize: 1024, tokenSize: 1 }), /tokens/);
  await refused(' '.repeat(100_000), /100000 bytes/);
  const [[name, { shape, values }]] = [...weights()] as [[string, NamedTensor]];
  const large = new Map(weights()).set(name, { shape, values: values.map(() => 1e30) });
  await writeBackbone(folder, config, inMemory(large), 'F32');
  await assert.rejects(readBackbone('small', folder), hasCode('BACKBONE_INVALID', /holds the value 1/));
});
