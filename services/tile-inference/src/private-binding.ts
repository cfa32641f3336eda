import { randomUUID } from 'node:crypto';
import type { ProgramClient } from '@hyperswap/tensor';
import type { BindArguments } from './engine/bound-adapters.js';
import type { TileProgram } from './engine/program.js';

/** Binding for a single call. It is created when the first work of the call begins, and freed after the last. */
export class PrivateBinding {
  /** Name of the binding in the engine. */
  readonly name = `predict ${randomUUID()}`;
  private ready: Promise<unknown> | undefined;
  private users = 0;

  /** @param adapter reference and blob, read whenever the binding is made */
  constructor(
    private readonly engine: ProgramClient<TileProgram>,
    private readonly adapter: () => Promise<Omit<BindArguments, 'digest'>>,
  ) {}

  /**
   * Runs a function while it is bound.
   *
   * @throws ADAPTER_BACKBONE, ADAPTER_INVALID, and errors of reading the adapter
   */
  async use<Result>(run: () => Promise<Result>): Promise<Result> {
    this.users += 1;
    this.ready ??= this.bind();
    try {
      await this.ready;
      return await run();
    } finally {
      this.users -= 1;
      if (this.users === 0) {
        this.ready = undefined;
        await this.engine.call('unbind', { digest: this.name });
      }
    }
  }

  private async bind(): Promise<void> {
    await this.engine.call('bind', { ...(await this.adapter()), digest: this.name });
  }
}
