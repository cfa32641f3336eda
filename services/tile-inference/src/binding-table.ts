import type { AdapterMetadata } from '@hyperswap/adapter';
import { throwIfAborted, toHyperswapError } from '@hyperswap/errors';
import type { AdapterRegistry } from '@hyperswap/registry';
import { bytesPerWeight, tokenCount, type BackboneConfig, type BackboneDescription } from '@hyperswap/spectralgpt';
import { instruments, withSpan, type Logger, type Reading } from '@hyperswap/telemetry';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import { LRUCache } from 'lru-cache';
import type { TileProgram } from './engine/program.js';
import { orAborted } from './or-aborted.js';

/** Version that a reference meant when work with it was admitted, and what its tiles have to be like. */
export interface AdmittedAdapter extends Pick<
  AdapterMetadata,
  'patchSize' | 'bands' | 'pcaDigest' | 'views' | 'wavelengths' | 'method' | 'pooling'
> {
  /** Version, as `name@7`. */
  readonly reference: string;
  readonly digest: string;
  /** Number of classes. */
  readonly classes: number;
  /** Components of a score, as the backbone takes them. */
  readonly components: number;
}

/** An adapter made ready, in use by any number of tiles. */
export interface BoundAdapter extends AdmittedAdapter {
  readonly bindMilliseconds: number;
  /** Memory of what is its own. */
  readonly bytes: number;
}

/** A binding that is there or on its way. Its bytes are an estimate until it is there. */
interface Entry {
  /** Version that asked for it first; another name may have the same blob. */
  readonly reference: string;
  readonly ready: Promise<BoundAdapter>;
  bound: BoundAdapter | undefined;
  bytes: number;
  /** True from the start of its load on: its bytes are taken from the budget. */
  isPlaced: boolean;
  users: number;
  pins: number;
}

/** Blobs that stay in memory, so that a binding that was freed is made again without the store. */
const blobBytes = 64 * 1024 * 1024;
/** Descriptions of versions that stay in memory. */
const knownVersions = 10_000;

export interface BindingTableContext {
  readonly registry: Pick<AdapterRegistry, 'admit' | 'resolve' | 'readBlob'>;
  readonly engine: ProgramClient<TileProgram>;
  /** The served backbone. */
  readonly backbone: Pick<BackboneDescription, 'name' | 'digest' | 'config'> & { readonly precision: Precision };
  /** Memory for bindings that no pin asks for. */
  readonly budgetBytes: number;
  readonly logger: Logger;
}

/** Returns the memory of a binding that changes two layers a block, as most adapters do. */
export function usualBindingBytes(config: BackboneConfig, precision: Precision): number {
  const { depth, width } = config;
  const biases = precision === 'int8' ? 4 * tokenCount(config) * width : 0;
  return 2 * depth * (width ** 2 * bytesPerWeight[precision] + biases);
}

/**
 * The adapters that are ready on this process's backbone. Each is fetched, verified, built and warmed once, whoever asks first. They stay
 * within a budget of memory: those unused longest go first, those in use never, and a load for which there is no room waits until something is
 * no longer in use. So with more adapters in use than fit, a binding serves all that waited for it before it goes. Pinned ones stay, and
 * count for nothing. A failed load is forgotten, so that the next call tries again, and leaves all others serving.
 */
export class BindingTable {
  /** By digest, in the order of last use. */
  private readonly entries = new Map<string, Entry>();
  /** Loads that wait for room, in their order. */
  private waiting: { readonly entry: Entry; readonly start: () => void }[] = [];
  private readonly blobs = new LRUCache<string, Buffer>({
    maxSize: blobBytes,
    sizeCalculation: ({ length }) => length,
  });
  private readonly known = new LRUCache<string, Omit<AdmittedAdapter, 'reference'>>({ max: knownVersions });
  /** Memory of the last binding: adapters of one backbone are much alike. */
  private usualBytes: number;

  constructor(private readonly context: BindingTableContext) {
    const { config, precision } = context.backbone;
    this.usualBytes = usualBindingBytes(config, precision);
  }

  /**
   * Returns the version that a reference means now, without making it ready.
   *
   * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, OBJECT_DAMAGED
   */
  async admit(reference: string): Promise<AdmittedAdapter> {
    const { registry, backbone } = this.context;
    const { reference: version, digest } = await registry.admit(reference);
    let known = this.known.get(digest);
    if (known === undefined) {
      const { metadata } = await registry.resolve(version);
      const { patchSize, bands, pcaDigest, views, wavelengths, method, pooling } = metadata;
      const sizes = { classes: metadata.classes.length, components: backbone.config.components };
      known = { digest, patchSize, bands, pcaDigest, views, wavelengths, method, pooling, ...sizes };
      this.known.set(digest, known);
    }
    return { ...known, reference: version };
  }

  /**
   * Makes an adapter ready. Every acquired adapter must be released.
   *
   * @param signal of the one who waits; the load goes on for the others
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

  /** Gives back an adapter that was acquired. */
  release({ digest }: BoundAdapter): void {
    const entry = this.entries.get(digest);
    if (entry !== undefined) this.leave(digest, entry);
  }

  /**
   * Makes an adapter ready and keeps it so, outside the budget.
   *
   * @throws what `admit` and `acquire` throw
   */
  async pin(reference: string): Promise<BoundAdapter> {
    const adapter = await this.admit(reference);
    const entry = this.use(adapter);
    entry.pins += 1;
    // It need not wait for room any more.
    this.startWaiting();
    try {
      return await entry.ready;
    } catch (error) {
      entry.pins -= 1;
      throw error;
    }
  }

  /** Lets an adapter go that was pinned. */
  unpin({ digest }: BoundAdapter): void {
    const entry = this.entries.get(digest);
    if (entry === undefined) return;
    entry.pins -= 1;
    this.settle();
  }

  /** Makes an adapter ready ahead of its first tile; a failure is logged and told to whoever asks for it. */
  async prefetch(reference: string): Promise<void> {
    try {
      this.release(await this.acquire(await this.admit(reference)));
    } catch (error) {
      this.context.logger.warn({ err: error, adapter: reference }, 'an adapter could not be made ready');
    }
  }

  /** Adapters that are ready now. */
  bound(): BoundAdapter[] {
    return [...this.entries.values()].flatMap(({ bound }) => (bound === undefined ? [] : [bound]));
  }

  /** Tells if a version of a name is ready, or on its way. */
  serves(name: string): boolean {
    for (const { reference } of this.entries.values()) if (reference.startsWith(`${name}@`)) return true;
    return false;
  }

  /** Returns how many adapters are ready and on their way, for metrics. */
  states(): Reading[] {
    const bound = this.bound().length;
    return [
      [bound, { state: 'bound' }],
      [this.entries.size - bound, { state: 'loading' }],
    ];
  }

  /** The entry of an adapter, the last used from now on; its load begins if there is none. */
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

  /** Starts loads for which there is room, in their order; those of pins need none. */
  private startWaiting(): void {
    for (const waiting of [...this.waiting]) {
      const { entry, start } = waiting;
      if (entry.pins === 0 && (waiting !== this.waiting[0] || !this.makeRoom(entry.bytes))) continue;
      this.waiting = this.waiting.filter((other) => other !== waiting);
      entry.isPlaced = true;
      start();
    }
  }

  /** Frees bindings that nobody uses if some bytes fit then. What is larger than the budget has it for itself. @returns whether they fit */
  private makeRoom(bytes: number): boolean {
    const { budgetBytes } = this.context;
    const inUse = this.countedBytes(({ users, bound }) => users > 0 || bound === undefined);
    if (inUse > 0 && inUse + bytes > budgetBytes) return false;
    this.freeIdle(budgetBytes - bytes);
    return true;
  }

  /** Frees bindings that nobody uses, those unused longest first, until what is counted is below a bound. */
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

  /** Something is no longer in use, or turned out larger than expected. */
  private settle(): void {
    this.freeIdle(this.context.budgetBytes);
    this.startWaiting();
  }

  private leave(digest: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && entry.pins === 0 && !entry.isPlaced) {
      // Nobody waits for it any more.
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
    // Before batches that wait: a swap takes a fraction of a batch.
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
