/**
 * `make setup`: sets up the engine. `ENGINE=cuda` selects the CUDA build; `TENSORFLOW_WHEEL` names a wheel and
 * `NVIDIA_WHEELS` a folder of wheels that were downloaded before.
 */
import { failure, toHyperswapError } from '@hyperswap/errors';
import { engineCacheDirectory } from './cache-directory.js';
import { setUpEngine } from './set-up-engine.js';

try {
  const flavour = process.env.ENGINE ?? 'cpu';
  if (flavour !== 'cpu' && flavour !== 'cuda') {
    throw failure('CONFIG_INVALID', { key: 'ENGINE', value: flavour, allowed: 'cpu or cuda' });
  }
  const { TENSORFLOW_WHEEL: wheelFile, NVIDIA_WHEELS: nvidiaWheelFolder } = process.env;
  await setUpEngine({
    flavour,
    cacheDirectory: engineCacheDirectory(),
    ...(wheelFile === undefined ? {} : { wheelFile }),
    ...(nvidiaWheelFolder === undefined ? {} : { nvidiaWheelFolder }),
    report: (line) => {
      console.log(line);
    },
  });
} catch (error) {
  console.error(toHyperswapError(error).message);
  process.exitCode = 1;
}
