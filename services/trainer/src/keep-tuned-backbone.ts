import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AdapterVersion, StartTrainingRequest } from '@hyperswap/proto';
import { inMemory } from '@hyperswap/safetensors';
import { readBackbone, writeBackbone, type Backbone } from '@hyperswap/spectralgpt';
import type { FloatPrecision } from '@hyperswap/tensor';
import { publishAdapter, testAdapter, type Tested } from './evaluate-adapter.js';
import type { FittedAdapter } from './fit-adapter.js';
import type { TrainingContext } from './training-context.js';
import type { TrainingPlan } from './training-plan.js';

/**
 * Stores the results of full fine-tuning: a backbone named `<adapter>-full-<n>`, and an adapter that consists only of a
 * head and belongs to that backbone. Pods that are started with the backbone serve the adapter. A training that only
 * validates stores neither.
 */
export async function keepTunedBackbone(
  { adapter: head, trained }: FittedAdapter,
  plan: TrainingPlan,
  { config }: Backbone,
  precision: FloatPrecision,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<Tested & { readonly adapter?: AdapterVersion; readonly newBackbone?: string }> {
  const { backbones, engine } = context;
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-tuned-'));
  try {
    const name = nextName(`${request.adapter || 'validation'}-full`, await backbones.names());
    await writeBackbone(directory, config, inMemory(trained.learned), 'F32');
    const backbone = await readBackbone(name, directory);
    const { digest } = backbone;
    const adapter = { ...head, metadata: { ...head.metadata, backbone: { name, digest } } };
    await engine.call('makeResident', { backbone, precision });
    let tested: Tested;
    try {
      tested = await testAdapter(adapter, plan, precision, context);
    } finally {
      await engine.call('releaseResident', { digest, precision });
    }
    if (request.validateOnly) return tested;
    await backbones.keep(backbone, directory);
    return { ...tested, newBackbone: name, adapter: await publishAdapter(request.adapter, adapter, tested, context) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function nextName(stem: string, taken: readonly string[]): string {
  for (let number = 1; ; number++) if (!taken.includes(`${stem}-${number}`)) return `${stem}-${number}`;
}
