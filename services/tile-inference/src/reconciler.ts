import { DesiredState, type DesiredAdapter, type ErrorStatus } from '@hyperswap/proto';
import type { AdapterRegistry } from '@hyperswap/registry';
import { toErrorStatus } from '@hyperswap/rpc';
import type { Logger } from '@hyperswap/telemetry';
import type { BindingTable, BoundAdapter } from './binding-table.js';

/** Re-list interval, with jitter, in case a watch event was lost. */
const relistMilliseconds = 20_000;
/** Interval after a failure. */
const retryMilliseconds = 2_000;

interface Holding {
  state: DesiredState;
  error: ErrorStatus | undefined;
  bound: BoundAdapter | undefined;
}

/**
 * Binds the adapters that pins ask for on this pod, and releases those that they no longer ask for. It runs on every
 * change of a name that has pins, from time to time without one, and again after failures. A version that cannot be
 * loaded has its reason in the status; the others serve.
 */
export class Reconciler {
  /** By `name@7`. */
  private readonly holdings = new Map<string, Holding>();
  /** Resolves when every adapter that was desired at the start is bound or has failed. */
  readonly settled: Promise<void>;
  private settle: () => void = () => undefined;
  private readonly unwatch: () => void;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStale = false;
  private isStopped = false;

  constructor(
    private readonly registry: AdapterRegistry,
    private readonly bindings: BindingTable,
    private readonly logger: Logger,
  ) {
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.unwatch = registry.watch((name, { pins = [] }) => {
      // Most changes do not concern this pod.
      if (pins.length > 0 || this.holds(name)) this.look();
    });
    this.look();
  }

  /** Returns every desired adapter with its state. */
  status(): DesiredAdapter[] {
    return [...this.holdings].map(([adapter, { state, error }]) => ({ adapter, state, error }));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.unwatch();
    clearTimeout(this.timer);
    await this.running;
    for (const { bound } of this.holdings.values()) if (bound !== undefined) this.bindings.unpin(bound);
    this.holdings.clear();
  }

  /** Returns true if this pod holds versions of a name. */
  private holds(name: string): boolean {
    for (const reference of this.holdings.keys()) if (reference.startsWith(`${name}@`)) return true;
    return false;
  }

  /** Reconciles now, or after the current run. */
  private look(): void {
    this.isStale = true;
    this.running ??= this.reconcile().finally(() => {
      this.running = undefined;
      // A change arrived while the run ended.
      if (this.isStale && !this.isStopped) this.look();
    });
  }

  private async reconcile(): Promise<void> {
    let isRead = true;
    while (this.isStale && !this.isStopped) {
      this.isStale = false;
      clearTimeout(this.timer);
      try {
        await this.bringAbout(await this.registry.desired());
        isRead = true;
        this.settle();
      } catch (error) {
        isRead = false;
        this.logger.warn({ err: error }, 'the desired adapters could not be read');
      }
    }
    if (this.isStopped) return;
    const hasFailed = [...this.holdings.values()].some(({ state }) => state === DesiredState.DESIRED_STATE_FAILED);
    const pause = hasFailed || !isRead ? retryMilliseconds : relistMilliseconds;
    this.timer = setTimeout(() => this.look(), pause * (0.75 + 0.5 * Math.random()));
    this.timer.unref();
  }

  private async bringAbout(wanted: ReadonlySet<string>): Promise<void> {
    // New versions are bound first, so that a replacement is ready before the old version is released.
    await Promise.all([...wanted].map((reference) => this.hold(reference)));
    for (const [reference, { bound }] of this.holdings) {
      if (wanted.has(reference)) continue;
      this.holdings.delete(reference);
      if (bound !== undefined) this.bindings.unpin(bound);
    }
  }

  private async hold(reference: string): Promise<void> {
    const holding = this.holdings.get(reference) ?? {
      state: DesiredState.DESIRED_STATE_LOADING,
      error: undefined,
      bound: undefined,
    };
    this.holdings.set(reference, holding);
    if (holding.bound !== undefined) return;
    try {
      holding.bound = await this.bindings.pin(reference);
      holding.state = DesiredState.DESIRED_STATE_BOUND;
      holding.error = undefined;
    } catch (error) {
      holding.state = DesiredState.DESIRED_STATE_FAILED;
      holding.error = toErrorStatus(error);
      this.logger.warn({ err: error, adapter: reference }, 'a pinned adapter could not be made ready');
    }
  }
}
