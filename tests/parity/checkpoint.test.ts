import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { importCheckpoint, type ConversionOptions } from '@hyperswap/checkpoint';
import { readSafetensors, writeSafetensors } from '@hyperswap/safetensors';
import { features, imageTokens, makeResident, readBackbone, residentBackbone } from '@hyperswap/spectralgpt';
import { loadTensorFlow } from '@hyperswap/tensor';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { fixture, type StoredValues } from '../support/fixtures.js';

type Name = 'spatial' | 'folded' | 'transposed' | 'half' | 'bfloat16' | 'shared' | 'input' | 'pooled';
const reference = JSON.parse(readFileSync(fixture('checkpoint.json'), 'utf8')) as Record<Name, StoredValues> & {
  readonly heads: number;
};
const release = readFileSync(fixture('release.pth'));
let directory: string;

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-checkpoint-test-'));
});

after(() => rm(directory, { recursive: true, force: true }));

/** Imports a checkpoint. @returns the backbone's tensors and its folder */
async function imported(file: string, options: ConversionOptions = {}) {
  const folder = await mkdtemp(path.join(directory, 'backbone-'));
  await importCheckpoint(file, folder, { heads: reference.heads, ...options });
  return { folder, tensors: readSafetensors(readFileSync(path.join(folder, 'model.safetensors'))).tensors };
}

/** A file of these bytes. */
async function written(name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(directory, name);
  await writeFile(file, bytes);
  return file;
}

const refused = (file: string, message: RegExp, options: ConversionOptions = {}): Promise<void> =>
  assert.rejects(imported(file, options), hasCode('BACKBONE_INVALID', message));

test('a checkpoint with optimiser, arguments and decoder gives the encoder: views, transposed and half-precision tensors too', async () => {
  const { tensors } = await imported(fixture('release.pth'));
  const equal = (name: string, wanted: StoredValues): void => {
    assert.equal(maximumDifference(tensors.get(name)!.values, wanted.values), 0, name);
  };
  equal('blocks.0.attn.v.weight', reference.transposed);
  equal('blocks.0.attn.k.weight', reference.shared);
  equal('blocks.1.mlp.fc1.weight', reference.half);
  equal('blocks.1.mlp.fc2.weight', reference.bfloat16);
  assert.ok([...tensors.keys()].every((name) => !/decoder|mask_token|head/.test(name)));
});

test('positions are resized as PyTorch’s bicubic, and folded, kept or left out', async () => {
  const folded = (await imported(fixture('release.pth'))).tensors;
  assert.ok(maximumDifference(folded.get('pos_embed')!.values, reference.folded.values) < 1e-6);
  const kept = (await imported(fixture('release.pth'), { positions: 'separate' })).tensors;
  assert.ok(maximumDifference(kept.get('pos_embed_spatial')!.values, reference.spatial.values) < 1e-6);
  const none = (await imported(fixture('release.pth'), { positions: 'zero' })).tensors;
  assert.ok(none.get('pos_embed')!.values.every((value) => value === 0));
});

for (const positions of ['folded', 'separate'] as const) {
  test(`an imported backbone gives PyTorch’s features, positions ${positions}`, async () => {
    loadTensorFlow();
    const { folder } = await imported(fixture('release.pth'), { positions });
    const backbone = await readBackbone('release', folder);
    makeResident(backbone, 'float32');
    const resident = residentBackbone(backbone.digest, 'float32');
    const pooled = features(imageTokens(Float32Array.from(reference.input.values), backbone.config), resident);
    assert.ok(maximumDifference(pooled.dataSync(), reference.pooled.values) < 1e-4);
  });
}

test('a safetensors checkpoint gives the same backbone as the archive', async () => {
  const { folder, tensors } = await imported(fixture('release.pth'), { positions: 'separate' });
  const file = await written('release.safetensors', writeSafetensors({ tensors, metadata: {} }));
  const again = await imported(file, { positions: 'separate' });
  const digests = await Promise.all([folder, again.folder].map(async (at) => (await readBackbone('x', at)).digest));
  assert.equal(digests[0], digests[1]);
});

test('a pickle that names os.system is refused, and nothing is called', async () => {
  await refused(fixture('hostile.pth'), /posix\.system|os\.system/);
  assert.ok(!(await readdir('.')).includes('hyperswap-was-here'));
});

test('tensors that are missing, unexpected or misshapen are named', async () => {
  const { tensors } = await imported(fixture('release.pth'), { positions: 'separate' });
  const wrong = new Map(tensors);
  wrong.delete('blocks.1.attn.q.bias');
  wrong.set('blocks.0.attn.rel_pos', { shape: [1], values: new Float32Array(1) });
  wrong.set('norm.weight', { shape: [3], values: new Float32Array(3) });
  const file = await written('wrong.safetensors', writeSafetensors({ tensors: wrong, metadata: {} }));
  await refused(
    file,
    /missing: blocks\.1\.attn\.q\.bias; unexpected: blocks\.0\.attn\.rel_pos; of another shape: norm\.weight/,
  );
  await refused(fixture('release.pth'), /--heads/, { heads: undefined as unknown as number });
});

test('a checkpoint cut anywhere is refused', async () => {
  for (let part = 0; part < 60; part++) {
    const length = Math.floor((release.byteLength * part) / 60);
    const file = await written('cut.pth', release.subarray(0, length));
    await assert.rejects(imported(file), hasCode('BACKBONE_INVALID'));
  }
});

test('a checkpoint with any byte of its pickle changed is refused or read, and never more', async () => {
  const start = release.indexOf('data.pkl') + 'data.pkl'.length;
  for (let offset = start; offset < start + 4000; offset += 7) {
    const changed = Buffer.from(release);
    changed[offset]! ^= 0xff;
    const file = await written('changed.pth', changed);
    await imported(file).catch((error: unknown) => hasCode('BACKBONE_INVALID')(error));
  }
});

test('a tensor that reaches past its storage is refused', async () => {
  // The first tensor of the pickle: after its storage (BINPERSID) comes its offset, BININT1 0.
  const at = release.indexOf(Buffer.from([0x51, 0x4b, 0x00, 0x4b]));
  assert.ok(at > 0);
  const changed = Buffer.from(release);
  changed[at + 2] = 0xff;
  await refused(await written('beyond.pth', changed), /reaches past the end of storage/);
});

test('other files are told apart from checkpoints', async () => {
  await refused(
    await written('old.pth', Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1')),
    /PyTorch 1\.6/,
  );
  await assert.rejects(imported(path.join(directory, 'absent.pth')), hasCode('FILE_UNREADABLE', /absent\.pth/));
});
