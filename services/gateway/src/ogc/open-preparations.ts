import { failure } from '@hyperswap/errors';
import type { PrepareSceneResponse } from '@hyperswap/proto';

/** Number of preparations that a gateway holds open at the same time. */
const maximumOpen = 4;

/**
 * Calls that prepare scenes for OGC clients. A preparation reads as long as its call is open, and its client does not
 * wait for it.
 */
export class OpenPreparations {
  private readonly closing = new AbortController();
  private readonly calls = new Set<Promise<void>>();

  /**
   * Makes a call and holds it open until its end.
   *
   * @param call makes the call; its signal is aborted when the gateway closes
   * @returns the job that was accepted
   * @throws GATEWAY_BUSY, and errors of the service
   */
  async hold(call: (signal: AbortSignal) => AsyncGenerator<PrepareSceneResponse>): Promise<string> {
    if (this.calls.size >= maximumOpen) throw failure('GATEWAY_BUSY', { what: `${maximumOpen} preparations` });
    const responses = call(this.closing.signal);
    const accepted = jobOf(responses);
    const whole = accepted
      .then(() => readToEnd(responses))
      // The caller gets the refusal; a later failure is in the job's status.
      .catch(() => undefined)
      .finally(() => this.calls.delete(whole));
    this.calls.add(whole);
    return accepted;
  }

  /** Ends all calls. Rows that were read stay, so that the same preparation can continue. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.calls);
  }
}

/** Returns the job that a call begins with. */
async function jobOf(responses: AsyncGenerator<PrepareSceneResponse>): Promise<string> {
  const first = await responses.next();
  const event = first.done === true ? undefined : first.value.event;
  if (event?.$case !== 'accepted') throw failure('INTERNAL', { reason: 'a preparation began without a name' });
  return event.value.job;
}

async function readToEnd(responses: AsyncGenerator<PrepareSceneResponse>): Promise<void> {
  for await (const { event } of responses) if (event?.$case === 'scene') break;
}
