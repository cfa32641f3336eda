import type { Request } from './messages.js';

/** Requests that the worker answers. A cancellation takes effect at once and does not queue. */
export type Answerable = Exclude<Request, { readonly kind: 'cancel' }>;

/** Queue in order of arrival. Urgent calls and state queries, which take no time, precede all others. */
export class RequestQueue {
  private readonly urgent: Answerable[] = [];
  private readonly others: Answerable[] = [];

  add(request: Answerable): void {
    const isUrgent = request.kind === 'describe' || (request.kind === 'call' && request.urgent);
    (isUrgent ? this.urgent : this.others).push(request);
  }

  /** Takes the next request, if there is one. */
  take(): Answerable | undefined {
    return this.takeUrgent() ?? this.others.shift();
  }

  /** Takes the next urgent request. */
  takeUrgent(): Answerable | undefined {
    return this.urgent.shift();
  }
}
