/** `make setup`: sets up the engine. The environment chooses it, as `setUpChosenEngine` describes. */
import { toHyperswapError } from '@hyperswap/errors';
import { setUpChosenEngine } from './ready-engine.js';

try {
  await setUpChosenEngine((line) => {
    console.log(line);
  });
} catch (error) {
  console.error(toHyperswapError(error).message);
  process.exitCode = 1;
}
