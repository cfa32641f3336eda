import { throwIfAborted } from '@hyperswap/errors';

/** Memory and patches of work while it waits and runs. */
export interface Size {
  readonly patches: number;
  readonly bytes: number;
}

/** A reservation that waits for room. */
interface Waiter {
  readonly account: Account;
  readonly size: Size;
  readonly admit: (reservation: Reservation) => void;
  /** Number of newer reservations that passed this one. */
  overtaken: number;
}

/** Number of smaller reservations that may pass a waiting one. After that, all wait for it. */
const maximumOvertaken = 64;
const dimensions = ['patches', 'bytes'] as const;

/**
 * Room for work that waits or runs, in patches and bytes, shared by all flows.
 *
 * A flow may hold what its own limit allows, and never more than what it leaves free: with n flows that take all they
 * can, each has 1 / (n + 1) of the room, and as much stays free for one that comes (dynamic thresholds, Choudhury and
 * Hahne 1998). No client can therefore use up the share of another. Flows that hold nothing go first.
 */
export class MemoryBudget {
  private readonly held = { patches: 0, bytes: 0 };
  /** Waiting reservations in order of arrival. */
  private readonly waiters = new Set<Waiter>();

  /**
   * @param flowLimit of one flow; one piece of work that is larger is admitted when the flow holds nothing
   * @param limit of all flows together; work that is larger than half of it counts as half
   */
  constructor(
    private readonly flowLimit: Size,
    readonly limit: Size,
  ) {}

  /** Room that is reserved now. */
  get used(): Size {
    return { ...this.held };
  }

  /** Returns the account of a new flow. It needs no closing; its reservations do. */
  account(): Account {
    return new Account(this);
  }

  /** Reserves room now. @returns undefined when there is none */
  tryReserve(account: Account, wanted: Size): Reservation | undefined {
    const size = this.charge(wanted);
    return this.mayAdmit(account, size) ? this.admit(account, size) : undefined;
  }

  /**
   * Reserves room as soon as there is some.
   *
   * @throws CANCELLED, DEADLINE as soon as the signal is aborted
   */
  async reserve(account: Account, wanted: Size, signal: AbortSignal): Promise<Reservation> {
    throwIfAborted(signal, 'Waiting for room in the queue');
    const reserved = this.tryReserve(account, wanted);
    if (reserved !== undefined) return reserved;
    let giveUp: () => void = () => undefined;
    try {
      return await new Promise<Reservation>((resolve, reject) => {
        const waiter: Waiter = { account, size: this.charge(wanted), admit: resolve, overtaken: 0 };
        giveUp = (): void => {
          this.waiters.delete(waiter);
          reject(signal.reason as Error);
          // Other reservations may have waited for this one.
          this.admitWaiters();
        };
        this.waiters.add(waiter);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    } catch (error) {
      throwIfAborted(signal, 'Waiting for room in the queue');
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Takes back room of a reservation. */
  release(account: Account, size: Size): void {
    for (const dimension of dimensions) {
      account.held[dimension] -= size[dimension];
      this.held[dimension] -= size[dimension];
    }
    this.admitWaiters();
  }

  /** Size of a piece of work. */
  private charge({ patches, bytes }: Size): Size {
    return {
      patches: Math.min(patches, this.flowLimit.patches, this.limit.patches / 2),
      bytes: Math.min(bytes, this.limit.bytes / 2),
    };
  }

  private fits({ held, isEmpty }: Account, size: Size): boolean {
    return dimensions.every((dimension) => {
      const own = held[dimension] + size[dimension];
      const free = this.limit[dimension] - this.held[dimension] - size[dimension];
      return own <= free && (isEmpty || own <= this.flowLimit[dimension]);
    });
  }

  /** Returns true if a new reservation may pass those that wait. */
  private mayAdmit(account: Account, size: Size): boolean {
    for (const waiter of this.waiters) {
      if (waiter.overtaken >= maximumOvertaken) return false;
      if (waiter.account.isEmpty && !account.isEmpty) return false;
    }
    return this.fits(account, size);
  }

  private admit(account: Account, size: Size): Reservation {
    for (const waiter of this.waiters) waiter.overtaken += waiter.account.isEmpty ? 1 : 0;
    for (const dimension of dimensions) {
      account.held[dimension] += size[dimension];
      this.held[dimension] += size[dimension];
    }
    return new Reservation(this, account, size);
  }

  /**
   * Serves waiting reservations after room was released: first those of flows that hold nothing, then the others, each
   * in order of arrival.
   */
  private admitWaiters(): void {
    if (this.waiters.size === 0) return;
    const late = [...this.waiters].find(({ overtaken }) => overtaken >= maximumOvertaken);
    if (late !== undefined && !this.admitWaiter(late)) return;
    for (const waiter of this.waiters) if (waiter.account.isEmpty) this.admitWaiter(waiter);
    if ([...this.waiters].some(({ account }) => account.isEmpty)) return;
    for (const waiter of this.waiters) this.admitWaiter(waiter);
  }

  /** @returns true if there was room */
  private admitWaiter(waiter: Waiter): boolean {
    const { account, size, admit } = waiter;
    if (!this.fits(account, size)) return false;
    this.waiters.delete(waiter);
    admit(this.admit(account, size));
    return true;
  }
}

/** Part of the budget that one flow holds. */
export class Account {
  readonly held = { patches: 0, bytes: 0 };

  constructor(private readonly budget: MemoryBudget) {}

  get isEmpty(): boolean {
    return this.held.patches === 0 && this.held.bytes === 0;
  }

  /** Reserves room now. @returns undefined when there is none */
  tryReserve(size: Size): Reservation | undefined {
    return this.budget.tryReserve(this, size);
  }

  /** Reserves room as soon as there is some. @throws CANCELLED, DEADLINE as soon as the signal is aborted */
  reserve(size: Size, signal: AbortSignal): Promise<Reservation> {
    return this.budget.reserve(this, size, signal);
  }
}

/** Room that a piece of work holds until it releases it. */
export class Reservation {
  private patches: number;
  private bytes: number;

  constructor(
    private readonly budget: MemoryBudget,
    private readonly account: Account,
    size: Size,
  ) {
    ({ patches: this.patches, bytes: this.bytes } = size);
  }

  /** Releases patches as they are classified. @param remaining patches that still wait or run */
  keepPatches(remaining: number): void {
    const released = Math.max(0, this.patches - remaining);
    if (released === 0) return;
    this.patches -= released;
    this.budget.release(this.account, { patches: released, bytes: 0 });
  }

  /** Releases the rest. A second call changes nothing. */
  release(): void {
    const { patches, bytes } = this;
    if (patches === 0 && bytes === 0) return;
    this.patches = 0;
    this.bytes = 0;
    this.budget.release(this.account, { patches, bytes });
  }
}
