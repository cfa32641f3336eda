/** Plan of a study from the options of its command. */
import { failure } from '@hyperswap/errors';
import { MethodKind, type Preset, type Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { parseSettings, wholeNumber } from '../commands/options.js';
import type { Session } from '../session.js';
import { parseSplit } from '../split.js';
import { randomWeights } from './random-weights.js';
import { stepsOf, type StudyPlan } from './study-runs.js';

/** Options of `hyperswap study` that its runs depend on. */
export interface StudyOptions {
  readonly methods: string;
  readonly seeds: string;
  readonly backbones?: string;
  readonly lambdas: string;
  readonly split?: string;
  readonly preset?: string;
  readonly patchSize: string;
  readonly controlPatches: string;
  readonly calibrate?: boolean;
}

/** Patch size of trainings that name none. */
const usualPatchSize = 15;

/**
 * Plans a study.
 *
 * @param settings of `--set`: `key=value` of all methods, or `method:key=value`
 * @throws FIELD_INVALID
 */
export async function planStudy(
  session: Session,
  scene: Scene,
  flags: StudyOptions,
  settings: readonly string[],
): Promise<StudyPlan> {
  const { trainings, signal, config } = session;
  const { backbone } = config;
  const { methods } = await callUnary(trainings, 'listMethods', { backbone }, { signal });
  const baselines = methods.filter(({ kind }) => kind === MethodKind.METHOD_KIND_BASELINE).map(({ name }) => name);
  const list = (given: string): string[] =>
    given.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  const isOfMethod = (setting: string): boolean => setting.slice(0, Math.max(0, setting.indexOf('='))).includes(':');
  const methodSettings: Record<string, Record<string, string>> = {};
  for (const setting of settings.filter(isOfMethod)) {
    const colon = setting.indexOf(':');
    const method = setting.slice(0, colon);
    methodSettings[method] = { ...methodSettings[method], ...parseSettings([setting.slice(colon + 1)]) };
  }
  const split = flags.split ?? (flags.preset === undefined ? '50:15' : undefined);
  if (split !== undefined) parseSplit(split, 1);
  const common = {
    ...parseSettings(settings.filter((setting) => !isOfMethod(setting))),
    ...(flags.calibrate === true && { calibrate: 'true' }),
  };
  checkOwners(list(flags.methods), baselines, common, methodSettings);
  const lambdas = list(flags.lambdas).map(Number);
  if (lambdas.some((lambda) => !(lambda > 0))) {
    throw failure('FIELD_INVALID', { field: '--lambdas', reason: `${flags.lambdas} are not numbers above 0` });
  }
  const preset = await presetOf(session, flags.preset);
  const kind = split === undefined ? undefined : parseSplit(split, 1).kind;
  const patchSize = wholeNumber('--patch-size', flags.patchSize);
  const ownPatchSize = patchSize || (preset?.patchSize ?? usualPatchSize);
  const backbones = flags.backbones === undefined ? [backbone] : list(flags.backbones);
  const controls = list(flags.controlPatches).map((size) => wholeNumber('--control-patches', size));
  return {
    scene: scene.name,
    sceneDigest: scene.digest,
    methods: list(flags.methods),
    baselines,
    seeds: list(flags.seeds).map((seed) => wholeNumber('--seeds', seed)),
    backbones,
    randomLike: backbones.find((name) => name !== randomWeights) ?? backbone,
    lambdas,
    split,
    preset: flags.preset ?? '',
    presetMaps: split === undefined ? preset?.maps : undefined,
    patchSize,
    ownPatchSize,
    controls: controls.filter((size) => size < ownPatchSize),
    isRedrawn: kind === undefined ? preset?.maps === undefined : kind.$case !== 'labelMaps',
    settings: common,
    methodSettings,
  };
}

/** @throws FIELD_INVALID if settings are of a method that the study does not have, or of none */
function checkOwners(
  methods: readonly string[],
  baselines: readonly string[],
  common: Readonly<Record<string, string>>,
  methodSettings: StudyPlan['methodSettings'],
): void {
  const field = '--set';
  const stranger = Object.keys(methodSettings).find((method) => !methods.includes(method));
  if (stranger !== undefined) {
    const reason = `${stranger} is no method of this study, which has ${methods.join(', ')}`;
    throw failure('FIELD_INVALID', { field, reason });
  }
  if (methods.some((method) => !baselines.includes(method))) return;
  const taken = new Set(methods.flatMap((method) => Object.keys(stepsOf(method, common))));
  const setting = Object.keys(common).find((key) => !taken.has(key));
  if (setting === undefined) return;
  const reason = `${setting} has no method to go to: comparison methods take settings by name, as spectralformer:epochs=60`;
  throw failure('FIELD_INVALID', { field, reason });
}

/** Returns a preset by its name; undefined where there is none, which the check of the trainings reports. */
async function presetOf({ trainings, signal }: Session, name: string | undefined): Promise<Preset | undefined> {
  if (name === undefined) return undefined;
  const { presets } = await callUnary(trainings, 'listPresets', {}, { signal });
  return presets.find((preset) => preset.name === name);
}
