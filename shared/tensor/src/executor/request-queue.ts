import type { Request } from './messages.js';

/** What the worker answers; cancelling is no matter of its turn. */
export type Answerable = Exclude<Request, { readonly kind: 'cancel' }>;

/** Requests in the order they came, but urgent calls and questions of state, which take no time, before all others. */
export class RequestQueue {
  private readonly urgent: Answerable[] = [];
  private readonly others: Answerable[] = [];

  add(request: Answerable): void {
    const isUrgent = request.kind === 'describe' || (request.kind === 'call' && request.urgent);
    (isUrgent ? this.urgent : this.others).push(request);
  }

  /** The next to be answered, if there is one. */
  take(): Answerable | undefined {
    return this.takeUrgent() ?? this.others.shift();
  }

  /** The next urgent one. */
  takeUrgent(): Answerable | undefined {
    return this.urgent.shift();
  }
}
