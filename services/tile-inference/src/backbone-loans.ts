import { failure, HyperswapError, throwIfAborted } from '@hyperswap/errors';
import type { Backbones } from '@hyperswap/registry';
import type { BackboneDescription } from '@hyperswap/spectralgpt';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import type { TileProgram } from './engine/program.js';
import { orAborted } from './or-aborted.js';

export interface BackboneLoansContext {
  readonly backbones: Backbones;
  readonly engine: ProgramClient<TileProgram>;
  /** Backbone that stays loaded as long as this process serves. */
  readonly served: Pick<BackboneDescription, 'digest'> & { readonly precision: Precision };
}

/**
 * Loans of backbones to calls with the role reader. The engine keeps them within a memory budget: a loan without room
 * waits until other loans end.
 */
export class BackboneLoans {
  /** Number of calls that hold or load a backbone and do not wait. */
  private active = 0;
  /** Number of calls that have ended since the start. */
  private ended = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly context: BackboneLoansContext) {}

  /**
   * Runs a function while a backbone is on the device.
   *
   * @throws BACKBONE_TOO_LARGE; BACKBONES_FULL; BACKBONE_NOT_FOUND, OBJECT_DAMAGED when it is no longer what was
   * described; CANCELLED, DEADLINE
   */
  async use<Result>(
    backbone: Pick<BackboneDescription, 'name' | 'digest'>,
    precision: Precision,
    signal: AbortSignal,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const { served, engine } = this.context;
    const { digest } = backbone;
    if (digest === served.digest && precision === served.precision) return run();
    this.active += 1;
    try {
      await this.borrow(backbone, precision, signal);
      try {
        return await run();
      } finally {
        await engine.call('returnBackbone', { digest, precision }, { urgent: true });
      }
    } finally {
      this.active -= 1;
      this.ended += 1;
      for (const go of this.waiting) go();
      this.waiting.clear();
    }
  }

  private async borrow(
    { name, digest }: Pick<BackboneDescription, 'name' | 'digest'>,
    precision: Precision,
    signal: AbortSignal,
  ): Promise<void> {
    const { backbones, engine } = this.context;
    for (;;) {
      throwIfAborted(signal, 'Waiting for a backbone');
      const { ended } = this;
      const known = { digest, precision, backbone: undefined };
      if (await engine.call('lendBackbone', known, { urgent: true })) return;
      try {
        await backbones.use(name, async (backbone) => {
          if (backbone.digest !== digest) {
            throw failure('OBJECT_DAMAGED', { key: name, reason: 'it was replaced while a call used it' });
          }
          await engine.call('lendBackbone', { digest, precision, backbone });
        });
        return;
      } catch (error) {
        if (!HyperswapError.is(error, 'BACKBONES_FULL')) throw error;
        // A call that ended in the meantime may have made room.
        if (this.ended !== ended) continue;
        if (this.active === 1) throw error;
      }
      await this.wait(signal);
    }
  }

  /** Waits until a call ends. @throws CANCELLED, DEADLINE */
  private async wait(signal: AbortSignal): Promise<void> {
    this.active -= 1;
    try {
      await orAborted(new Promise<void>((resolve) => this.waiting.add(resolve)), signal, 'Waiting for a backbone');
    } finally {
      this.active += 1;
    }
  }
}
