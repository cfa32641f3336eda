/** Label maps that are added to a prepared scene, as a user draws them. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { failure, throwIfAborted, validateName } from '@hyperswap/errors';
import { checkClasses, completeClasses, type GivenClass } from '@hyperswap/map';
import { requireWindow, type Window } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import { maskLabels } from '../prepare/mask-labels.js';
import { manifestKey, readManifest, writeManifest, type SceneManifest } from './manifest.js';
import { PreparedScene } from './prepared-scene.js';
import { describeLabels, labelsKey } from './scene-arrays.js';

/** Pixels of a stored chunk at most, unless one row is more. */
const planePixels = 256 * 1024;
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
 * SCENE_CHANGED
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
  const now = await readManifest(store, name);
  // Arrays of a scene that was replaced meanwhile are gone, or go with the next sweep.
  if (now.formatVersion === 1 || now.arrays !== arrays || now.sourceDigest !== manifest.sourceDigest) {
    throw failure('SCENE_CHANGED', { scene: name });
  }
  const next: SceneManifest = {
    ...now,
    classes,
    labelMaps: [...now.labelMaps, { name: labelMap, labelledPixels, pixelsWithoutData }],
    sourceDigest: hash.digest('hex'),
  };
  await store.put(manifestKey(name), writeManifest(next));
  return next;
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
