import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Seconds are enough to load all of CUDA from a disk that is not cached. */
const timeout = 120_000;

/**
 * Prints what dlopen says about each argument: nothing, or its reason. Node refuses a library that is no addon after
 * loading it.
 */
const program = `
const { RTLD_LAZY } = require('node:os').constants.dlopen;
const said = process.argv.slice(1).map((library) => {
  try {
    process.dlopen({ exports: {} }, library, RTLD_LAZY);
  } catch ({ message }) {
    return message.includes('did not self-register') ? '' : message;
  }
  return '';
});
process.stdout.write(JSON.stringify(said));`;

/**
 * Loads shared libraries in a process of their own, as the loader of this machine finds them.
 *
 * @param libraries paths, or names that the loader looks for
 * @returns for each library the reason why it does not load; empty where it does
 */
export async function loadErrors(libraries: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, ...libraries], { timeout });
  const said = JSON.parse(stdout) as string[];
  return new Map(libraries.map((library, index) => [library, said[index]!]));
}
