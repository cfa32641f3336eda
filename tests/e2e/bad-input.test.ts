import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readAdapter, writeAdapter } from '@hyperswap/adapter';
import { HyperswapError, type ErrorCode } from '@hyperswap/errors';
import {
  Output,
  Padding,
  PixelContent,
  PixelType,
  Retention,
  type AdapterVersion,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type Scene,
  type StartPretrainingRequest,
  type Tile,
} from '@hyperswap/proto';
import { callUnary, exchange, fromErrorStatus } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import {
  exportBlob,
  npy,
  prepare,
  prepareToy,
  registerBlob,
  startServices,
  toyScene,
  train,
  type Services,
} from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let services: Services;
let scene: Scene;
let blob: Buffer;
const toy = toyScene();
const shape = [toy.height, toy.width, toy.bands];

before(async () => {
  services = await startServices();
  scene = await prepareToy(services);
  await train(services, {});
  blob = await exportBlob(services, 'toy');
});

after(() => services.stop());

const register = (name: string, content: Uint8Array): Promise<AdapterVersion> =>
  registerBlob(services, name, content, 'given.safetensors');

async function classify(
  change: Partial<ClassifyTilesHeader>,
  tileChange: Partial<Tile> = {},
  { tiles }: Pick<Services, 'tiles'> = services,
): Promise<void> {
  const window = { row: 0, column: 0, height: 2, width: 3 };
  const values = new Float32Array(10 * 11 * 12);
  const tile: Tile = {
    id: 'seven',
    window,
    halo: 4,
    margins: undefined,
    pixels: Buffer.from(values.buffer),
    adapter: '',
    ...tileChange,
  };
  const header: ClassifyTilesHeader = {
    adapter: 'toy',
    pixelType: PixelType.PIXEL_TYPE_FLOAT32,
    bands: 12,
    content: PixelContent.PIXEL_CONTENT_PREPARED,
    outputs: [Output.OUTPUT_LABELS],
    scene: 'toy',
    padding: Padding.PADDING_NONE,
    wavelengths: [],
    ...change,
  };
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    yield { part: { $case: 'header', value: header } };
    yield { part: { $case: 'tile', value: tile } };
  }
  for await (const { outcome } of exchange(tiles, tiles.classifyTiles(), requests())) {
    if (outcome?.$case === 'error') throw fromErrorStatus(outcome.value);
    assert.equal(outcome?.value.labels.byteLength, 6);
  }
}

test('scenes that are none are refused, and the scene of the name stays', async () => {
  const good = npy(shape, toy.values);
  const replace = { retention: Retention.RETENTION_REPLACE };
  const attempt = (file: Uint8Array, labels?: Uint8Array) => prepare(services, replace, file, labels);
  await assert.rejects(attempt(Buffer.from('no scene at all')), hasCode('FILE_FORMAT', /toy\.npy/));
  await assert.rejects(attempt(good.subarray(0, good.byteLength - 5)), hasCode('FILE_FORMAT', /needs \d+ bytes/));
  await assert.rejects(attempt(npy([24, 480], toy.values)), hasCode('SCENE_SHAPE', /2 dimensions/));
  const few = toyScene(12, 12, 11);
  await assert.rejects(attempt(npy([12, 12, 11], few.values)), hasCode('TOO_FEW_BANDS', /11 bands.*12 components/));
  const broken = Float32Array.from(toy.values);
  broken[(5 * toy.width + 7) * toy.bands] = NaN;
  const masked = await prepare(services, { name: 'masked' }, npy(shape, broken));
  assert.equal(masked.validPixels, toy.height * toy.width - 1, 'a pixel with NaN is masked');
  const nothing = new Float32Array(toy.values.length).fill(NaN);
  await assert.rejects(attempt(npy(shape, nothing)), hasCode('NO_VALID_PIXELS'));
  const otherLabels = npy([toy.width, toy.height], toy.labels);
  await assert.rejects(attempt(good, otherLabels), hasCode('LABELS_SHAPE', /30 × 24.*24 × 30/));
  const strange = npy(
    [toy.height, toy.width],
    Float32Array.from(toy.labels, (label) => label + 0.5),
  );
  await assert.rejects(attempt(good, strange), hasCode('LABELS_VALUES', /0\.5|1\.5/));
  await assert.rejects(prepare(services, { name: '../up' }, good), hasCode('NAME_INVALID'));
  await assert.rejects(
    prepare(services, {}, npy(shape, toyScene(24, 30, 16, 9).values)),
    hasCode('SCENE_EXISTS', /toy/),
  );
  const { scene: kept } = await callUnary(services.scenes, 'getScene', { name: 'toy' });
  assert.deepEqual(kept, scene);
});

test('classes that no map could show are refused when a scene is prepared, and colours are chosen for those without', async () => {
  const file = npy([toy.height, toy.width, toy.bands], toy.values);
  const labels = npy([toy.height, toy.width], toy.labels);
  const named = (...names: string[]) => names.map((name) => ({ name, color: undefined }));
  for (const [classes, message] of [
    [named('Corn', ''), /class 2 has no name/],
    [named('x'.repeat(101)), /101 characters/],
    [named('Corn', 'Corn'), /both called Corn/],
    [[{ name: 'Corn', color: 0x1000000 }], /0xRRGGBB/],
    [named('class 3'), /both called class 3/],
  ] as const) {
    await assert.rejects(
      prepare(services, { name: 'classes', classes: [...classes] }, file, labels),
      hasCode('CLASSES_INVALID', message),
    );
  }
  await assert.rejects(callUnary(services.scenes, 'getScene', { name: 'classes' }), hasCode('SCENE_NOT_FOUND'));
  const { classes } = await prepare(services, { name: 'classes', classes: named('Corn') }, file, labels);
  assert.deepEqual(
    classes.map(({ name }) => name),
    ['Corn', 'class 2', 'class 3'],
  );
  assert.equal(new Set(classes.map(({ color }) => color)).size, 3);
});

test('trainings without classes, with wrong settings or splits are refused', async () => {
  await prepare(services, { name: 'blank' }, npy(shape, toy.values), npy([toy.height, toy.width], new Uint8Array(720)));
  const one = toy.labels.map((label) => (label === 2 ? 1 : 0));
  await prepare(services, { name: 'single' }, npy(shape, toy.values), npy([toy.height, toy.width], one));
  await assert.rejects(train(services, { scene: 'blank' }), hasCode('TOO_FEW_CLASSES', /no class/));
  await assert.rejects(train(services, { scene: 'single' }), hasCode('TOO_FEW_CLASSES', /one class/));
  await assert.rejects(train(services, { scene: 'nowhere' }), hasCode('SCENE_NOT_FOUND', /nowhere/));
  await assert.rejects(train(services, { method: 'magic' }), hasCode('METHOD_UNKNOWN', /krona\+/));
  await assert.rejects(train(services, { patchSize: 8 }), hasCode('FIELD_INVALID', /patch_size: 8/));
  await assert.rejects(train(services, { settings: { epochs: 'many' } }), hasCode('FIELD_INVALID', /epochs/));
  await assert.rejects(train(services, { settings: { epoch: '3' } }), hasCode('METHOD_SETTINGS', /epoch/));
  for (const member of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
    await assert.rejects(
      train(services, { settings: { [member]: '3' } }),
      hasCode('METHOD_SETTINGS', new RegExp(`"${member}"`)),
    );
  }
  await assert.rejects(train(services, { backbone: 'colossus' }), hasCode('BACKBONE_NOT_FOUND', /spectralgpt-mini/));
  const diverging = { epochs: '3', learningRate: '1e30', headLearningRate: '1e30' };
  await assert.rejects(
    train(services, { method: 'krona+', settings: diverging }),
    hasCode('TRAINING_DIVERGED', /Lower the setting learningRate/),
  );
});

test('pretrainings of unknown scenes, sizes, settings or backbones are refused before they are queued', async () => {
  const start = (change: Partial<StartPretrainingRequest>): Promise<unknown> =>
    callUnary(services.trainings, 'startPretraining', {
      scenes: ['toy'],
      sceneDigests: [],
      simulatedScenes: 0,
      size: 'mini',
      backbone: 'fresh',
      settings: {},
      seed: 1,
      from: '',
      resume: false,
      ...change,
    });
  const wrong: [Partial<StartPretrainingRequest>, ErrorCode, RegExp][] = [
    [{ backbone: '../up' }, 'NAME_INVALID', /Backbone name/],
    [{ scenes: ['toy', 'none-such'] }, 'SCENE_NOT_FOUND', /none-such/],
    [{ scenes: ['../toy'] }, 'NAME_INVALID', /Scene name/],
    [{ scenes: [] }, 'FIELD_INVALID', /scenes: there are none/],
    [{ sceneDigests: ['a', 'b'] }, 'FIELD_INVALID', /scene_digests: it has 2 values for 1 scenes/],
    [{ simulatedScenes: 10_001 }, 'FIELD_INVALID', /scenes: 10002 are more than 10000/],
    [{ size: 'constructor' }, 'FIELD_INVALID', /size: .*constructor/],
    [{ settings: { stepps: '3' } }, 'FIELD_INVALID', /stepps/],
    [{ settings: { constructor: '3' } }, 'FIELD_INVALID', /constructor/],
    [{ settings: { decoderWidth: '1e9' } }, 'FIELD_INVALID', /decoderWidth/],
    [{ from: 'none-such' }, 'BACKBONE_NOT_FOUND', /none-such/],
    [{ from: 'spectralgpt-mini', settings: { tokenSize: '16' } }, 'FIELD_INVALID', /tokenSize/],
  ];
  for (const [change, code, message] of wrong) await assert.rejects(start(change), hasCode(code, message));
  const { trainings } = await callUnary(services.trainings, 'listTrainings', { pageSize: 0, pageToken: '' });
  assert.ok(trainings.every(({ adapter }) => adapter !== 'fresh'));
});

test('tiles whose bytes, bands, halo or values are wrong are refused by name', async () => {
  await classify({});
  await assert.rejects(classify({}, { pixels: Buffer.alloc(100) }), hasCode('TILE_BYTES', /seven has 100 bytes.*5280/));
  await assert.rejects(classify({}, { halo: 3 }), hasCode('TILE_HALO', /needs 4/));
  await assert.rejects(classify({}, { window: undefined }), hasCode('TILE_HALO', /window/));
  await assert.rejects(classify({ bands: 11 }), hasCode('TILE_BANDS', /11 bands.*12/));
  await assert.rejects(classify({ content: PixelContent.PIXEL_CONTENT_RAW }), hasCode('TILE_BANDS', /16/));
  await assert.rejects(
    classify({ content: PixelContent.PIXEL_CONTENT_UNSPECIFIED }),
    hasCode('FIELD_INVALID', /content/),
  );
  await prepareToy(services, 'another', toyScene(24, 30, 16, 5));
  await assert.rejects(classify({ scene: 'another' }), hasCode('PCA_MISMATCH'));
  await assert.rejects(classify({ scene: '' }), hasCode('FIELD_INVALID', /scene/));
  await assert.rejects(classify({ scene: 'nowhere' }), hasCode('SCENE_NOT_FOUND'));
  await assert.rejects(
    classify({ pixelType: PixelType.PIXEL_TYPE_UNSPECIFIED }),
    hasCode('FIELD_INVALID', /pixel_type/),
  );
  const infinite = new Float32Array(10 * 11 * 12);
  infinite[(2 * 11 + 3) * 12] = Infinity;
  await assert.rejects(
    classify({}, { pixels: Buffer.from(infinite.buffer) }),
    hasCode('TILE_PIXELS_NOT_FINITE', /row 2, column 3/),
  );
  const huge = { row: 0, column: 0, height: 4_000_000_000, width: 4_000_000_000 };
  await assert.rejects(classify({}, { window: huge }), hasCode('TILE_SIZE', /512 × 512/));
  await assert.rejects(classify({}, { halo: 128 }), hasCode('TILE_SIZE', /halo of 128/));
});

test('streams wait for room in the smallest queue, and none is refused', async () => {
  const small = await startServices({ queueLimit: 8 });
  try {
    await prepareToy(small);
    await train(small, {});
    // Six pixels each: the second finds the first in the queue.
    await Promise.all([1, 2, 3, 4].map(() => classify({}, {}, small)));
  } finally {
    await small.stop();
  }
});

test('unknown and retired adapters are told apart', async () => {
  const { adapters } = services;
  await assert.rejects(classify({ adapter: 'stranger' }), hasCode('ADAPTER_NOT_FOUND', /stranger/));
  await assert.rejects(classify({ adapter: 'toy@99' }), hasCode('ADAPTER_NOT_FOUND'));
  await assert.rejects(classify({ adapter: 'toy:nightly' }), hasCode('ADAPTER_NOT_FOUND'));
  await callUnary(adapters, 'retireAdapter', { adapter: 'toy@1', undo: false });
  await assert.rejects(classify({ adapter: 'toy@1' }), hasCode('ADAPTER_RETIRED', /toy@1/));
  await callUnary(adapters, 'retireAdapter', { adapter: 'toy@1', undo: true });
  await classify({ adapter: 'toy@1' });
});

test('an adapter of another backbone, or with another shape, never serves', async () => {
  const adapter = readAdapter('blob', blob);
  const foreign = {
    ...adapter,
    metadata: { ...adapter.metadata, backbone: { name: 'other', digest: 'a'.repeat(64) } },
  };
  await assert.rejects(register('foreign', writeAdapter(foreign)), hasCode('ADAPTER_BACKBONE_UNKNOWN', /other \(aaaa/));
  const factors = new Map([['blocks.0.attn.q.krona_a', { shape: [1], values: new Float32Array(1) }]]);
  await assert.rejects(
    register('shaped', writeAdapter({ ...adapter, tensors: { ...adapter.tensors, factors } })),
    hasCode('ADAPTER_INVALID', /unexpected tensor/),
  );
  await assert.rejects(classify({ adapter: 'shaped' }), hasCode('ADAPTER_NOT_FOUND'));
  await classify({});
});

test('a blob that is cut off, or has any byte of its header flipped, is refused or harmless', async () => {
  await assert.rejects(
    register('cut', blob.subarray(0, blob.byteLength - 1)),
    hasCode('ADAPTER_INVALID', /given\.safetensors/),
  );
  await assert.rejects(register('cut', blob.subarray(0, 4)), hasCode('ADAPTER_INVALID'));
  await assert.rejects(register('cut', Buffer.alloc(0)), hasCode('ADAPTER_INVALID'));
  const headerEnd = 8 + Number(blob.readBigUInt64LE(0));
  let refused = 0;
  for (let place = 0; place < headerEnd; place++) {
    const flipped = Buffer.from(blob);
    flipped[place]! ^= 0xff;
    try {
      readAdapter('flipped', flipped);
    } catch (error) {
      assert.ok(HyperswapError.is(error, 'ADAPTER_INVALID'), String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 0.9 * headerEnd, `${refused} of ${headerEnd}`);
});

test('a registered blob that was tampered with in the store is noticed, and others go on serving', async () => {
  const adapter = readAdapter('blob', blob);
  const changed = {
    ...adapter,
    metadata: { ...adapter.metadata, training: { ...adapter.metadata.training, seed: 99 } },
  };
  await register('tampered', writeAdapter(changed));
  const file = path.join(services.home, 'store', 'objects', 'adapters', 'tampered', '1', 'adapter.safetensors');
  const stored = await readFile(file);
  stored[stored.byteLength - 100]! ^= 1;
  await writeFile(file, stored);
  await assert.rejects(classify({ adapter: 'tampered' }), hasCode('OBJECT_DAMAGED', /tampered\/1/));
  await classify({});
});

test('a port in use is told with what would help', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  await assert.rejects(startServices({ port }), hasCode('PORT_IN_USE', new RegExp(`${port} is in use.*another port`)));
  other.close();
});

test('a disk without space changes nothing and says so', async (t) => {
  const directory = await temporaryFolder('full');
  const store = new DirectoryObjectStore(directory);
  await store.put('a', Buffer.from('before'));
  // A file larger than RLIMIT_FSIZE fails as a full disk does; without a way to fill a disk, the same path is taken by
  // a size limit.
  const { spawnSync } = await import('node:child_process');
  const program = `
    const { DirectoryObjectStore } = await import(${JSON.stringify(import.meta.resolve('@hyperswap/storage'))});
    process.on('SIGXFSZ', () => {});
    const store = new DirectoryObjectStore(${JSON.stringify(directory)});
    await store.put('a', Buffer.alloc(4_000_000)).then(() => console.log('written'), (error) => console.log(error.code));`;
  const run = spawnSync('bash', [
    '-c',
    'ulimit -f 1000; exec "$0" --input-type=module -e "$1"',
    process.execPath,
    program,
  ]);
  if (run.error !== undefined) {
    t.skip('there is no bash to limit file sizes');
    return;
  }
  assert.equal(run.stdout.toString().trim(), 'STORE_FULL', run.stderr.toString());
  assert.equal((await store.get('a')).toString(), 'before');
  assert.deepEqual(await readdir(path.join(directory, 'staging')), []);
});
