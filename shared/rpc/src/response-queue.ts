/**
 * The responses of a stream that are made elsewhere, in any order: what is pushed comes out when the client is ready for it.
 * It ends when told to, or with the first error.
 */
export class ResponseQueue<Response> implements AsyncIterable<Response> {
  private readonly waiting: Response[] = [];
  private outcome: { readonly error?: unknown } | undefined;
  private wake: () => void = () => undefined;

  push(response: Response): void {
    this.waiting.push(response);
    this.wake();
  }

  /** No more responses will come. */
  end(): void {
    this.outcome ??= {};
    this.wake();
  }

  /** Ends the stream with an error, unless it has ended. */
  fail(error: unknown): void {
    this.outcome ??= { error };
    this.wake();
  }

  get failed(): boolean {
    return this.outcome !== undefined && 'error' in this.outcome;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Response, void, undefined> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      yield* this.waiting.splice(0);
      if (this.failed) throw this.outcome?.error;
      if (this.waiting.length > 0) continue;
      if (this.outcome !== undefined) return;
      await changed;
    }
  }
}
