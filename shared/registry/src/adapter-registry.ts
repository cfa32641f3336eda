/**
 * Which adapters there are. The blob and its manifest are objects, written once; which versions exist, their aliases and whether they
 * are retired is small shared state, changed by compare-and-swap. The publisher writes blob, manifest, state, in that order, so that
 * whoever sees a version finds all of it.
 */
import type { KeyObject } from 'node:crypto';
import { blobDigest, readAdapter } from '@hyperswap/adapter';
import { failure, HyperswapError, validateName } from '@hyperswap/errors';
import { adapterStatement, whyNotSigned, type Signature } from '@hyperswap/keys';
import { changeValue, type Bus, type KeyValue } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { LRUCache } from 'lru-cache';
import { meantBy, nextVersion, type AdapterState, type VersionState } from './adapter-state.js';
import { blobKey, describeVersion, manifestKey, type Lineage, type Manifest } from './manifest.js';
import { parseReference } from './reference.js';

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

export interface PublishOptions {
  readonly origin: Lineage['origin'];
  readonly signature?: Signature;
}

/** Some adapters, in the order of their names. */
export interface AdapterPage {
  readonly records: readonly AdapterRecord[];
  /** The last name; empty when there are no more. */
  readonly next: string;
}

/** Public keys by id; those who sign with others are not believed. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** Manifests never change, so that those read once need not be read again; some kB each. */
const cachedManifests = 20_000;
/** Objects that are read at once. */
const readsAtOnce = 32;

export class AdapterRegistry {
  private readonly states: KeyValue<AdapterState>;
  /** By key and digest: a name that was deleted with its store may be given to another blob. */
  private readonly manifests = new LRUCache<string, Manifest>({ max: cachedManifests });

  /** @param trustedKeys undefined: signatures are not asked for */
  constructor(
    private readonly store: ObjectStore,
    private readonly bus: Bus,
    private readonly trustedKeys?: TrustedKeys,
  ) {
    this.states = bus.keyValue<AdapterState>('adapters');
  }

  /**
   * Makes a blob the next version of a name.
   *
   * @param file named in errors
   * @throws NAME_INVALID, ADAPTER_INVALID, ADAPTER_EXISTS when the name has this very blob, SIGNATURE_INVALID, STORE_FULL
   */
  async publish(
    name: string,
    file: string,
    blob: Uint8Array,
    { origin, signature }: PublishOptions,
  ): Promise<AdapterRecord> {
    validateName('Adapter name', name);
    const adapter = readAdapter(file, blob);
    const digest = blobDigest(blob);
    this.requireSignature(file, name, digest, signature);
    const before = await this.states.get(name);
    const refuseTwin = (versions: readonly VersionState[]): void => {
      const twin = versions.find((version) => version.digest === digest);
      if (twin !== undefined) {
        throw failure('ADAPTER_EXISTS', { adapter: file, existing: `${name}@${twin.version}` });
      }
    };
    refuseTwin(before?.value.versions ?? []);
    const version = await this.writeBlob(name, nextVersion(before?.value), blob);
    const superseded = before && meantBy(before.value, { name });
    const lineage: Lineage = {
      origin,
      publishedAt: new Date().toISOString(),
      ...(superseded && { supersedes: `${name}@${superseded.version}` }),
    };
    const manifest = describeVersion(adapter, blob, digest, lineage, signature);
    await this.store.put(manifestKey(name, version), Buffer.from(JSON.stringify(manifest)));
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

  /**
   * All versions of some names, in the order of the names.
   *
   * @param after the last name of the page before; empty for the first
   * @param names how many
   */
  async list(after: string, names: number): Promise<AdapterPage> {
    const all = (await this.states.list()).filter(({ key }) => key > after);
    const page = all.slice(0, names);
    const wanted = page.flatMap(({ key, value }) => value.versions.map((version) => ({ key, value, version })));
    const records: AdapterRecord[] = [];
    for (let first = 0; first < wanted.length; first += readsAtOnce) {
      const some = wanted.slice(first, first + readsAtOnce);
      records.push(...(await Promise.all(some.map(({ key, value, version }) => this.record(key, value, version)))));
    }
    return { records, next: all.length > page.length ? page.at(-1)!.key : '' };
  }

  /**
   * The blob of a version.
   *
   * @throws ADAPTER_NOT_FOUND, OBJECT_DAMAGED when it is not the one that was published, SIGNATURE_INVALID
   */
  async readBlob(reference: string): Promise<Buffer> {
    const { name, version } = await this.locate(reference);
    if (this.trustedKeys !== undefined) {
      const { signature } = await this.manifest(name, version);
      this.requireSignature(reference, name, version.digest, signature);
    }
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

  /** The versions that pods keep ready, as `name@7`. */
  async desired(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (const { key: name, value: state } of await this.states.list()) {
      for (const pin of state.pins ?? []) {
        const version = meantBy(state, parseReference(`${name}${pin}`));
        if (version !== undefined && !version.retired) found.add(`${name}@${version.version}`);
      }
    }
    return found;
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

  /** @throws SIGNATURE_INVALID where keys are configured and none of them signed it */
  private requireSignature(adapter: string, name: string, digest: string, signature: Signature | undefined): void {
    if (this.trustedKeys === undefined) return;
    const reason = whyNotSigned(this.trustedKeys, adapterStatement(name, digest), signature);
    if (reason !== undefined) throw failure('SIGNATURE_INVALID', { adapter, reason });
  }

  private async manifest(name: string, { version, digest }: VersionState): Promise<Manifest> {
    const key = manifestKey(name, version);
    const known = this.manifests.get(`${key} ${digest}`);
    if (known !== undefined) return known;
    const manifest = JSON.parse((await this.store.get(key)).toString('utf8')) as Manifest;
    this.manifests.set(`${key} ${digest}`, manifest);
    return manifest;
  }

  private async record(name: string, state: AdapterState, versionState: VersionState): Promise<AdapterRecord> {
    const { version, retired } = versionState;
    const manifest = await this.manifest(name, versionState);
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
        if (!HyperswapError.is(error, 'OBJECT_EXISTS')) throw error;
      }
    }
  }

  /** Changes a name's state, again when another process was faster. */
  private async change(name: string, next: (state: AdapterState) => AdapterState): Promise<void> {
    await changeValue(this.states, name, (state = { versions: [], aliases: {} }) => next(state));
  }
}
