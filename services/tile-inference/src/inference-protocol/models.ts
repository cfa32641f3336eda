import { failure, HyperswapError } from '@hyperswap/errors';
import { parseReference, type AdapterRecord, type AdapterRegistry } from '@hyperswap/registry';
import type { AdmittedAdapter, BindingTable } from '../binding-table.js';

/** Alias that a request without a version means. */
const usualAlias = 'stable';

/** Model as a request names it. */
export interface ModelName {
  /** Name of an adapter, also with its alias or version: `name:alias`, `name@7`. */
  readonly name: string;
  /** Version number; empty: the one that the name means. */
  readonly version: string;
  /** Alias, where the name has none. */
  readonly alias?: string | undefined;
}

/**
 * Models of the Open Inference Protocol: adapters of the served backbone. A request without a version means the alias
 * `stable`, or the newest version that is not retired where there is no such alias.
 */
export class Models {
  /** @param backboneDigest digest of the served backbone */
  constructor(
    private readonly registry: AdapterRegistry,
    private readonly bindings: BindingTable,
    readonly backboneDigest: string,
  ) {}

  /**
   * Returns the version that a request means, for new work.
   *
   * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, NAME_INVALID, FIELD_INVALID
   */
  admit(model: ModelName): Promise<AdmittedAdapter> {
    return meaning(model, (reference) => this.bindings.admit(reference));
  }

  /** Returns the description of a version. @throws ADAPTER_NOT_FOUND, NAME_INVALID, FIELD_INVALID, OBJECT_DAMAGED */
  describe(model: ModelName): Promise<AdapterRecord> {
    return meaning(model, (reference) => this.registry.resolve(reference));
  }

  /**
   * Returns true if a version exists, is not retired and belongs to the served backbone.
   *
   * @throws NAME_INVALID, FIELD_INVALID, OBJECT_DAMAGED
   */
  async isReady(model: ModelName): Promise<boolean> {
    try {
      const { metadata, retired } = await this.describe(model);
      return !retired && metadata.backbone.digest === this.backboneDigest;
    } catch (error) {
      if (HyperswapError.is(error, 'ADAPTER_NOT_FOUND')) return false;
      throw error;
    }
  }

  /**
   * Returns the reference that a pin of a model needs: a version, an alias, or the name for its newest version.
   *
   * @throws as `describe`
   */
  reference(model: ModelName): Promise<string> {
    return meaning(model, async (reference) => {
      await this.registry.resolve(reference);
      return reference;
    });
  }
}

/** Resolves a model: by the alias `stable` first, if the request names neither version nor alias. */
async function meaning<Found>(
  { name, version, alias }: ModelName,
  find: (reference: string) => Promise<Found>,
): Promise<Found> {
  const named = parseReference(name);
  if (version !== '') {
    if (!/^[1-9]\d{0,8}$/.test(version)) {
      const reason = `${version} is no version number; leave it empty for the model's alias ${usualAlias} or its newest version`;
      throw failure('FIELD_INVALID', { field: 'model_version', reason });
    }
    return find(`${named.name}@${version}`);
  }
  if (named.version !== undefined || named.alias !== undefined) return find(name);
  if (alias !== undefined) return find(`${name}:${alias}`);
  try {
    return await find(`${name}:${usualAlias}`);
  } catch (error) {
    if (!HyperswapError.is(error, 'ADAPTER_NOT_FOUND')) throw error;
    return find(name);
  }
}
