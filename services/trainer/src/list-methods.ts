import { adaptationParameterCount, adaptedWeight, findMethod, methodNames, methodSettings } from '@hyperswap/peft';
import { MethodKind, Normalizer, type Method, type Preset } from '@hyperswap/proto';
import type { BackboneConfig } from '@hyperswap/spectralgpt';
import { rivals } from '@hyperswap/rivals';
import { baselines } from './engine/baselines/baselines.js';
import type { NormalizerName } from './normalizer.js';
import { presets } from './presets.js';

const normalizers: Readonly<Record<NormalizerName, Normalizer>> = {
  scene: Normalizer.NORMALIZER_SCENE,
  bigearthnet: Normalizer.NORMALIZER_BIGEARTHNET,
  'min-max': Normalizer.NORMALIZER_MIN_MAX,
};

/** Returns the methods and comparison methods, with defaults and counts of learned values for a backbone. */
export function listMethods(config: BackboneConfig): Method[] {
  const adapted = methodNames.map((name) => {
    const method = findMethod(name);
    const settings = methodSettings(method, adaptedWeight(config));
    return {
      name,
      description: method.description,
      settings: Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
      parameters: adaptationParameterCount({ method, settings }, config),
      kind: method.scope === 'backbone' ? MethodKind.METHOD_KIND_BACKBONE : MethodKind.METHOD_KIND_ADAPTER,
    };
  });
  const compared = [...baselines, ...rivals].map(({ name, description }) => ({
    name,
    description,
    settings: {},
    parameters: 0,
    kind: MethodKind.METHOD_KIND_BASELINE,
  }));
  return [...adapted, ...compared];
}

/** Returns the presets of the paper's scenes as they travel. */
export function listPresets(): Preset[] {
  return presets.map(({ name, patchSize, normalizer, classes, counts, maps }) => ({
    name,
    patchSize,
    normalizer: normalizers[normalizer],
    classes: [...classes],
    counts: [...counts],
    maps: maps && { ...maps },
  }));
}
