/** Label maps that are added to a prepared scene, as a user draws them. */
import { createHash } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { failure, HyperswapError, throwIfAborted, validateName } from '@hyperswap/errors';
import { checkClasses, completeClasses, type GivenClass } from '@hyperswap/map';
import { requireWindow, type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import { maskLabels } from '../prepare/mask-labels.js';
import { earlierKey, manifestKey, readPinned, writeManifest, type SceneManifest } from './manifest.js';
import { PreparedScene } from './prepared-scene.js';
import { describeLabels, labelsKey } from './scene-arrays.js';

/** Pixels of a stored chunk at most, unless one row is more. */
const planePixels = 256 * 1024;
/** Milliseconds that another process may take to write its manifest. */
const otherMilliseconds = 2_000;
/** Label that leaves a pixel as it is. */
const unchanged = 255;

/** Labels of a window. */
interface LabelWindow {
  readonly window: Window;
  /** `[height, width]`; 0 takes a label away, 255 leaves the pixel as it is. */
  readonly labels: Uint8Array;
}

/** Label map to add. */
export interface LabelsToAdd {
  readonly labelMap: string;
  /** Label map of the scene to begin with; empty for none. */
  readonly base: string;
  /** Classes after those of the scene. */
  readonly newClasses: readonly GivenClass[];
  /** Labels that are set, in this order. */
  readonly windows: readonly LabelWindow[];
}

/**
 * Adds a label map to a scene. Its arrays come first, its manifest last, so that nobody finds half of it. What is there
 * already is never changed: those who work with the scene as it was keep what they read. Pixels without data get no
 * label.
 *
 * @returns the manifest with the new label map
 * @throws FIELD_INVALID for a name that is taken, or labels that the scene cannot have; NAME_INVALID, CLASSES_INVALID,
 *   LABELS_CHANGED, SCENE_CHANGED
 */
export async function addLabels(
  store: ObjectStore,
  scene: PreparedScene,
  { labelMap, base, newClasses, windows }: LabelsToAdd,
  signal: AbortSignal,
): Promise<SceneManifest> {
  const { manifest } = scene;
  const { name, height, width, arrays } = manifest;
  validateName('Label map', labelMap);
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  if (manifest.formatVersion === 1) throw invalid('scene', `${name} was prepared by an old version: prepare it again`);
  if (manifest.labelMaps.some((map) => map.name === labelMap)) {
    throw invalid(
      'label_map',
      `${name} has a label map ${labelMap}, which work that runs may use: choose another name`,
    );
  }
  const classes = completeClasses([...manifest.classes, ...newClasses], 0);
  checkClasses(classes);
  checkWindows(windows, manifest, classes.length);
  const planeRows = Math.min(height, Math.max(1, Math.floor(planePixels / width)));
  const hash = createHash('sha256').update(manifest.sourceDigest).update(`\n${labelMap}\n`);
  let [labelledPixels, pixelsWithoutData] = [0, 0];
  for (let row = 0, plane = 0; row < height; row += planeRows, plane++) {
    throwIfAborted(signal, 'Saving the labels');
    const window: Window = { row, column: 0, height: Math.min(planeRows, height - row), width };
    const labels = base === '' ? new Uint8Array(window.height * width) : await scene.readLabels(base, window);
    for (const one of windows) setLabels(labels, window, one);
    const mask = (await scene.readMask(window)) ?? new Uint8Array(labels.length).fill(1);
    // A stored chunk is whole, also where the scene ends.
    const whole = new Uint8Array(planeRows * width);
    whole.set(labels);
    const found = maskLabels(whole, mask);
    hash.update(whole);
    await store.put(labelsKey(`${arrays}/labels`, labelMap, plane), found.content);
    labelledPixels += found.labelledPixels;
    pixelsWithoutData += found.pixelsWithoutData;
    await setImmediate();
  }
  await describeLabels(store, arrays, labelMap, { height, width, planeRows });
  const next: SceneManifest = {
    ...manifest,
    classes,
    labelMaps: [...manifest.labelMaps, { name: labelMap, labelledPixels, pixelsWithoutData }],
    sourceDigest: hash.digest('hex'),
  };
  await succeed(store, scene, next);
  return next;
}

/**
 * Puts a manifest in the place of that of a scene. Who keeps the old one first may do so: of processes that add labels
 * to the same content, one does, and the others are told. Work that began with the old content finds it there.
 *
 * @throws LABELS_CHANGED, SCENE_CHANGED when the scene has another content by now
 */
async function succeed(
  store: ObjectStore,
  { manifest, digest }: Pick<PreparedScene, 'manifest' | 'digest'>,
  next: SceneManifest,
): Promise<void> {
  const { name, arrays } = manifest;
  const requireSame = async (): Promise<void> => {
    const now = await readPinned(store, name).catch((error: unknown) => {
      throw HyperswapError.is(error, 'SCENE_NOT_FOUND') ? failure('SCENE_CHANGED', { scene: name }, error) : error;
    });
    if (now.digest === digest && now.manifest.arrays === arrays) return;
    // Arrays of a scene that was replaced meanwhile are gone, or go with the next sweep.
    throw failure(now.manifest.arrays === arrays ? 'LABELS_CHANGED' : 'SCENE_CHANGED', { scene: name });
  };
  await requireSame();
  const earlier = writeManifest(manifest);
  await store.put(earlierKey(manifest, digest), earlier, { onlyIfAbsent: true }).catch(async (error: unknown) => {
    if (!HyperswapError.is(error, 'OBJECT_EXISTS')) throw error;
    // Another process is about to write its manifest. One that ended before it did so leaves the place free.
    await sleep(otherMilliseconds);
    await requireSame();
  });
  await store.put(manifestKey(name), writeManifest(next));
}

/** @throws FIELD_INVALID for windows outside of the scene, of a wrong size, or with labels of no class */
function checkWindows(windows: readonly LabelWindow[], { name, height, width }: SceneManifest, classes: number): void {
  for (const [index, { window, labels }] of windows.entries()) {
    const field = `windows[${index}]`;
    requireWindow(name, { height, width }, window);
    if (labels.length !== window.height * window.width) {
      const reason = `it has ${labels.length} labels for ${window.height} × ${window.width} pixels`;
      throw failure('FIELD_INVALID', { field, reason });
    }
    const largest = labels.reduce((most, label) => (label === unchanged ? most : Math.max(most, label)), 0);
    if (largest > classes) {
      throw failure('FIELD_INVALID', { field, reason: `it has the label ${largest}; there are ${classes} classes` });
    }
  }
}

/** Sets the labels of a window where it meets some rows of the scene. */
function setLabels(rows: Uint8Array, { row: top, height, width }: Window, { window, labels }: LabelWindow): void {
  const first = Math.max(top, window.row);
  const last = Math.min(top + height, window.row + window.height);
  for (let row = first; row < last; row++) {
    for (let column = 0; column < window.width; column++) {
      const label = labels[(row - window.row) * window.width + column]!;
      if (label !== unchanged) rows[(row - top) * width + window.column + column] = label;
    }
  }
}
