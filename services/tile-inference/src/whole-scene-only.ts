import { failure } from '@hyperswap/errors';
import type { AdmittedAdapter } from './binding-table.js';

/**
 * Returns an adapter that classifies pixels by their patches.
 *
 * @throws ADAPTER_NEEDS_SCENE when its features are diffused along the walks of a scene: tiles and patches do not have
 *   them
 */
export function requirePatchwise(adapter: AdmittedAdapter): AdmittedAdapter {
  if (adapter.diffusion === undefined) return adapter;
  throw failure('ADAPTER_NEEDS_SCENE', { adapter: adapter.reference });
}
