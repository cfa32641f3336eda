import { homedir } from 'node:os';
import path from 'node:path';

/** Where built engines and what was measured of them are kept: `HYPERSWAP_ENGINE_CACHE`, else `hyperswap/engine` in the user's cache folder. */
export function engineCacheDirectory(): string {
  const userCache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  return process.env.HYPERSWAP_ENGINE_CACHE ?? path.join(userCache, 'hyperswap', 'engine');
}
