/**
 * Backbones on the device of this thread: one copy each, shared by all programs. Serving and training hold a backbone
 * without a limit; calls of readers get a loan within a memory budget. An unused backbone stays loaded while there is
 * room.
 */
import { failure } from '@hyperswap/errors';
import { chooseKernels, finish, release, type DeviceLinear, type Precision, type Steps } from '@hyperswap/tensor';
import { openWeights, type Backbone, type BackboneDescription } from './backbone.js';
import { tokenCount, type BackboneConfig } from './config.js';
import { CalibrationSample } from './calibration-sample.js';
import {
  foldLayer,
  keepLayer,
  layerNames,
  releaseLayer,
  type AnyLayer,
  type BlockLayers,
  type FoldedLayer,
  type LayerName,
} from './folding.js';
import { encoderShapes } from './parameters.js';
import { PreciseLayers } from './precise-layers.js';
import { bytesPerWeight } from './precision.js';
import { Weights } from './weights.js';

/** A frozen backbone on the device. */
export interface ResidentBackbone {
  readonly backbone: BackboneDescription;
  readonly precision: Precision;
  /** Weights used outside the blocks, and weights that adapters and their gradients are computed from; float32. */
  readonly weights: Weights;
  /** The blocks' layers, folded, in `precision`. */
  readonly blocks: readonly BlockLayers[];
  /** Layers in float32 that updates are merged into. */
  readonly precise: PreciseLayers;
  /**
   * Root mean square error of the features of random patches in int8, as a share of their deviation from patch to
   * patch; undefined in other precisions.
   */
  readonly int8Error: number | undefined;
}

/** Resident backbone, with its numbers of users. */
interface Entry {
  readonly resident: ResidentBackbone;
  readonly bytes: number;
  /** Number of uses without a limit: by serving and by trainings. */
  holds: number;
  /** Number of loans within the budget. */
  loans: number;
}

/** Backbones, least recently used first. */
const entries = new Map<string, Entry>();
/** Loads in progress for loans. */
const loading = new Map<string, { readonly done: Promise<Entry>; readonly bytes: number }>();
/** Memory of the backbones that are not held, in bytes. */
let budgetBytes = 2 * 1024 ** 3;
const retryAfterMilliseconds = 1_000;

/** Block parameters that stay in float32 in addition to their folded layers, because adapters change them. */
const adaptable = /^blocks\.\d+\.(norm1|attn\.[qv])\./;

function key(digest: string, precision: Precision): string {
  return `${digest} ${precision}`;
}

/** Returns the memory of a backbone on the device, with the float32 layers that adapters are merged into. */
export function residentBytes(config: BackboneConfig, precision: Precision): number {
  const count = (wanted: (name: string) => boolean): number =>
    [...encoderShapes(config)].reduce(
      (sum, [name, shape]) => sum + (wanted(name) ? shape.reduce((a, b) => a * b) : 0),
      0,
    );
  const kept = count((name) => !name.startsWith('blocks.') || adaptable.test(name));
  const layers = count((name) => /^blocks\..*\.(attn|mlp)\./.test(name));
  const precise = precision === 'float32' ? 0 : count((name) => /\.attn\.[qv]\./.test(name));
  // Centers of the inputs, and a bias for each token instead of one.
  const { depth, width, mlpRatio } = config;
  const centers = precision === 'int8' ? depth * tokenCount(config) * width * (8 + 2 * mlpRatio) : 0;
  return 4 * (kept + precise + centers) + bytesPerWeight[precision] * layers;
}

/** Sets the memory budget of backbones that are not held: loaned ones, and unused ones that stay for the next use. */
export function limitResidents(bytes: number): void {
  budgetBytes = bytes;
  freeIdle(budgetBytes);
}

/** Returns the memory of the backbones that are not held. */
export function unheldBytes(): number {
  let sum = 0;
  for (const { holds, bytes } of entries.values()) sum += holds === 0 ? bytes : 0;
  for (const { bytes } of loading.values()) sum += bytes;
  return sum;
}

/** Uploads a backbone unless it is resident, and holds it, outside the budget, until it is released. */
export function makeResident(backbone: Backbone, precision: Precision): void {
  const known = touch(key(backbone.digest, precision));
  const entry = known ?? place(finish(uploadInSteps(backbone, precision)));
  entry.holds += 1;
}

/**
 * Loans a backbone within the budget until it is returned. Unused backbones are evicted to make room, least recently
 * used first. A load yields to other work between the blocks. A second loan of the same backbone waits for the first
 * load.
 *
 * @param backbone undefined: only one that is resident
 * @returns false when it is not resident, and none is given
 * @throws BACKBONE_TOO_LARGE when the budget never has room for it, BACKBONES_FULL when others use the room
 */
export async function lendResident(
  digest: string,
  precision: Precision,
  backbone: Backbone | undefined,
  pause: () => Promise<void>,
): Promise<boolean> {
  const name = key(digest, precision);
  if (backbone !== undefined) await loading.get(name)?.done.catch(() => undefined);
  let entry = touch(name);
  if (entry === undefined) {
    if (backbone === undefined) return false;
    entry = await load(backbone, precision, pause);
  }
  entry.loans += 1;
  return true;
}

/** Returns a loan. */
export function returnResident(digest: string, precision: Precision): void {
  const entry = entries.get(key(digest, precision));
  if (entry === undefined) return;
  entry.loans -= 1;
  freeIdle(budgetBytes);
}

/**
 * Releases a backbone that was made resident. It stays for the next use as long as there is room. Free everything bound
 * to it before.
 */
export function releaseResident(digest: string, precision: Precision): void {
  const entry = entries.get(key(digest, precision));
  if (entry === undefined) return;
  entry.holds -= 1;
  freeIdle(budgetBytes);
}

/** Returns an uploaded backbone. @throws INTERNAL if it was never uploaded in that precision */
export function residentBackbone(digest: string, precision: Precision): ResidentBackbone {
  const entry = entries.get(key(digest, precision));
  if (entry === undefined) throw failure('INTERNAL', { reason: `backbone ${digest} is not on the device` });
  return entry.resident;
}

async function load(backbone: Backbone, precision: Precision, pause: () => Promise<void>): Promise<Entry> {
  const { config, digest } = backbone;
  const name = key(digest, precision);
  const bytes = residentBytes(config, precision);
  if (bytes > budgetBytes) throw failure('BACKBONE_TOO_LARGE', { backbone: backbone.name, bytes, limit: budgetBytes });
  freeIdle(budgetBytes - bytes);
  if (unheldBytes() + bytes > budgetBytes) {
    throw failure('BACKBONES_FULL', { backbone: backbone.name, bytes, limit: budgetBytes, retryAfterMilliseconds });
  }
  const upload = async (): Promise<Entry> => {
    const steps = uploadInSteps(backbone, precision);
    try {
      for (;;) {
        const step = steps.next();
        if (step.done !== true) {
          await pause();
          continue;
        }
        // Another call may have made it resident in the meantime.
        const known = touch(name);
        if (known !== undefined) free(step.value);
        return known ?? place(step.value);
      }
    } finally {
      loading.delete(name);
    }
  };
  const done = upload();
  loading.set(name, { done, bytes });
  return done;
}

/** Returns an entry, and marks it as most recently used. */
function touch(name: string): Entry | undefined {
  const entry = entries.get(name);
  if (entry === undefined) return undefined;
  entries.delete(name);
  entries.set(name, entry);
  return entry;
}

function place(resident: ResidentBackbone): Entry {
  const { backbone, precision } = resident;
  const entry = { resident, bytes: residentBytes(backbone.config, precision), holds: 0, loans: 0 };
  entries.set(key(backbone.digest, precision), entry);
  return entry;
}

/**
 * Evicts unused backbones, least recently used first, until the memory of backbones that are not held is below a bound.
 */
function freeIdle(below: number): void {
  for (const [name, { resident, holds, loans }] of entries) {
    if (unheldBytes() <= below) return;
    if (holds > 0 || loans > 0) continue;
    entries.delete(name);
    free(resident);
  }
}

/**
 * Uploads a backbone. It is read and folded block by block, so that at most one block has a float32 copy at a time.
 */
function* uploadInSteps(backbone: Backbone, precision: Precision): Steps<ResidentBackbone> {
  const { name, digest, weightsDigest, config, parameters } = backbone;
  const description: BackboneDescription = { name, digest, weightsDigest, config, parameters };
  chooseKernels();
  const { tensors, close } = openWeights(backbone);
  const blocks: BlockLayers[] = [];
  let weights: Weights | undefined;
  let sample: CalibrationSample | undefined;
  let isDone = false;
  try {
    const upload = (wanted: (tensor: string) => boolean): Weights => {
      const chosen = [...tensors.shapes].filter(([tensor]) => wanted(tensor));
      return Weights.upload(
        new Map(chosen.map(([tensor, shape]) => [tensor, { shape, values: tensors.read(tensor) }])),
      );
    };
    weights = upload((tensor) => !tensor.startsWith('blocks.') || adaptable.test(tensor));
    sample = precision === 'int8' ? new CalibrationSample(config, weights) : undefined;
    for (let index = 0; index < config.depth; index++) {
      const prefix = `blocks.${index}`;
      const uploaded = upload((tensor) => tensor.startsWith(`${prefix}.`));
      try {
        const folded = layerNames.map(
          (layer) => [layer, foldLayer(uploaded, prefix, layer, config.width / config.heads)] as const,
        );
        const means = sample?.pass(Object.fromEntries(folded) as Readonly<Record<LayerName, FoldedLayer>>);
        const layers = folded.map(([layer, each]) => [layer, keepLayer(each, precision, means?.[layer])] as const);
        blocks.push(Object.fromEntries(layers) as BlockLayers);
      } finally {
        uploaded.dispose();
      }
      yield;
    }
    isDone = true;
    const precise = new PreciseLayers(weights, config.width / config.heads);
    const int8Error = sample?.errorOf(blocks);
    return { backbone: description, precision, weights, blocks, precise, int8Error };
  } finally {
    close();
    sample?.dispose();
    if (!isDone) {
      weights?.dispose();
      freeBlocks(blocks);
    }
  }
}

/**
 * Returns a folded layer in float32, into which updates are merged; a float32 backbone has its own.
 *
 * @throws INTERNAL for a layer that adapters do not change
 */
export function preciseLayer(
  { precision, blocks, precise }: ResidentBackbone,
  block: number,
  layer: AnyLayer,
): DeviceLinear {
  return precision === 'float32' ? blocks[block]![layer]! : precise.get(`blocks.${block}`, layer);
}

function free({ weights, precise, blocks }: ResidentBackbone): void {
  weights.dispose();
  precise.dispose();
  freeBlocks(blocks);
}

function freeBlocks(blocks: readonly BlockLayers[]): void {
  const layers = blocks.flatMap((each) => Object.values(each) as DeviceLinear[]);
  for (const layer of layers) releaseLayer(layer);
  const centers = layers.flatMap(({ center }) => (center === undefined ? [] : [center]));
  release(...new Set(centers));
}
