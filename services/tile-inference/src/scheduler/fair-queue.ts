import { Flow, type FlowKind, type WaitingWork } from './flow.js';
import type { Batch, CutReason, Part, Work } from './work.js';

/**
 * Order of service among flows: start-time fair queueing (Goyal, Vin and Cheng 1996) with patches as the unit of
 * service, and sparse flows first, as in FQ-CoDel (RFC 8290, 4.1).
 *
 * - Each batch belongs to the flow with the smallest virtual time. Over any time two busy flows get service in the
 *   ratio of their weights, up to one batch each.
 * - An interactive flow that was idle and has no more than a batch is served next. Such batches alternate with the
 *   others' while both wait, so that clients that come and go do not stop those that stream.
 * - Such a batch may also be cut alone, to run between two blocks of one that has begun ({@link FairQueue.cutBrief}).
 * - A batch is filled with patches of its group from other flows, the next in turn first. Each flow pays for its own.
 *
 * The queue has no clock and no dependencies.
 */
export class FairQueue<W extends Work> {
  private readonly backlogged = new Set<Flow<W>>();
  /** Smallest virtual time of the flows that wait; it never goes back. */
  private virtualTime = 0;
  private entries = 0;
  private lastWasBrief = false;

  /** @param capacity cost of a full batch */
  constructor(private readonly capacity: number) {}

  /** Returns a flow without work. It needs no closing. */
  flow(kind: FlowKind): Flow<W> {
    return new Flow<W>(kind);
  }

  add(flow: Flow<W>, work: W): void {
    if (flow.isIdle) this.enter(flow);
    flow.waiting.push({ work, taken: 0 });
    flow.waitingCost += work.patches * work.group.cost;
  }

  /** Removes work of which some patches are not in a batch yet. */
  remove(flow: Flow<W>, work: W): void {
    const place = flow.waiting.findIndex((waiting) => waiting.work === work);
    if (place < 0) return;
    const [{ taken }] = flow.waiting.splice(place, 1) as [WaitingWork<W>];
    flow.waitingCost -= (work.patches - taken) * work.group.cost;
    if (flow.isIdle) this.backlogged.delete(flow);
  }

  /** Returns the next batch, whose patches no longer wait; undefined when nothing waits. */
  cut(): Batch<W> | undefined {
    const order = this.inTurn();
    if (order.length === 0) return undefined;
    const brief = order.find((flow) => flow.isBrief);
    const steady = order.find((flow) => !flow.isBrief);
    const leader = (this.lastWasBrief ? (steady ?? brief) : (brief ?? steady))!;
    this.lastWasBrief = leader === brief;
    return { ...this.fill([leader, ...order.filter((flow) => flow !== leader)]), brief: this.lastWasBrief };
  }

  /**
   * Returns a batch of interactive flows that were idle and have no more than a batch; undefined when none waits. No
   * part of its work is in another batch, so that it may run before batches that were cut earlier.
   */
  cutBrief(): Batch<W> | undefined {
    const order = this.inTurn().filter((flow) => flow.isBrief && flow.waiting.every(({ taken }) => taken === 0));
    if (order.length === 0) return undefined;
    this.lastWasBrief = true;
    return { ...this.fill(order), brief: true };
  }

  /** Flows that wait, in the order of their turns. */
  private inTurn(): Flow<W>[] {
    const order = [...this.backlogged].sort((a, b) => a.virtualTime - b.virtualTime || a.entry - b.entry);
    if (order.length > 0) this.virtualTime = Math.max(this.virtualTime, order[0]!.virtualTime);
    return order;
  }

  /** Adds work to an idle flow. Service beyond its share is remembered, up to one batch. */
  private enter(flow: Flow<W>): void {
    const batch = this.capacity / flow.weight;
    flow.virtualTime = Math.min(Math.max(flow.virtualTime, this.virtualTime), this.virtualTime + batch);
    flow.entryCredit = flow.kind === 'interactive' ? this.capacity : 0;
    flow.entry = ++this.entries;
    this.backlogged.add(flow);
  }

  /** @param flows in the order of their turns; the first decides the group */
  private fill(flows: readonly Flow<W>[]): Omit<Batch<W>, 'brief'> {
    const { group } = flows[0]!.waiting[0]!.work;
    const room = Math.max(1, Math.min(Math.floor(this.capacity / group.cost), group.batchPatches));
    const parts: Part<W>[] = [];
    let patches = 0;
    for (const flow of flows) {
      if (patches === room) break;
      const taken = this.take(flow, group.key, room - patches, parts);
      const cost = taken * group.cost;
      flow.virtualTime += cost / flow.weight;
      flow.entryCredit -= cost;
      flow.waitingCost -= cost;
      patches += taken;
    }
    const isBoundByPixels = group.batchPatches * group.cost < this.capacity;
    const reason: CutReason = patches < room ? 'drained' : isBoundByPixels ? 'pixels' : 'full';
    return { parts, reason };
  }

  /** Moves patches of a flow's work into a batch. @returns how many */
  private take(flow: Flow<W>, key: string, room: number, parts: Part<W>[]): number {
    let patches = 0;
    const left: WaitingWork<W>[] = [];
    for (const waiting of flow.waiting) {
      const { work, taken } = waiting;
      const count = work.group.key === key ? Math.min(room - patches, work.patches - taken) : 0;
      if (count > 0) parts.push({ work, first: taken, count });
      waiting.taken += count;
      patches += count;
      if (waiting.taken < work.patches) left.push(waiting);
    }
    if (patches > 0) flow.waiting = left;
    if (flow.isIdle) this.backlogged.delete(flow);
    return patches;
  }
}
