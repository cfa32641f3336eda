/** Small model of `fixtures/model.json`, and adapters on it. */
import { readFileSync } from 'node:fs';
import type { Adapter } from '@hyperswap/adapter';
import { adaptationShapes, adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { NamedTensor } from '@hyperswap/safetensors';
import { backboneConfigs, makeBackbone, type Backbone, type BackboneConfig } from '@hyperswap/spectralgpt';
import { Random } from '@hyperswap/random';
import { fixture, type StoredValues } from './fixtures.js';
import { madeUpMetadata } from './made-up-adapter.js';

export interface ModelFixture {
  readonly config: { readonly width: number; readonly depth: number; readonly heads: number };
  readonly parameters: Record<string, StoredValues>;
  readonly input: StoredValues;
  readonly head: { readonly weight: StoredValues; readonly bias: StoredValues };
  readonly labels: number[];
  readonly states: StoredValues[];
  readonly pooled: StoredValues;
  readonly logits: StoredValues;
  readonly full: { readonly loss: number; readonly gradients: Record<string, StoredValues> };
  readonly methods: Record<
    string,
    {
      readonly settings: Record<string, number>;
      readonly factors: Record<string, StoredValues>;
      readonly gradients: Record<string, StoredValues>;
      readonly logits: StoredValues;
      readonly loss: number;
    }
  >;
}

const named = ({ shape, values }: StoredValues): NamedTensor => ({ shape, values: Float32Array.from(values) });

export interface ParityModel {
  readonly reference: ModelFixture;
  readonly config: BackboneConfig;
  readonly backbone: Backbone;
  /** Three images, `[3, 12, 32, 32]`. */
  readonly input: Float32Array;
}

let read: ParityModel | undefined;

export function parityModel(): ParityModel {
  if (read !== undefined) return read;
  const reference = JSON.parse(readFileSync(fixture('model.json'), 'utf8')) as ModelFixture;
  const config: BackboneConfig = { ...backboneConfigs.base, ...reference.config };
  const tensors = new Map(Object.entries(reference.parameters).map(([name, value]) => [name, named(value)] as const));
  const backbone = makeBackbone('reference', config, tensors);
  read = { reference, config, backbone, input: Float32Array.from(reference.input.values) };
  return read;
}

/** Creates an adapter with random factors, the fixture's head, and a synthetic scene and classes. */
export function parityAdapter(name: string, given: Record<string, number>, seed: number): Adapter {
  const { reference, config, backbone } = parityModel();
  const method = findMethod(name);
  const settings = methodSettings(method, adaptedWeight(config), given);
  const random = new Random(seed);
  const factors = new Map<string, NamedTensor>();
  for (const [key, { shape }] of adaptationShapes({ method, settings }, config)) {
    factors.set(key, {
      shape,
      values: random.normals(
        shape.reduce((a, b) => a * b, 1),
        0.3,
      ),
    });
  }
  const bands = 20;
  const vector = (length: number, value: number): NamedTensor => ({
    shape: [length],
    values: new Float32Array(length).fill(value),
  });
  return {
    metadata: madeUpMetadata({
      backbone: { name: backbone.name, digest: backbone.digest },
      method: name,
      settings: { ...settings } as Record<string, number>,
      patchSize: 9,
      bands,
      pcaDigest: '0'.repeat(64),
      classes: reference.head.bias.values.length,
      seed,
    }),
    tensors: {
      factors,
      headWeight: named(reference.head.weight),
      headBias: named(reference.head.bias),
      pcaMean: vector(bands, 0),
      pcaComponents: { shape: [config.components, bands], values: random.normals(config.components * bands, 1) },
      normalizerMean: vector(config.components, 0),
      normalizerDeviation: vector(config.components, 1),
    },
  };
}
