import type { Present } from './present.js';

/** Command, and its reason in a few words. */
export interface Step {
  readonly command: string;
  readonly why: string;
}

export interface Advice {
  /** State in one or two sentences. */
  readonly state: string;
  /** The most sensible step first. */
  readonly steps: readonly Step[];
}

const shownNames = 3;

/**
 * Returns the next sensible steps.
 *
 * @param present what services or the home folder hold
 * @param files names of the files in this folder that look like scenes
 */
export function nextSteps(present: Present, files: readonly string[]): Advice {
  const { scenes, adapters } = present;
  const labelled = scenes.find(({ isLabelled }) => isLabelled !== false);
  const mapped = adapters.map((reference) => ({ reference, name: reference.replace(/@.*/, '') }));
  const match = mapped.find(({ name }) => scenes.some((scene) => scene.name === name)) ?? mapped[0];
  const scene = scenes.find(({ name }) => name === match?.name) ?? labelled ?? scenes[0];
  const state = [describePlace(present), describeFiles(files)].filter((part) => part !== '').join(' ');
  if (scene !== undefined && match !== undefined) {
    return {
      state,
      steps: [
        {
          command: `hyperswap classify --scene ${scene.name} --adapter ${match.name} --out out/${scene.name}`,
          why: 'makes the land-cover map',
        },
        { command: `hyperswap adapters show ${match.reference}`, why: 'shows how accurate the adapter is' },
        { command: `hyperswap train --scene ${scene.name} --adapter ${match.name}`, why: 'trains a new version' },
      ],
    };
  }
  if (labelled !== undefined) {
    return {
      state,
      steps: [
        {
          command: `hyperswap train --scene ${labelled.name} --adapter ${labelled.name}`,
          why: 'trains an adapter on the labelled pixels',
        },
        { command: `hyperswap scenes show ${labelled.name}`, why: 'describes the scene and its labels' },
      ],
    };
  }
  if (scenes.length > 0) {
    return {
      state: `${state} ${scenes.length === 1 ? 'It has' : 'They have'} no labels, which training needs.`,
      steps: [
        {
          command: `hyperswap scenes prepare FILE --labels LABELS --name ${scenes[0]!.name} --replace`,
          why: 'prepares the scene again with labels',
        },
      ],
    };
  }
  const own = { command: 'hyperswap init', why: 'walks through the map of your own scene' };
  const demo = { command: 'hyperswap demo', why: 'makes the map of a public scene in 6 to 8 minutes' };
  const file = { command: 'hyperswap classify --scene FILE --adapter REF --out DIR', why: 'maps a scene file' };
  if (match !== undefined) {
    return { state, steps: [{ ...file, command: file.command.replace('REF', match.name) }, own] };
  }
  return { state, steps: files.length > 0 ? [own, demo] : [demo, own] };
}

function describePlace({ place, at, scenes, adapters }: Present): string {
  if (place === 'nothing') return `Nothing is here yet: no services run, and there is no home folder ${at}.`;
  const where = place === 'services' ? `The services at ${at}` : `No services run. The home folder ${at}`;
  const names = scenes.map(({ name }) => name);
  const verb = place === 'services' ? 'hold' : 'holds';
  return `${where} ${verb} ${counted('scene', names)} and ${counted('adapter', adapters)}.`;
}

function counted(noun: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${noun}s`;
  const shown = names.slice(0, shownNames).join(', ');
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'} (${shown}${names.length > shownNames ? ', …' : ''})`;
}

function describeFiles(files: readonly string[]): string {
  if (files.length === 0) return '';
  const shown = files.slice(0, shownNames).join(', ');
  return `This folder has ${files.length === 1 ? 'a file that may be a scene' : 'files that may be scenes'}: ${shown}${files.length > shownNames ? ', …' : ''}.`;
}
