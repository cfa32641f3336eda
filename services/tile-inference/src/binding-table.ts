import type { AdapterMetadata } from '@hyperswap/adapter';
import { throwIfAborted, toHyperswapError } from '@hyperswap/errors';
import type { AdapterRegistry } from '@hyperswap/registry';
import { bytesPerWeight, tokenCount, type BackboneConfig, type BackboneDescription } from '@hyperswap/spectralgpt';
import { instruments, withSpan, type Logger, type Reading } from '@hyperswap/telemetry';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import { LRUCache } from 'lru-cache';
import type { TileProgram } from './engine/program.js';
import { orAborted } from './or-aborted.js';

/** Version that a reference resolved to at admission, with the requirements for its tiles. */
export interface AdmittedAdapter extends Pick<
  AdapterMetadata,
  'patchSize' | 'bands' | 'pcaDigest' | 'views' | 'wavelengths' | 'method' | 'pooling' | 'diffusion'
> {
  /** Version, in the form `name@7`. */
  readonly reference: string;
  readonly digest: string;
  /** Number of classes. */
  readonly classes: number;
  /** Components of a score, as the backbone takes them. */
  readonly components: number;
}

/** Bound adapter, in use by any number of tiles. */
export interface BoundAdapter extends AdmittedAdapter {
  readonly bindMilliseconds: number;
  /** Memory of its own tensors in bytes. */
  readonly bytes: number;
}

/** Entry of a binding that is loaded or loading. Its size is an estimate until it is loaded. */
interface Entry {
  /** Version that requested it first; another name may have the same blob. */
  readonly reference: string;
  readonly ready: Promise<BoundAdapter>;
  bound: BoundAdapter | undefined;
  bytes: number;
  /** True from the start of its load: its bytes count against the budget. */
  isPlaced: boolean;
  users: number;
  pins: number;
}

/** Cache of blobs in memory, so that a freed binding can be rebuilt without the store. */
const blobBytes = 64 * 1024 * 1024;
/** Maximum number of version descriptions in memory. */
const knownVersions = 10_000;

export interface BindingTableContext {
  readonly registry: Pick<AdapterRegistry, 'admit' | 'resolve' | 'readBlob'>;
  readonly engine: ProgramClient<TileProgram>;
  /** The served backbone. */
  readonly backbone: Pick<BackboneDescription, 'name' | 'digest' | 'config'> & { readonly precision: Precision };
  /** Memory budget of bindings that are not pinned. */
  readonly budgetBytes: number;
  readonly logger: Logger;
}

/** Returns the memory of a binding that changes two layers of each block, as most adapters do. */
export function usualBindingBytes(config: BackboneConfig, precision: Precision): number {
  const { depth, width } = config;
  const biases = precision === 'int8' ? 4 * tokenCount(config) * width : 0;
  return 2 * depth * (width ** 2 * bytesPerWeight[precision] + biases);
}

/**
 * Cache of the adapters that are bound to this process's backbone. Each adapter is fetched, verified, built and warmed
 * once. Bindings stay within a memory budget: the least recently used one is evicted first, a binding in use never, and
 * a load without room waits until a binding is no longer in use. If more adapters are in use than fit, a binding
 * therefore serves all requests that waited for it before it is evicted. Pinned bindings stay, and do not count against
 * the budget. A failed load is not cached: the next call retries it, and all other bindings keep serving.
 */
export class BindingTable {
  /** Entries by digest, least recently used first. */
  private readonly entries = new Map<string, Entry>();
  /** Loads that wait for room, in order of arrival. */
  private waiting: { readonly entry: Entry; readonly start: () => void }[] = [];
  private readonly blobs = new LRUCache<string, Buffer>({
    maxSize: blobBytes,
    sizeCalculation: ({ length }) => length,
  });
  private readonly known = new LRUCache<string, Omit<AdmittedAdapter, 'reference'>>({ max: knownVersions });
  /** Memory of the last binding, as an estimate for the next: adapters of one backbone have similar sizes. */
  private usualBytes: number;

  constructor(private readonly context: BindingTableContext) {
    const { config, precision } = context.backbone;
    this.usualBytes = usualBindingBytes(config, precision);
  }

  /**
   * Returns the version that a reference means now, without binding it.
   *
   * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, OBJECT_DAMAGED
   */
  async admit(reference: string): Promise<AdmittedAdapter> {
    const { registry, backbone } = this.context;
    const { reference: version, digest } = await registry.admit(reference);
    let known = this.known.get(digest);
    if (known === undefined) {
      const { metadata } = await registry.resolve(version);
      const { patchSize, bands, pcaDigest, views, wavelengths, method, pooling, diffusion } = metadata;
      const sizes = { classes: metadata.classes.length, components: backbone.config.components };
      known = { digest, patchSize, bands, pcaDigest, views, wavelengths, method, pooling, diffusion, ...sizes };
      this.known.set(digest, known);
    }
    return { ...known, reference: version };
  }

  /**
   * Binds an adapter. Every acquired adapter must be released.
   *
   * @param signal cancels only this wait; the load continues for other callers
   * @throws ADAPTER_BACKBONE, ADAPTER_INVALID, OBJECT_DAMAGED; CANCELLED, DEADLINE
   */
  async acquire(adapter: AdmittedAdapter, signal?: AbortSignal): Promise<BoundAdapter> {
    throwIfAborted(signal, 'Waiting for an adapter');
    const entry = this.use(adapter);
    entry.users += 1;
    try {
      return await orAborted(entry.ready, signal, 'Waiting for an adapter');
    } catch (error) {
      this.leave(adapter.digest, entry);
      throw error;
    }
  }

  /** Releases an acquired adapter. */
  release({ digest }: BoundAdapter): void {
    const entry = this.entries.get(digest);
    if (entry !== undefined) this.leave(digest, entry);
  }

  /**
   * Binds an adapter and keeps it bound, outside the budget.
   *
   * @throws errors of `admit` and `acquire`
   */
  async pin(reference: string): Promise<BoundAdapter> {
    const adapter = await this.admit(reference);
    const entry = this.use(adapter);
    entry.pins += 1;
    // A pinned adapter does not wait for room.
    this.startWaiting();
    try {
      return await entry.ready;
    } catch (error) {
      entry.pins -= 1;
      throw error;
    }
  }

  /** Unpins an adapter. */
  unpin({ digest }: BoundAdapter): void {
    const entry = this.entries.get(digest);
    if (entry === undefined) return;
    entry.pins -= 1;
    this.settle();
  }

  /** Binds an adapter ahead of its first tile. A failure is logged; callers that acquire the adapter get the error. */
  async prefetch(reference: string): Promise<void> {
    try {
      this.release(await this.acquire(await this.admit(reference)));
    } catch (error) {
      this.context.logger.warn({ err: error, adapter: reference }, 'an adapter could not be made ready');
    }
  }

  /** Adapters that are bound now. */
  bound(): BoundAdapter[] {
    return [...this.entries.values()].flatMap(({ bound }) => (bound === undefined ? [] : [bound]));
  }

  /** Returns true if a version of a name is bound or loading. */
  serves(name: string): boolean {
    for (const { reference } of this.entries.values()) if (reference.startsWith(`${name}@`)) return true;
    return false;
  }

  /** Returns the numbers of bound and loading adapters, for metrics. */
  states(): Reading[] {
    const bound = this.bound().length;
    return [
      [bound, { state: 'bound' }],
      [this.entries.size - bound, { state: 'loading' }],
    ];
  }

  /** Returns the entry of an adapter and marks it as most recently used; starts the load if there is no entry. */
  private use(adapter: AdmittedAdapter): Entry {
    const { digest } = adapter;
    const known = this.entries.get(digest);
    instruments().lookups.add(1, { result: known?.bound === undefined ? 'miss' : 'hit' });
    const entry = known ?? this.load(adapter);
    this.entries.delete(digest);
    this.entries.set(digest, entry);
    return entry;
  }

  private load(adapter: AdmittedAdapter): Entry {
    let start: () => void = () => undefined;
    const placed = new Promise<void>((resolve) => {
      start = resolve;
    });
    const entry: Entry = {
      reference: adapter.reference,
      ready: placed.then(() =>
        withSpan('bind', { attributes: { adapter: adapter.reference } }, () => this.bind(adapter)),
      ),
      bound: undefined,
      bytes: this.usualBytes,
      isPlaced: false,
      users: 0,
      pins: 0,
    };
    entry.ready.then(
      (bound) => {
        entry.bound = bound;
        entry.bytes = bound.bytes;
        this.usualBytes = bound.bytes;
        this.settle();
      },
      (error: unknown) => {
        instruments().bindFailures.add(1, { code: toHyperswapError(error).code });
        this.forget(adapter.digest, entry);
        this.startWaiting();
      },
    );
    this.entries.set(adapter.digest, entry);
    this.waiting.push({ entry, start });
    this.startWaiting();
    return entry;
  }

  /** Starts waiting loads that fit, in order of arrival. Loads of pinned adapters need no room. */
  private startWaiting(): void {
    for (const waiting of [...this.waiting]) {
      const { entry, start } = waiting;
      if (entry.pins === 0 && (waiting !== this.waiting[0] || !this.makeRoom(entry.bytes))) continue;
      this.waiting = this.waiting.filter((other) => other !== waiting);
      entry.isPlaced = true;
      start();
    }
  }

  /**
   * Evicts unused bindings if that makes enough room. A binding that is larger than the budget may use all of it.
   *
   * @returns true if they fit
   */
  private makeRoom(bytes: number): boolean {
    const { budgetBytes } = this.context;
    const inUse = this.countedBytes(({ users, bound }) => users > 0 || bound === undefined);
    if (inUse > 0 && inUse + bytes > budgetBytes) return false;
    this.freeIdle(budgetBytes - bytes);
    return true;
  }

  /** Evicts unused bindings, least recently used first, until the counted bytes are below a bound. */
  private freeIdle(below: number): void {
    let used = this.countedBytes(() => true);
    for (const [digest, { users, pins, bound, bytes }] of this.entries) {
      if (used <= below) return;
      if (users > 0 || pins > 0 || bound === undefined) continue;
      used -= bytes;
      instruments().freed.add(1);
      this.entries.delete(digest);
      void this.context.engine.call('unbind', { digest }, { urgent: true }).catch((error: unknown) => {
        this.context.logger.warn({ err: error, digest }, 'an adapter could not be freed');
      });
    }
  }

  private countedBytes(isCounted: (entry: Entry) => boolean): number {
    let sum = 0;
    for (const entry of this.entries.values()) {
      if (entry.isPlaced && entry.pins === 0 && isCounted(entry)) sum += entry.bytes;
    }
    return sum;
  }

  /** Reacts to a binding that is no longer in use, or is larger than estimated. */
  private settle(): void {
    this.freeIdle(this.context.budgetBytes);
    this.startWaiting();
  }

  private leave(digest: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && entry.pins === 0 && !entry.isPlaced) {
      // No caller waits for it any more.
      this.waiting = this.waiting.filter((waiting) => waiting.entry !== entry);
      this.forget(digest, entry);
    }
    this.settle();
  }

  private forget(digest: string, entry: Entry): void {
    if (this.entries.get(digest) === entry) this.entries.delete(digest);
  }

  private async bind(adapter: AdmittedAdapter): Promise<BoundAdapter> {
    const { engine, backbone, logger } = this.context;
    const { reference, digest } = adapter;
    const start = performance.now();
    const blob = await this.blob(adapter);
    const { digest: backboneDigest, precision } = backbone;
    // Urgent, before waiting batches: a swap takes a fraction of the time of a batch.
    const bytes = await engine.call('bind', { reference, digest, blob, backboneDigest, precision }, { urgent: true });
    const bindMilliseconds = performance.now() - start;
    instruments().binds.record(bindMilliseconds / 1000);
    logger.info({ adapter: reference, milliseconds: Math.round(bindMilliseconds) }, 'adapter ready');
    return { ...adapter, bindMilliseconds, bytes };
  }

  private async blob({ reference, digest }: AdmittedAdapter): Promise<Buffer> {
    const known = this.blobs.get(digest);
    if (known !== undefined) return known;
    const blob = await this.context.registry.readBlob(reference);
    this.blobs.set(digest, blob);
    return blob;
  }
}
