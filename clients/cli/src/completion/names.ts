import { callUnary } from '@hyperswap/rpc';
import { referenceOf } from '../report/report.js';
import { openRunningSession, type GlobalFlags, type Session } from '../session.js';
import { findPresent } from '../start/present.js';
import type { NameKind } from './complete.js';

/** Timeout of the services in milliseconds, short because the user waits after the tab key. */
const timeout = 1_500;
const page = { pageSize: 200, pageToken: '' };

/**
 * Returns names for completion from running services, or else from the home folder, which has scenes and adapters.
 * Errors are ignored: the completion is then empty.
 */
export async function knownNames(kind: NameKind, flags: GlobalFlags): Promise<readonly string[]> {
  try {
    const session = await openRunningSession(flags);
    if (session !== undefined) return await ask(session, kind).finally(() => session.close());
    const { scenes, adapters } = await findPresent(flags);
    if (kind === 'scenes') return scenes.map(({ name }) => name);
    return kind === 'adapters' ? withNames(adapters) : [];
  } catch {
    return [];
  }
}

async function ask(session: Session, kind: NameKind): Promise<readonly string[]> {
  const { scenes, adapters, backbones, trainings, sceneJobs, signal, config } = session;
  const options = { signal, timeout };
  switch (kind) {
    case 'scenes':
      return (await callUnary(scenes, 'listScenes', page, options)).scenes.map(({ name }) => name);
    case 'adapters': {
      const found = (await callUnary(adapters, 'listAdapters', page, options)).adapters;
      const aliases = found.flatMap(({ name, aliases: own }) => own.map((alias) => `${name}:${alias}`));
      return [...withNames(found.map(referenceOf)), ...aliases];
    }
    case 'backbones':
      return (await callUnary(backbones, 'listBackbones', page, options)).backbones.map(({ name }) => name);
    case 'methods':
      return (await callUnary(trainings, 'listMethods', { backbone: config.backbone }, options)).methods.map(
        ({ name }) => name,
      );
    case 'presets':
      return (await callUnary(trainings, 'listPresets', {}, options)).presets.map(({ name }) => name);
    case 'jobs':
      return (await callUnary(sceneJobs, 'listSceneJobs', page, options)).jobs.map(({ status }) => status!.job);
  }
}

/** Returns names of adapters, and their versions. */
function withNames(references: readonly string[]): string[] {
  return [...new Set(references.map((reference) => reference.replace(/@.*/, ''))), ...references];
}
