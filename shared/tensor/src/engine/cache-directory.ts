import { homedir } from 'node:os';
import path from 'node:path';

/**
 * Folder of built engines and their measurements: `HYPERSWAP_ENGINE_CACHE`, or `hyperswap/engine` in the user's cache
 * folder by default.
 */
export function engineCacheDirectory(): string {
  const userCache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  return process.env.HYPERSWAP_ENGINE_CACHE ?? path.join(userCache, 'hyperswap', 'engine');
}
