import { createRequire } from 'node:module';

/** Version of the command line. */
export const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
