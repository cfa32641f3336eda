import type { Work } from './work.js';

/** Kind of a flow: a client waits for interactive work, jobs run in the background. */
export type FlowKind = 'interactive' | 'job';

/** Weight of a flow: its share of the engine relative to others. */
const weights: Readonly<Record<FlowKind, number>> = { interactive: 8, job: 1 };

/** Waiting work, and the number of its patches that batches have taken. */
export interface WaitingWork<W extends Work> {
  readonly work: W;
  taken: number;
}

/**
 * Work of one client in the fair queue, with the account of its service. Only the fair queue changes it.
 *
 * States: idle (nothing waits), backlogged (something waits). While it is backlogged it may have an entry credit left
 * from the moment it stopped being idle.
 */
export class Flow<W extends Work> {
  readonly weight: number;
  /** Work with patches that no batch has taken, the oldest first. */
  waiting: WaitingWork<W>[] = [];
  /** Cost of the patches that no batch has taken. */
  waitingCost = 0;
  /** Virtual time at which its next patch starts: served cost ÷ weight, moved up to the queue's when it was idle. */
  virtualTime = 0;
  /** Cost that it may be served before flows that were not idle. */
  entryCredit = 0;
  /** Place among flows of the same virtual time: the number of the last time that it stopped being idle. */
  entry = 0;

  constructor(readonly kind: FlowKind) {
    this.weight = weights[kind];
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** True if the flow was idle a moment ago, and its work fits the batch that such a flow gets before others. */
  get isBrief(): boolean {
    return this.entryCredit > 0 && this.waitingCost <= this.entryCredit;
  }
}
