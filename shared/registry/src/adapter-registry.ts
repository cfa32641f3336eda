/**
 * Which adapters there are. The blob and its manifest are objects, written once; which versions exist, their aliases and whether they
 * are retired is small shared state, changed by compare-and-swap. The publisher writes blob, manifest, state, in that order, so that
 * whoever sees a version finds all of it.
 */
import { blobDigest, learnedParameterCount, readAdapter, type Adapter, type AdapterMetadata } from '@hyperswap/adapter';
import { failure, HyperswapError, validateName } from '@hyperswap/errors';
import { changeValue, type Bus, type KeyValue, type Revisioned } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { parseReference, type AdapterReference } from './reference.js';

interface VersionState {
  readonly version: number;
  /** sha-256 of the blob. */
  readonly digest: string;
  readonly retired: boolean;
}

/** The shared state of one name. */
export interface AdapterState {
  readonly versions: readonly VersionState[];
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, number>>;
  /** What pods keep ready: `@7` a version, `:stable` whatever the alias means, an empty text the newest. */
  readonly pins?: readonly string[];
  /** Highest version that ever was: the number of one that was cleared away is not given again. */
  readonly highest?: number;
}

interface Manifest {
  readonly digest: string;
  readonly bytes: number;
  /** Learned values, head included. */
  readonly parameters: number;
  readonly metadata: AdapterMetadata;
}

/** One version with all that is known of it. */
export interface AdapterRecord extends Manifest {
  readonly name: string;
  readonly version: number;
  readonly aliases: readonly string[];
  /** Pins that mean this version now. */
  readonly pins: readonly string[];
  readonly retired: boolean;
}

/** Subject of the event that a new version makes; its content is `name@version`. */
export const adapterPublished = 'adapter.published';

export class AdapterRegistry {
  private readonly states: KeyValue<AdapterState>;

  constructor(
    private readonly store: ObjectStore,
    private readonly bus: Bus,
  ) {
    this.states = bus.keyValue<AdapterState>('adapters');
  }

  /**
   * Makes a blob the next version of a name.
   *
   * @param file named in errors
   * @throws NAME_INVALID, ADAPTER_INVALID, ADAPTER_EXISTS when the name has this very blob, STORE_FULL
   */
  async publish(name: string, file: string, blob: Uint8Array): Promise<AdapterRecord> {
    validateName('Adapter name', name);
    const adapter = readAdapter(file, blob);
    const digest = blobDigest(blob);
    const before = await this.states.get(name);
    const refuseTwin = (versions: readonly VersionState[]): void => {
      const twin = versions.find((version) => version.digest === digest);
      if (twin !== undefined) {
        throw failure('ADAPTER_EXISTS', { adapter: file, existing: `${name}@${twin.version}` });
      }
    };
    refuseTwin(before?.value.versions ?? []);
    const version = await this.writeBlob(name, nextVersion(before), blob);
    await this.store.put(manifestKey(name, version), Buffer.from(JSON.stringify(describe(adapter, blob, digest))));
    await this.change(name, (state) => {
      // Written by an attempt whose answer was lost.
      if (state.versions.some((known) => known.version === version && known.digest === digest)) return state;
      // Another publisher of the same blob may have been faster.
      refuseTwin(state.versions);
      const versions = [...state.versions, { version, digest, retired: false }];
      const highest = Math.max(version, state.highest ?? 0);
      return { ...state, versions: versions.sort((a, b) => a.version - b.version), highest };
    });
    await this.bus.events.publish(adapterPublished, `${name}@${version}`);
    return this.resolve(`${name}@${version}`);
  }

  /**
   * The version a reference means now: `name@7` that one, `name:alias` the alias's, `name` the newest that is not retired.
   *
   * @throws ADAPTER_NOT_FOUND
   */
  async resolve(reference: string): Promise<AdapterRecord> {
    const { name, state, version } = await this.locate(reference);
    return this.record(name, state, version);
  }

  /** The version of a name that has this very blob; undefined when there is none. */
  async findByDigest(name: string, digest: string): Promise<AdapterRecord | undefined> {
    const state = (await this.states.get(name))?.value;
    const found = state?.versions.find((version) => version.digest === digest);
    return state && found && this.record(name, state, found);
  }

  /**
   * Like `resolve`, for new work: by digest alone, without reading the manifest.
   *
   * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED
   */
  async admit(reference: string): Promise<{ readonly reference: string; readonly digest: string }> {
    const { name, version } = await this.locate(reference);
    if (version.retired) throw failure('ADAPTER_RETIRED', { adapter: `${name}@${version.version}` });
    return { reference: `${name}@${version.version}`, digest: version.digest };
  }

  async list(): Promise<AdapterRecord[]> {
    const states = await this.states.list();
    const records = states.map(({ key, value }) =>
      Promise.all(value.versions.map((version) => this.record(key, value, version))),
    );
    return (await Promise.all(records)).flat();
  }

  /** The blob of a version. @throws ADAPTER_NOT_FOUND, OBJECT_DAMAGED when it is not the one that was published */
  async readBlob(reference: string): Promise<Buffer> {
    const { name, version } = await this.locate(reference);
    const key = blobKey(name, version.version);
    const blob = await this.store.get(key);
    if (blobDigest(blob) !== version.digest) {
      throw failure('OBJECT_DAMAGED', { key, reason: `its sha-256 is not ${version.digest}` });
    }
    return blob;
  }

  /** Points an alias at a version, creating it when needed. @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, NAME_INVALID */
  async setAlias(reference: string, alias: string): Promise<AdapterRecord> {
    validateName('Alias', alias);
    const { name, version } = await this.locate(reference);
    if (version.retired) throw failure('ADAPTER_RETIRED', { adapter: reference });
    await this.change(name, (state) => ({ ...state, aliases: { ...state.aliases, [alias]: version.version } }));
    return this.resolve(`${name}@${version.version}`);
  }

  /** A retired version takes no new work; its blob stays. @throws ADAPTER_NOT_FOUND */
  async setRetired(reference: string, retired: boolean): Promise<AdapterRecord> {
    const { name, version: wanted } = await this.locate(reference);
    await this.change(name, (state) => ({
      ...state,
      versions: state.versions.map((version) =>
        version.version === wanted.version ? { ...version, retired } : version,
      ),
    }));
    return this.resolve(`${name}@${wanted.version}`);
  }

  /**
   * Keeps what a reference means ready on every pod, from now on: `name@7` that version, `name:alias` whatever the alias comes to mean, `name` the newest.
   *
   * @throws ADAPTER_NOT_FOUND when it means nothing now
   */
  async setPinned(reference: string, pinned: boolean): Promise<AdapterRecord> {
    const { name, version } = await this.locate(reference);
    const pin = reference.slice(name.length);
    await this.change(name, (state) => {
      const others = (state.pins ?? []).filter((known) => known !== pin);
      return { ...state, pins: pinned ? [...others, pin] : others };
    });
    return this.resolve(`${name}@${version.version}`);
  }

  /** The versions that pods keep ready, as `name@7` with their digests. */
  async desired(): Promise<{ readonly reference: string; readonly digest: string }[]> {
    const found = new Map<string, string>();
    for (const { key: name, value: state } of await this.states.list()) {
      for (const pin of state.pins ?? []) {
        const version = meantBy(state, parseReference(`${name}${pin}`));
        if (version !== undefined && !version.retired) found.set(`${name}@${version.version}`, version.digest);
      }
    }
    return [...found].map(([reference, digest]) => ({ reference, digest }));
  }

  /** Clears away retired versions that no alias or pin names: their state first, so that nobody finds half of one. @returns what went, as `name@7` */
  async collectGarbage(): Promise<string[]> {
    const collected: string[] = [];
    for (const { key: name } of await this.states.list()) {
      let gone: readonly VersionState[] = [];
      await this.change(name, (state) => {
        const named = new Set([
          ...Object.values(state.aliases),
          ...(state.pins ?? []).map((pin) => Number(pin.slice(1))),
        ]);
        gone = state.versions.filter(({ version, retired }) => retired && !named.has(version));
        if (gone.length === 0) return state;
        const versions = state.versions.filter((version) => !gone.includes(version));
        return {
          ...state,
          versions,
          highest: Math.max(state.highest ?? 0, ...state.versions.map(({ version }) => version)),
        };
      });
      for (const { version } of gone) {
        await this.store.delete(manifestKey(name, version));
        await this.store.delete(blobKey(name, version));
        collected.push(`${name}@${version}`);
      }
    }
    return collected;
  }

  /** Calls back when a name's state changes, here or in another process; returns the way to stop. */
  watch(onChange: (name: string, state: AdapterState) => void): () => void {
    return this.states.watch(({ key, value }) => {
      onChange(key, value);
    });
  }

  private async locate(reference: string): Promise<{ name: string; state: AdapterState; version: VersionState }> {
    const parsed = parseReference(reference);
    const { name } = parsed;
    const state = (await this.states.get(name))?.value;
    const found = state && meantBy(state, parsed);
    if (state === undefined || found === undefined) throw failure('ADAPTER_NOT_FOUND', { adapter: reference });
    return { name, state, version: found };
  }

  private async record(name: string, state: AdapterState, { version, retired }: VersionState): Promise<AdapterRecord> {
    const manifest = JSON.parse((await this.store.get(manifestKey(name, version))).toString('utf8')) as Manifest;
    const aliases = Object.keys(state.aliases).filter((alias) => state.aliases[alias] === version);
    const pins = (state.pins ?? []).filter(
      (pin) => meantBy(state, parseReference(`${name}${pin}`))?.version === version,
    );
    return { ...manifest, name, version, retired, aliases, pins };
  }

  /** Writes the blob under the first free version; a number taken by a publisher that died in between is passed over. */
  private async writeBlob(name: string, first: number, blob: Uint8Array): Promise<number> {
    for (let version = first; ; version++) {
      try {
        await this.store.put(blobKey(name, version), blob, { onlyIfAbsent: true });
        return version;
      } catch (error) {
        if (!(error instanceof HyperswapError) || error.code !== 'OBJECT_EXISTS') throw error;
      }
    }
  }

  /** Changes a name's state, again when another process was faster. */
  private async change(name: string, next: (state: AdapterState) => AdapterState): Promise<void> {
    await changeValue(this.states, name, (state = { versions: [], aliases: {} }) => next(state));
  }
}

/** The version that a reference means in a state of its name. */
function meantBy(state: AdapterState, { version, alias }: AdapterReference): VersionState | undefined {
  if (alias === undefined && version === undefined) {
    return state.versions.findLast(({ retired }) => !retired) ?? state.versions.at(-1);
  }
  const wanted = alias === undefined ? version : state.aliases[alias];
  return state.versions.find((candidate) => candidate.version === wanted);
}

function nextVersion(state: Revisioned<AdapterState> | undefined): number {
  return Math.max(state?.value.highest ?? 0, state?.value.versions.at(-1)?.version ?? 0) + 1;
}

function describe(adapter: Adapter, blob: Uint8Array, digest: string): Manifest {
  const parameters = learnedParameterCount(adapter);
  return { digest, bytes: blob.byteLength, parameters, metadata: adapter.metadata };
}

function blobKey(name: string, version: number): string {
  return `adapters/${name}/${version}/adapter.safetensors`;
}

function manifestKey(name: string, version: number): string {
  return `adapters/${name}/${version}/manifest.json`;
}
