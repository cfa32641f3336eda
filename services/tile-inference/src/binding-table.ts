import { readAdapterSteps, type AdapterMetadata } from '@hyperswap/adapter';
import { toHyperswapError } from '@hyperswap/errors';
import type { AdapterRegistry } from '@hyperswap/registry';
import { inTurns } from '@hyperswap/safetensors';
import type { Backbone } from '@hyperswap/spectralgpt';
import { servingInstruments, type Logger } from '@hyperswap/telemetry';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import type { TileProgram } from './engine/program.js';

/** An adapter made ready, in use by any number of tiles. */
export interface BoundAdapter {
  /** `name@7`. */
  readonly reference: string;
  readonly digest: string;
  readonly metadata: AdapterMetadata;
  /** Components of a score, as the backbone takes them. */
  readonly components: number;
  readonly bindMilliseconds: number;
}

interface Entry {
  readonly ready: Promise<BoundAdapter>;
  users: number;
}

/** Bindings that nobody uses now but that stay, about 45 MiB each on the base backbone. */
const idleBindings = 8;

/**
 * The adapters that are ready on this process's backbone. Each is fetched, verified, built and warmed once, whoever asks first;
 * those unused longest are freed when there are too many. A failed load is forgotten, so that the next call tries again, and
 * leaves all others serving.
 */
export class BindingTable {
  /** By digest, in order of last use. */
  private readonly entries = new Map<string, Entry>();
  private readonly instruments = servingInstruments();

  constructor(
    private readonly registry: AdapterRegistry,
    private readonly engine: ProgramClient<TileProgram>,
    private readonly backbone: Pick<Backbone, 'name' | 'digest'> & { readonly precision: Precision },
    private readonly logger: Logger,
  ) {}

  /**
   * The adapter that a reference means now, ready. Every acquired adapter must be released.
   *
   * @throws ADAPTER_NOT_FOUND, ADAPTER_RETIRED, ADAPTER_BACKBONE, ADAPTER_INVALID, OBJECT_DAMAGED
   */
  async acquire(reference: string): Promise<BoundAdapter> {
    const { reference: version, digest } = await this.registry.admit(reference);
    const entry = this.entries.get(digest) ?? { ready: this.bind(version, digest), users: 0 };
    this.entries.delete(digest);
    this.entries.set(digest, entry);
    entry.users += 1;
    try {
      return await entry.ready;
    } catch (error) {
      // Once for all who wait for it.
      if (this.entries.get(digest) === entry) {
        this.entries.delete(digest);
        this.instruments.bindFailures.add(1, { code: toHyperswapError(error).code });
      }
      throw error;
    }
  }

  release({ digest }: BoundAdapter): void {
    const entry = this.entries.get(digest);
    if (entry === undefined) return;
    entry.users -= 1;
    const idle = [...this.entries].filter(([, { users }]) => users === 0);
    for (const [unused] of idle.slice(0, Math.max(0, idle.length - idleBindings))) {
      this.entries.delete(unused);
      void this.engine.call('unbind', { digest: unused }, { urgent: true }).catch((error: unknown) => {
        this.logger.warn({ err: error, digest: unused }, 'an adapter could not be freed');
      });
    }
  }

  /** Makes an adapter ready ahead of its first tile; a failure is logged and told to whoever asks for it. */
  async prefetch(reference: string): Promise<void> {
    try {
      this.release(await this.acquire(reference));
    } catch (error) {
      this.logger.warn({ err: error, adapter: reference }, 'an adapter could not be made ready');
    }
  }

  /** Adapters that are ready now. */
  async bound(): Promise<BoundAdapter[]> {
    const settled = await Promise.allSettled([...this.entries.values()].map(({ ready }) => ready));
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  private async bind(reference: string, digest: string): Promise<BoundAdapter> {
    const start = performance.now();
    const blob = await this.registry.readBlob(reference);
    const { metadata, tensors } = await inTurns(readAdapterSteps(reference, blob));
    const components = tensors.normalizerMean.values.length;
    const { digest: backboneDigest, precision } = this.backbone;
    // Before batches that wait: a swap takes a fraction of a batch. What is freed keeps its place among them.
    await this.engine.call('bind', { reference, digest, blob, backboneDigest, precision }, { urgent: true });
    const bindMilliseconds = performance.now() - start;
    this.instruments.binds.record(bindMilliseconds, { adapter: reference });
    this.logger.info({ adapter: reference, milliseconds: Math.round(bindMilliseconds) }, 'adapter ready');
    return { reference, digest, metadata, components, bindMilliseconds };
  }
}
