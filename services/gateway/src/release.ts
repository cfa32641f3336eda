import { readFileSync } from 'node:fs';

/** Release of hyperswap: all packages of a release have the same version. */
export const release = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
