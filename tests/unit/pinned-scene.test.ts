/** Scenes that are replaced, deleted or damaged while work uses them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteScene, PreparedScene } from '@hyperswap/scene';
import { DirectoryObjectStore, type ObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { writeScene } from '../support/scenes.js';
import { toyScene } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const window = { row: 0, column: 0, height: 24, width: 30 };

async function makeStore(): Promise<ObjectStore> {
  return new DirectoryObjectStore(await temporaryFolder('pinned'));
}

async function prepare(store: ObjectStore, seed: number): Promise<void> {
  const { height, width, bands, values, labels } = toyScene(24, 30, 16, seed);
  await writeScene(store, {
    name: 'toy',
    height,
    width,
    bands,
    values,
    labelMaps: [{ name: 'truth', labels }],
    replace: true,
  });
}

test('work that began with a scene is told when another took its place, and never reads that one', async () => {
  const store = await makeStore();
  await prepare(store, 1);
  const scene = await PreparedScene.open(store, 'toy');
  const { digest } = scene;
  assert.equal((await PreparedScene.openPinned(store, 'toy', digest)).digest, digest);
  await prepare(store, 2);
  await assert.rejects(PreparedScene.openPinned(store, 'toy', digest), hasCode('SCENE_CHANGED', /toy/));
  await assert.rejects(scene.readWindow(window, 0), hasCode('SCENE_CHANGED', /Start the work again/));
  await assert.rejects(scene.readLabels(), hasCode('SCENE_CHANGED'));
  await prepare(store, 1);
  assert.equal((await PreparedScene.openPinned(store, 'toy', digest)).digest, digest, 'the same content again');
  await deleteScene(store, 'toy');
  await assert.rejects(PreparedScene.openPinned(store, 'toy', digest), hasCode('SCENE_CHANGED', /deleted/));
  await assert.rejects(PreparedScene.open(store, 'toy'), hasCode('SCENE_NOT_FOUND'));
});

test('a chunk of scores, labels or PCA that is missing is damage, not zeros', async () => {
  for (const part of ['scores/c/', 'labels/truth/c/', 'pca/mean/c/', 'scores/zarr.json']) {
    const store = await makeStore();
    await prepare(store, 1);
    const keys = (await store.list('scene-arrays/toy/')).map(({ key }) => key).filter((key) => key.includes(part));
    assert.ok(keys.length > 0, part);
    const scene = part.endsWith('.json') ? undefined : await PreparedScene.open(store, 'toy');
    for (const key of keys) await store.delete(key);
    const reading = async (): Promise<unknown> => {
      const opened = scene ?? (await PreparedScene.open(store, 'toy'));
      await opened.readLabels();
      await opened.readPca();
      return opened.readWindow(window, 4);
    };
    await assert.rejects(reading, hasCode('OBJECT_DAMAGED', new RegExp(`${part}.*missing`)), part);
  }
});
