/** Labels that a user draws on a prepared scene, and the split that a training would make of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { SaveLabelsRequest, Scene } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';
import { startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { serversMissing } from '../support/servers.js';
import {
  labelsOf,
  prepareToy,
  startServices,
  toyScene,
  trainingRequest,
  train,
  type Services,
} from '../support/services.js';

const { height, width } = toyScene();
const pixelAt = (row: number, column: number): number => row * width + column;

describe('labels that are drawn', () => {
  let services: Services;
  let scene: Scene;

  before(async () => {
    services = await startServices();
    scene = await prepareToy(services);
  });
  after(() => services.stop());

  const request = (more: Partial<SaveLabelsRequest>): SaveLabelsRequest => ({
    scene: 'toy',
    sceneDigest: undefined,
    labelMap: 'drawn',
    base: '',
    newClasses: [],
    windows: [],
    ...more,
  });
  const square = (row: number, column: number, side: number, label: number): SaveLabelsRequest['windows'][number] => ({
    window: { row, column, height: side, width: side },
    labels: Buffer.alloc(side * side, label),
  });

  test('become a label map beside the others, with new classes, and later windows win', async () => {
    const windows = [square(0, 0, 4, 1), square(2, 2, 4, 4), { ...square(0, 0, 2, 0) }, square(1, 1, 1, 255)];
    const newClasses = [{ name: 'road', color: 0x123456, code: undefined }];
    const { scene: saved } = await callUnary(services.scenes, 'saveLabels', request({ newClasses, windows }));
    const drawn = await labelsOf(services, saved!, 'drawn');
    const expected = new Uint8Array(height * width);
    for (const [side, from, label] of [
      [4, 0, 1],
      [4, 2, 4],
      [2, 0, 0],
    ] as const) {
      for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) expected[pixelAt(from + y, from + x)] = label;
    }
    assert.deepEqual(drawn, expected);
    assert.deepEqual(
      saved!.labelMaps.map(({ name, labelledPixels }) => [name, labelledPixels]),
      [
        ['truth', scene.labelMaps[0]!.labelledPixels],
        ['drawn', expected.filter((label) => label > 0).length],
      ],
    );
    assert.deepEqual(saved!.classes.at(-1), { name: 'road', color: 0x123456, code: undefined });
    assert.notEqual(saved!.digest, scene.digest);
    assert.equal(saved!.pcaDigest, scene.pcaDigest);
  });

  test('can begin with a label map of the scene, which stays as it is', async () => {
    const truth = await labelsOf(services, scene, 'truth');
    const base = request({ labelMap: 'more', base: 'truth', windows: [square(height - 2, 0, 2, 3)] });
    const { scene: saved } = await callUnary(services.scenes, 'saveLabels', base);
    const more = await labelsOf(services, saved!, 'more');
    assert.equal(more[pixelAt(height - 1, 1)], 3);
    assert.equal(more[pixelAt(0, 5)], truth[pixelAt(0, 5)]);
    assert.deepEqual(await labelsOf(services, saved!, 'truth'), truth);
  });

  test('two at once are both kept', async () => {
    const names = ['left', 'right', 'middle'];
    await Promise.all(
      names.map((labelMap) =>
        callUnary(services.scenes, 'saveLabels', request({ labelMap, windows: [square(0, 0, 1, 1)] })),
      ),
    );
    const { scene: now } = await callUnary(services.scenes, 'getScene', { name: 'toy' });
    for (const name of names) assert.ok(now!.labelMaps.some((map) => map.name === name));
  });

  test('that are saved on what somebody else changed meanwhile are refused, and nothing is lost', async () => {
    const seen = (await callUnary(services.scenes, 'getScene', { name: 'toy' })).scene!;
    const road = (name: string): Partial<SaveLabelsRequest> => ({
      newClasses: [{ name, color: 1, code: undefined }],
      windows: [square(0, 0, 2, seen.classes.length + 1)],
      sceneDigest: seen.digest,
    });
    const first = await callUnary(services.scenes, 'saveLabels', request({ labelMap: 'hers', ...road('river') }));
    const second = callUnary(services.scenes, 'saveLabels', request({ labelMap: 'his', ...road('bridge') }));
    await assert.rejects(second, hasCode('LABELS_CHANGED', /toy.*nothing was saved/));
    const { scene: now } = await callUnary(services.scenes, 'getScene', { name: 'toy' });
    assert.deepEqual(now, first.scene);
    // The content that was seen is still there for those who work with it.
    const { scene: before } = await callUnary(services.scenes, 'getScene', { name: 'toy', sceneDigest: seen.digest });
    assert.deepEqual(before, seen);
  });

  test('leave maps as they are: those of before are compared and smoothed, with those of after and on the new labels', async () => {
    const value = { labelMap: 'truth', count: 12, smallCount: 0, counts: [], seed: 1 };
    await train(services, {
      split: { kind: { $case: 'perClass', value } },
      adapter: 'mapper',
      settings: { epochs: '6' },
    });
    const classify = async (): Promise<string> => {
      const call = services.sceneJobs.classifyScene({
        scene: 'toy',
        adapter: 'mapper@1',
        chunkSize: 0,
        detached: false,
        probabilities: false,
      });
      for await (const { event } of readStream(services.sceneJobs, call)) {
        if (event?.$case === 'done') return event.value.status!.job;
      }
      throw new Error('no map');
    };
    const before = await classify();
    await callUnary(services.scenes, 'saveLabels', request({ labelMap: 'later', windows: [square(3, 3, 4, 1)] }));
    const after = await classify();
    for (const smoothingReach of [0, 3]) {
      const pair = { firstJob: before, secondJob: after, labelMap: 'later', smoothingReach };
      const compared = await callUnary(services.sceneJobs, 'compareMaps', pair);
      assert.deepEqual([compared.pixels, compared.onlyFirst, compared.onlySecond], [16, 0, 0]);
    }
  });

  test('what the scene cannot hold is refused, and changes nothing', async () => {
    const before = (await callUnary(services.scenes, 'getScene', { name: 'toy' })).scene!;
    const refused: readonly (readonly [Partial<SaveLabelsRequest>, Parameters<typeof hasCode>[0], RegExp])[] = [
      [{ labelMap: 'truth' }, 'FIELD_INVALID', /choose another name/],
      [{ labelMap: '../x' }, 'NAME_INVALID', /Label map/],
      [{ labelMap: 'a', windows: [square(height - 1, 0, 2, 1)] }, 'FIELD_INVALID', /part of/],
      [{ labelMap: 'a', windows: [square(0, 0, 1, 99)] }, 'FIELD_INVALID', /label 99; there are/],
      [
        { labelMap: 'a', windows: [{ ...square(0, 0, 2, 1), labels: Buffer.alloc(3) }] },
        'FIELD_INVALID',
        /3 labels for/,
      ],
      [{ labelMap: 'a', windows: [{ window: undefined, labels: Buffer.alloc(0) }] }, 'FIELD_INVALID', /missing/],
      [{ labelMap: 'a', base: 'nothing' }, 'FIELD_INVALID', /has no label map nothing/],
      [{ labelMap: 'a', newClasses: [{ name: 'road' }] }, 'CLASSES_INVALID', /both called road/],
      [{ labelMap: 'a', sceneDigest: 'f'.repeat(64) }, 'SCENE_CHANGED', /toy/],
      [{ scene: 'nowhere' }, 'SCENE_NOT_FOUND', /nowhere/],
    ];
    for (const [more, code, reason] of refused) {
      await assert.rejects(callUnary(services.scenes, 'saveLabels', request(more)), hasCode(code, reason));
    }
    assert.deepEqual((await callUnary(services.scenes, 'getScene', { name: 'toy' })).scene, before);
  });

  test('a training takes them, and the split that it is shown is the one that it has', async () => {
    const windows = [square(0, 0, 5, 1), square(0, 12, 5, 2)];
    await callUnary(services.scenes, 'saveLabels', request({ labelMap: 'painted', windows }));
    const split = {
      kind: {
        $case: 'perClass' as const,
        value: { labelMap: 'painted', count: 10, smallCount: 0, counts: [], seed: 3 },
      },
    };
    const training = trainingRequest({ split, settings: { epochs: '1' } });
    const shown: { train: number[]; test: number[] } = { train: [], test: [] };
    const call = services.trainings.previewSplit({ training });
    for await (const { trainPixels, testPixels, patchSize } of readStream(services.trainings, call)) {
      shown.train.push(...trainPixels);
      shown.test.push(...testPixels);
      assert.equal(patchSize, 9);
    }
    assert.deepEqual([shown.train.length, shown.test.length], [20, 30]);
    assert.ok(shown.train.every((pixel) => pixel % width < 17 && Math.floor(pixel / width) < 5));
    const { trainPixels, testPixels } = await train(services, { split, settings: { epochs: '1' } });
    assert.deepEqual([trainPixels, testPixels], [20, 30]);
    const nothing = readStream(services.trainings, services.trainings.previewSplit({ training: undefined }));
    await assert.rejects(nothing.next(), hasCode('FIELD_INVALID', /training/));
  });
});

describe('labels that two processes save on one scene', { skip: serversMissing }, () => {
  let fleet: Fleet;
  let pods: readonly Pod[];

  before(async () => {
    fleet = await startFleet();
    pods = await Promise.all([fleet.startPod('preprocessing'), fleet.startPod('preprocessing')]);
    await prepareToy(pods[0]!);
  });
  after(() => fleet.stop());

  const save = (pod: number, labelMap: string, label: number, sceneDigest?: string) =>
    callUnary(pods[pod]!.scenes, 'saveLabels', {
      ...{ scene: 'toy', sceneDigest, labelMap, base: '', newClasses: [] },
      windows: [{ window: { row: 0, column: 0, height: 3, width: 3 }, labels: Buffer.alloc(9, label) }],
    });
  const current = async (): Promise<Scene> => (await callUnary(pods[1]!.scenes, 'getScene', { name: 'toy' })).scene!;

  test('are all kept, whoever is first', async () => {
    // Three a process: a call tries five times, and meets at most the three of the other process.
    const names = [0, 1].flatMap((pod) => [1, 2, 3].map((label) => ({ pod, label, name: `p${pod}-${label}` })));
    await Promise.all(names.map(({ pod, label, name }) => save(pod, name, label)));
    const scene = await current();
    for (const { label, name, pod } of names) {
      assert.equal(scene.labelMaps.find((map) => map.name === name)?.labelledPixels, 9, name);
      const labels = await labelsOf(pods[1 - pod]!, scene, name);
      assert.equal(labels[0], label, name);
    }
  });

  test('are refused for one of them when both name what they saw', async () => {
    const { digest } = await current();
    const results = await Promise.allSettled([save(0, 'mine', 1, digest), save(1, 'yours', 2, digest)]);
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.ok(hasCode('LABELS_CHANGED')(refused[0]!.reason));
    const kept = (await current()).labelMaps.map(({ name }) => name).filter((name) => /mine|yours/.test(name));
    assert.deepEqual(kept, [results[0]!.status === 'fulfilled' ? 'mine' : 'yours']);
  });
});
