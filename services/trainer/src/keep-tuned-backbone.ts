import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Adapter } from '@hyperswap/adapter';
import type { AdapterVersion, StartTrainingRequest } from '@hyperswap/proto';
import { inMemory } from '@hyperswap/safetensors';
import { numberFormat, readBackbone, writeBackbone, type Backbone } from '@hyperswap/spectralgpt';
import type { AdapterRecipe } from './adapter-recipe.js';
import { publishAdapter, testAdapter } from './evaluate-adapter.js';
import type { FittedAdapter } from './fit-adapter.js';
import type { Tested } from './measure.js';
import type { TrainingContext } from './training-context.js';

/** Backbone that full fine-tuning made, and the head that belongs to it. */
interface TunedBackbone {
  readonly adapter: Adapter;
  readonly backbone: Backbone;
  /** Folder of its files. */
  readonly directory: string;
}

/**
 * Writes the backbone that full fine-tuning made into a folder of its own and holds it in the engine, for as long as it
 * is used.
 *
 * @param name of the backbone
 */
export async function withTunedBackbone<Result>(
  name: string,
  { adapter: head, trained }: FittedAdapter,
  { backbone: { config }, precision }: AdapterRecipe,
  { engine }: TrainingContext,
  use: (tuned: TunedBackbone) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-tuned-'));
  try {
    await writeBackbone(directory, config, inMemory(trained.learned), 'F32');
    const backbone = await readBackbone(name, directory);
    const { digest } = backbone;
    const adapter = { ...head, metadata: { ...head.metadata, backbone: { name, digest } } };
    await engine.call('makeResident', { backbone, precision: numberFormat(precision), isFrozen: false });
    try {
      return await use({ adapter, backbone, directory });
    } finally {
      await engine.call('releaseResident', { digest, precision });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Stores the results of full fine-tuning: a backbone named `<adapter>-full-<n>`, and an adapter that consists only of a
 * head and belongs to that backbone. Pods that are started with the backbone serve the adapter. A training that only
 * validates stores neither.
 */
export async function keepTunedBackbone(
  fitted: FittedAdapter,
  recipe: AdapterRecipe,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<Tested & { readonly adapter?: AdapterVersion; readonly newBackbone?: string }> {
  const { backbones } = context;
  const name = nextName(`${request.adapter || 'validation'}-full`, await backbones.names());
  return withTunedBackbone(name, fitted, recipe, context, async ({ adapter, backbone, directory }) => {
    const tested = await testAdapter(adapter, recipe, context);
    if (request.validateOnly) return tested;
    await backbones.keep(backbone, directory);
    return { ...tested, newBackbone: name, adapter: await publishAdapter(request.adapter, adapter, tested, context) };
  });
}

function nextName(stem: string, taken: readonly string[]): string {
  for (let number = 1; ; number++) if (!taken.includes(`${stem}-${number}`)) return `${stem}-${number}`;
}
