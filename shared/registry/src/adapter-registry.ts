/**
 * Registry of adapters. The blob and its manifest are objects, written once. Versions, aliases and retirement are small
 * shared state, changed by compare-and-swap. The publisher writes blob, manifest and state, in this order, so that
 * every visible version is complete.
 */
import type { KeyObject } from 'node:crypto';
import { blobDigest, readAdapterSteps, validateAgainstBackbone, type Adapter } from '@hyperswap/adapter';
import { failure, HyperswapError, toHyperswapError, validateName } from '@hyperswap/errors';
import { adapterStatement, whyNotSigned, type Signature } from '@hyperswap/keys';
import { checkClasses } from '@hyperswap/map';
import { changeValue, type Bus, type KeyValue, type ValuePage } from '@hyperswap/messaging';
import { inTurns } from '@hyperswap/safetensors';
import { isDigestOf } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import { describe, type AdapterRecord } from './adapter-record.js';
import { meantBy, nextVersion, readAdapterState, type AdapterState, type VersionState } from './adapter-state.js';
import type { Backbones } from './backbones.js';
import { blobKey, describeVersion, manifestKey, type Lineage } from './manifest.js';
import { Manifests } from './manifests.js';
import { parseReference } from './reference.js';
import { VersionPage, type AdapterPage, type NamedVersion } from './version-page.js';

/** Subject of the event that a new version makes; its content is `name@version`. */
export const adapterPublished = 'adapter.published';

/** Version in the shared state. */
export interface VersionInfo {
  readonly name: string;
  readonly version: number;
  readonly retired: boolean;
}

export interface PublishOptions {
  readonly origin: Lineage['origin'];
  readonly signature?: Signature;
}

/** Trusted public keys by id. Signatures by other keys are refused. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** Objects that are read at once. */
const readsAtOnce = 32;
/** Number of names whose versions are read together. */
const statesAtOnce = 500;

export class AdapterRegistry {
  private readonly states: KeyValue<AdapterState>;
  private readonly manifests: Manifests;

  /** @param trustedKeys undefined: signatures are not asked for */
  constructor(
    private readonly store: ObjectStore,
    private readonly bus: Bus,
    private readonly backbones: Backbones,
    private readonly trustedKeys?: TrustedKeys,
  ) {
    this.manifests = new Manifests(store);
    this.states = bus.keyValue('adapters', readAdapterState);
  }

  /**
   * Makes a blob the next version of a name, after all checks that binding it makes: a version that is registered can
   * be bound.
   *
   * @param file named in errors
   * @throws NAME_INVALID, ADAPTER_INVALID, CLASSES_INVALID, ADAPTER_BACKBONE_UNKNOWN, ADAPTER_OUTDATED, ADAPTER_EXISTS
   * when the name has this very blob, SIGNATURE_INVALID, STORE_FULL
   */
  async publish(
    name: string,
    file: string,
    blob: Uint8Array,
    { origin, signature }: PublishOptions,
  ): Promise<AdapterRecord> {
    validateName('Adapter name', name);
    const adapter = await inTurns(readAdapterSteps(file, blob));
    checkClasses(adapter.metadata.classes);
    await this.requireBindable(file, adapter);
    const digest = await blobDigest(blob);
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
   * The version a reference means now: `name@7` that one, `name:alias` the alias's, `name` the newest that is not
   * retired.
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
   * Versions in the order of their names and numbers: as many as asked for, or fewer that fit a message.
   *
   * @param after the last version of the page before, in the form `name@7`; empty for the first page
   * @throws NAME_INVALID, ADAPTER_NOT_FOUND when `after` is no version
   */
  async list(after: string, versions: number): Promise<AdapterPage> {
    const { name: first, version: lastVersion = 0 } = after === '' ? { name: '' } : parseReference(after);
    const page = new VersionPage(versions, after);
    const spoilt: string[] = [];
    for (let from: string | undefined = first; from !== undefined && !page.isFull;) {
      const states: ValuePage<AdapterState> = await this.states.page(from, statesAtOnce);
      spoilt.push(...states.damaged.filter((name) => name !== first));
      const wanted = states.entries
        .flatMap(({ key: name, value: state }) => state.versions.map((version) => ({ name, state, version })))
        .filter(({ name, version }) => name !== first || version.version > lastVersion);
      await this.fill(page, wanted);
      from = states.next;
    }
    const last = page.isFull ? parseReference(page.last).name : undefined;
    const names = spoilt.filter((name) => last === undefined || name < last);
    const damaged = (await Promise.all(names.map((name) => this.damageOf(name)))).filter(
      (found) => found !== undefined,
    );
    return { records: page.records, next: page.isFull ? page.last : '', damaged: [...page.damaged, ...damaged] };
  }

  /** Adds versions to a page until it is full. */
  private async fill(page: VersionPage, wanted: readonly NamedVersion[]): Promise<void> {
    for (let first = 0; first < wanted.length; first += readsAtOnce) {
      const some = wanted.slice(first, first + readsAtOnce);
      const read = await Promise.allSettled(some.map(({ name, version }) => this.manifests.read(name, version)));
      for (const [index, version] of some.entries()) {
        page.add(version, read[index]!);
        if (page.isFull) return;
      }
    }
  }

  /**
   * Returns a name with the reason why its state cannot be read; undefined if it was repaired or deleted in the
   * meantime.
   */
  private async damageOf(name: string): Promise<AdapterPage['damaged'][number] | undefined> {
    try {
      await this.states.get(name);
      return undefined;
    } catch (error) {
      return { name, error: toHyperswapError(error) };
    }
  }

  /** Returns all versions of all names, or those of one, in order, from the shared state alone. */
  async versions(name?: string): Promise<VersionInfo[]> {
    const states =
      name === undefined
        ? await this.states.list()
        : [await this.states.get(name)].flatMap((found) =>
            found === undefined ? [] : [{ key: name, value: found.value }],
          );
    return states
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .flatMap(({ key, value }) => value.versions.map(({ version, retired }) => ({ name: key, version, retired })));
  }

  /**
   * The blob of a version.
   *
   * @throws ADAPTER_NOT_FOUND, OBJECT_DAMAGED when it is not the one that was published, SIGNATURE_INVALID
   */
  async readBlob(reference: string): Promise<Buffer> {
    const { name, version } = await this.locate(reference);
    if (this.trustedKeys !== undefined) {
      const { signature } = (await this.manifests.read(name, version)).manifest;
      this.requireSignature(reference, name, version.digest, signature);
    }
    const key = blobKey(name, version.version);
    const blob = await this.store.get(key);
    if ((await blobDigest(blob)) !== version.digest) {
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
   * Pins a reference: every pod keeps its version bound. `name@7` pins that version, `name:alias` the current version
   * of the alias, `name` the newest version.
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

  /** Removes all pins of a name: of versions, of aliases and of the newest version. @throws ADAPTER_NOT_FOUND */
  async unpinAll(name: string): Promise<void> {
    await this.locate(name);
    await this.change(name, (state) => ({ ...state, pins: [] }));
  }

  /** Returns the versions that pods keep bound, in the form `name@7`. */
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

  /**
   * Deletes retired versions that no alias or pin refers to: their state first, so that no reader finds an incomplete
   * version.
   *
   * @returns the deleted versions, in the form `name@7`
   */
  async collectGarbage(): Promise<string[]> {
    const collected: string[] = [];
    for (const { key: name, value } of await this.states.list()) {
      if (!value.versions.some(({ retired }) => retired)) continue;
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

  /** Calls back when a name's state changes, here or in another process; returns a function that stops the watch. */
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

  /** @throws SIGNATURE_INVALID if keys are configured and none of them signed it */
  private requireSignature(adapter: string, name: string, digest: string, signature: Signature | undefined): void {
    if (this.trustedKeys === undefined) return;
    const reason = whyNotSigned(this.trustedKeys, adapterStatement(name, digest), signature);
    if (reason !== undefined) throw failure('SIGNATURE_INVALID', { adapter, reason });
  }

  /**
   * Checks an adapter against the backbone that it names.
   *
   * @throws ADAPTER_INVALID, ADAPTER_OUTDATED; ADAPTER_BACKBONE_UNKNOWN when the store has no such backbone
   */
  private async requireBindable(file: string, adapter: Adapter): Promise<void> {
    const { name, digest } = adapter.metadata.backbone;
    const { described: known } = await this.backbones.describeAll(await this.backbones.names());
    // The check itself tells of an adapter that names a backbone's weights without its config.
    const backbone =
      known.find((candidate) => isDigestOf(digest, candidate)) ??
      known.find(({ weightsDigest }) => weightsDigest === digest);
    if (backbone === undefined) {
      const available = known.map((candidate) => candidate.name).join(', ') || 'none';
      const wanted = `${name} (${digest.slice(0, 12)})`;
      throw failure('ADAPTER_BACKBONE_UNKNOWN', { adapter: file, wanted, available });
    }
    validateAgainstBackbone(file, adapter, backbone);
  }

  private async record(name: string, state: AdapterState, version: VersionState): Promise<AdapterRecord> {
    const { manifest } = await this.manifests.read(name, version);
    return describe(name, state, version, manifest);
  }

  /** Writes the blob under the first free version. A number that a crashed publisher took is skipped. */
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

  /** Changes a name's state by compare-and-swap, and retries if another process was faster. */
  private async change(name: string, next: (state: AdapterState) => AdapterState): Promise<void> {
    await changeValue(this.states, name, (state = { versions: [], aliases: {} }) => next(state));
  }
}
