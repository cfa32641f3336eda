/** Existing scenes and adapters, found without starting services. */
import path from 'node:path';
import { callUnary } from '@hyperswap/rpc';
import { referenceOf } from '../report/report.js';
import { configure, openRunningSession, type GlobalFlags, type Session } from '../session.js';

export interface Present {
  /** Source of the list: running services, a home folder, or a home folder that does not exist yet. */
  readonly place: 'services' | 'home' | 'nothing';
  /** Address of the services, or path of the home folder. */
  readonly at: string;
  readonly scenes: readonly PresentScene[];
  /** References with their version: `field@2`. */
  readonly adapters: readonly string[];
}

export interface PresentScene {
  readonly name: string;
  /** Undefined in a home folder, whose scenes are not opened. */
  readonly isLabelled: boolean | undefined;
}

/** Timeout of the services in milliseconds, short because the user waits. */
const patienceMilliseconds = 2_000;
const pageSize = 200;

/**
 * Lists existing scenes and adapters: asks running services, or else reads the home folder.
 *
 * @throws SERVICE_UNREACHABLE, errors of the service
 */
export async function findPresent(flags: GlobalFlags): Promise<Present> {
  const session = await openRunningSession(flags);
  if (session !== undefined) return askServices(session).finally(() => session.close());
  const { home } = configure(flags, 'error').config;
  // Loaded on use: it brings the object store.
  const { homeContents } = await import('@hyperswap/host/home-contents');
  const contents = await homeContents(home);
  const at = path.relative('', path.resolve(home)) || '.';
  if (contents === undefined) return { place: 'nothing', at, scenes: [], adapters: [] };
  const scenes = contents.scenes.map((name) => ({ name, isLabelled: undefined }));
  return { place: 'home', at, scenes, adapters: contents.adapters };
}

async function askServices({ scenes, adapters, endpoint, signal }: Session): Promise<Present> {
  const options = { signal, timeout: patienceMilliseconds };
  const page = { pageSize, pageToken: '' };
  const [sceneList, adapterList] = await Promise.all([
    callUnary(scenes, 'listScenes', page, options),
    callUnary(adapters, 'listAdapters', page, options),
  ]);
  return {
    place: 'services',
    at: endpoint,
    scenes: sceneList.scenes.map(({ name, labelMaps }) => ({ name, isLabelled: labelMaps.length > 0 })),
    adapters: adapterList.adapters.filter(({ retired }) => !retired).map(referenceOf),
  };
}
