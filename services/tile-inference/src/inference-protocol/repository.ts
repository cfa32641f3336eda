import type { openInference } from '@hyperswap/proto';
import { parseReference, type AdapterRegistry } from '@hyperswap/registry';
import type { BindingTable } from '../binding-table.js';
import type { Models } from './models.js';

export interface RepositoryContext {
  readonly registry: AdapterRegistry;
  readonly bindings: BindingTable;
  readonly models: Models;
}

/** Fields that both definitions of loading and unloading have. KServe's has the model's name in the first field. */
interface ModelRequest {
  readonly repositoryName: string;
  readonly modelName: string;
  readonly parameters: Readonly<Record<string, openInference.ModelRepositoryParameter>>;
}

/** Returns all versions. Retired ones are UNAVAILABLE. @param ready leaves them out */
export async function repositoryIndex(
  { registry }: Pick<RepositoryContext, 'registry'>,
  ready: boolean,
): Promise<openInference.RepositoryIndexResponse> {
  const versions = await registry.versions();
  return {
    models: versions
      .filter(({ retired }) => !ready || !retired)
      .map(({ name, version, retired }) => ({
        name,
        version: String(version),
        state: retired ? 'UNAVAILABLE' : 'READY',
        reason: retired ? 'retired' : '',
      })),
  };
}

/**
 * Binds a model in this process, then pins it, so that all processes keep it bound. The parameter `version` names a
 * version.
 *
 * @returns the model's name
 * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, ADAPTER_BACKBONE, FIELD_INVALID; CANCELLED, DEADLINE
 */
export async function loadModel(
  { registry, bindings, models }: RepositoryContext,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<string> {
  const { name, version } = modelOf(request);
  const reference = await models.reference({ name, version });
  bindings.release(await bindings.acquire(await bindings.admit(reference), signal));
  await registry.setPinned(reference, true);
  return name;
}

/**
 * Removes all pins of a model, or the pin of the named version or alias.
 *
 * @returns the model's name
 * @throws ADAPTER_NOT_FOUND, FIELD_INVALID
 */
export async function unloadModel(
  { registry, models }: Pick<RepositoryContext, 'registry' | 'models'>,
  request: ModelRequest,
): Promise<string> {
  const { name, version } = modelOf(request);
  const named = parseReference(name);
  if (version === '' && named.version === undefined && named.alias === undefined) await registry.unpinAll(name);
  else await registry.setPinned(await models.reference({ name, version }), false);
  return name;
}

function modelOf({ repositoryName, modelName, parameters }: ModelRequest): { name: string; version: string } {
  const given = Object.hasOwn(parameters, 'version') ? parameters.version?.parameterChoice?.value : undefined;
  const version = typeof given === 'string' || typeof given === 'number' ? String(given) : '';
  return { name: modelName === '' ? repositoryName : modelName, version };
}
