import { existsSync } from 'node:fs';
import { failure } from '@hyperswap/errors';
import { addonLink } from './built-engine.js';
import { engineCacheDirectory } from './cache-directory.js';
import { setUpEngine } from './set-up-engine.js';

/**
 * Sets up the engine that the environment asks for: `ENGINE=cuda` selects the CUDA build; `TENSORFLOW_WHEEL` names a
 * wheel and `NVIDIA_WHEELS` a folder of wheels that were downloaded before.
 *
 * @returns folder of the built addon
 * @throws the errors of `setUpEngine`; CONFIG_INVALID for another ENGINE
 */
export async function setUpChosenEngine(report: (line: string) => void): Promise<string> {
  const flavour = process.env.ENGINE ?? 'cpu';
  if (flavour !== 'cpu' && flavour !== 'cuda') {
    throw failure('CONFIG_INVALID', { key: 'ENGINE', value: flavour, allowed: 'cpu or cuda' });
  }
  const { TENSORFLOW_WHEEL: wheelFile, NVIDIA_WHEELS: nvidiaWheelFolder } = process.env;
  return setUpEngine({
    flavour,
    cacheDirectory: engineCacheDirectory(),
    ...(wheelFile === undefined ? {} : { wheelFile }),
    ...(nvidiaWheelFolder === undefined ? {} : { nvidiaWheelFolder }),
    report,
  });
}

let ready: Promise<void> | undefined;

/**
 * Sets up the engine at its first use on this machine, once a process, and says so on standard error. An engine that is
 * there is left as it is.
 *
 * @throws the errors of `setUpChosenEngine`
 */
export function readyEngine(): Promise<void> {
  ready ??= (async () => {
    if (existsSync(addonLink())) return;
    process.stderr.write('The engine is set up now, once for this machine: up to 270 MB are downloaded.\n');
    await setUpChosenEngine((line) => {
      process.stderr.write(`${line}\n`);
    });
  })();
  return ready;
}
