import { failure } from '@hyperswap/errors';
import type { PrepareSceneResponse } from '@hyperswap/proto';

/** Preparations that a gateway holds open at a time. */
const maximumOpen = 4;

/** Calls that prepare scenes for OGC clients. A preparation reads as long as its call is open, and its client does not wait for it. */
export class OpenPreparations {
  private readonly closing = new AbortController();
  private readonly calls = new Set<Promise<void>>();
  private reserved = 0;

  /**
   * Makes a call and holds it open until its end.
   *
   * @param call makes the call; its signal is aborted when the gateway closes
   * @returns the job that was accepted
   * @throws GATEWAY_BUSY, and what the service refuses
   */
  async hold(call: (signal: AbortSignal) => AsyncGenerator<PrepareSceneResponse>): Promise<string> {
    if (this.reserved >= maximumOpen) throw failure('GATEWAY_BUSY', { what: `${maximumOpen} preparations` });
    this.reserved += 1;
    const responses = call(this.closing.signal);
    try {
      const first = await responses.next();
      const event = first.done === true ? undefined : first.value.event;
      if (event?.$case !== 'accepted') throw failure('INTERNAL', { reason: 'a preparation began without a name' });
      const rest = this.readToEnd(responses);
      this.calls.add(rest);
      void rest.finally(() => this.calls.delete(rest));
      return event.value.job;
    } catch (error) {
      this.reserved -= 1;
      throw error;
    }
  }

  /** Ends all calls. Rows that were read stay, so that the same preparation can go on. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.calls);
  }

  /** Its failure is in the job's status. */
  private async readToEnd(responses: AsyncGenerator<PrepareSceneResponse>): Promise<void> {
    try {
      for await (const response of responses) if (response.event?.$case === 'scene') break;
    } catch {
      // See above.
    } finally {
      this.reserved -= 1;
    }
  }
}
