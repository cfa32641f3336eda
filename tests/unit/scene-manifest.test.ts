import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteScene, listScenes, readManifest } from '@hyperswap/scene';
import { DirectoryObjectStore, type ObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { writeScene } from '../support/scenes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const freshStore = async (): Promise<ObjectStore> => new DirectoryObjectStore(await temporaryFolder('manifests'));

const write = (
  store: ObjectStore,
  name: string,
  values: readonly number[] = [1, 2, 3],
  { replace = false, reduction = 'none' as 'none' | 'pca' } = {},
) =>
  writeScene(store, {
    name,
    height: 1,
    width: 3,
    bands: values.length / 3,
    values: Float32Array.from(values),
    components: 1,
    reduction,
    replace,
  });

const keysOf = async (store: ObjectStore): Promise<string[]> => (await store.list('')).map(({ key }) => key);

/** Manifest by a version whose statistics overflowed: JSON has no Infinity. */
async function damage(store: ObjectStore, name: string): Promise<void> {
  const key = `scenes/${name}/scene.json`;
  const text = (await store.get(key)).toString('utf8').replace(/"deviation": [\d.]+/, '"deviation": null');
  assert.match(text, /null/);
  await store.put(key, Buffer.from(text));
}

test('pixels whose squares overflow are left out; where nothing else is there, nothing is written', async () => {
  const store = await freshStore();
  const lowest = -3.4028234663852886e38;
  const none = [lowest, lowest, NaN, 2, -lowest, Infinity];
  await assert.rejects(
    write(store, 'low', none, { reduction: 'pca' }),
    hasCode('NO_VALID_PIXELS', /None of the 3 pixels/),
  );
  assert.deepEqual(await keysOf(store), []);
  await write(store, 'kept');
  const before = await keysOf(store);
  await assert.rejects(write(store, 'kept', none, { reduction: 'pca', replace: true }), hasCode('NO_VALID_PIXELS'));
  assert.deepEqual(await keysOf(store), before);
  assert.equal((await readManifest(store, 'kept')).statistics[0]!.mean, 2);
  await write(store, 'some', [lowest, lowest, 1, 2, -lowest, -lowest], { reduction: 'pca' });
  assert.equal((await readManifest(store, 'some')).validPixels, 1);
});

test('a scene whose manifest cannot be read spoils nothing but itself', async () => {
  const store = await freshStore();
  for (const name of ['a', 'null', 'text', 'stranger', 'z']) await write(store, name);
  await damage(store, 'null');
  await store.put('scenes/text/scene.json', Buffer.from('{"torn":'));
  // A copy of another scene's manifest: deleting it must not delete the other's arrays.
  await store.put('scenes/stranger/scene.json', await store.get('scenes/a/scene.json'));
  const { scenes, damaged } = await listScenes(store);
  assert.deepEqual(
    scenes.map(({ name }) => name),
    ['a', 'z'],
  );
  assert.deepEqual(
    damaged.map(({ name }) => name),
    ['null', 'stranger', 'text'],
  );
  assert.match(damaged[0]!.error.message, /deviation/);
  await assert.rejects(readManifest(store, 'null'), hasCode('OBJECT_DAMAGED', /scenes\/null\/scene\.json.*deviation/));
  for (const { name } of damaged) {
    await deleteScene(store, name);
    await assert.rejects(readManifest(store, name), hasCode('SCENE_NOT_FOUND'));
  }
  // Manifests of the others do not name their arrays: a sweep finds those.
  assert.deepEqual(
    (await keysOf(store)).filter((key) => !/^(scenes|scene-arrays)\/[az]\/|^scene-arrays\/(text|stranger)\//.test(key)),
    [],
  );
  assert.equal((await listScenes(store)).scenes.length, 2);
});

test('a scene whose manifest cannot be read is replaced when that is asked for', async () => {
  const store = await freshStore();
  await write(store, 'a');
  await damage(store, 'a');
  await assert.rejects(write(store, 'a', [4, 5, 6]), hasCode('OBJECT_DAMAGED', /scenes\/a\/scene\.json/));
  await write(store, 'a', [4, 5, 6], { replace: true });
  const { arrays, statistics } = await readManifest(store, 'a');
  assert.equal(statistics[0]!.mean, 5);
  for (const key of await keysOf(store)) assert.ok(key === 'scenes/a/scene.json' || key.startsWith(`${arrays}/`), key);
  // The same content as the damaged one had, whose arrays have the same place.
  await damage(store, 'a');
  await write(store, 'a', [4, 5, 6], { replace: true });
  assert.equal((await readManifest(store, 'a')).statistics[0]!.mean, 5);
});

test('a scene that is deleted leaves nothing, and deleting it again says that there is none', async () => {
  const store = await freshStore();
  await write(store, 'a');
  // Objects that an interrupted preparation of an earlier version left.
  await store.put('scenes/a/0123456789abcdef/scores/c/0/0/0', Buffer.from('x'));
  await write(store, 'ab');
  await deleteScene(store, 'a');
  assert.ok((await keysOf(store)).every((key) => /^(scenes|scene-arrays)\/ab\//.test(key)));
  await assert.rejects(deleteScene(store, 'a'), hasCode('SCENE_NOT_FOUND'));
});

test('a scene of the first format is read, listed and deleted; all its pixels are valid', async () => {
  const store = await freshStore();
  const { raster, validPixels, ...rest } = await write(store, 'old', [1, 2, 3]);
  assert.deepEqual([raster!.pixelType, validPixels], ['float32', 3]);
  const labelMaps = [{ name: 'truth', labelledPixels: 2 }];
  const first = { ...rest, formatVersion: 1, labelMaps };
  await store.put('scenes/old/scene.json', Buffer.from(JSON.stringify(first)));
  const manifest = await readManifest(store, 'old');
  assert.deepEqual(manifest, {
    ...first,
    labelMaps: [{ name: 'truth', labelledPixels: 2, pixelsWithoutData: 0 }],
    validPixels: 3,
    raster: undefined,
    lookupTable: undefined,
  });
  const { scenes, damaged } = await listScenes(store);
  assert.deepEqual([scenes, damaged], [[manifest], []]);
  // A field of the second format is none of the first.
  await store.put('scenes/old/scene.json', Buffer.from(JSON.stringify({ ...first, validPixels })));
  await assert.rejects(readManifest(store, 'old'), hasCode('OBJECT_DAMAGED', /validPixels/));
  await deleteScene(store, 'old');
  assert.deepEqual(await keysOf(store), []);
});
