import { failure } from '@hyperswap/errors';
import type { Health, ServiceGroup } from '@hyperswap/rpc';
import type { Logger } from '@hyperswap/telemetry';

/** Dependency outside of this process, such as the object store. */
export interface Dependency {
  /** Name for the log. */
  readonly name: string;
  /** Probes the dependency once. @throws when it does not within the time */
  probe(milliseconds: number): Promise<void>;
}

/**
 * Number of consecutive failed probes until a dependency counts as unavailable, and of consecutive successful ones
 * until it counts as available again. One slow answer changes nothing.
 */
const probesToChange = { away: 3, back: 2 };

interface Watched {
  readonly dependency: Dependency;
  isThere: boolean;
  /** Consecutive probes that contradict `isThere`. */
  contrary: number;
}

/**
 * Readiness of the services of this process. A service is ready while its group is and every dependency answers.
 * Dependencies count as answering at the start, because they have just been opened.
 */
export class Readiness {
  private readonly watched: readonly Watched[];
  private readonly ready = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  /**
   * @param health receives the changes
   * @param milliseconds between the probes of a dependency, and for the answer of each
   */
  constructor(
    groups: readonly Pick<ServiceGroup, 'services' | 'ready'>[],
    dependencies: readonly Dependency[],
    private readonly health: Health,
    private readonly logger: Logger,
    private readonly milliseconds: number,
  ) {
    this.watched = dependencies.map((dependency) => ({ dependency, isThere: true, contrary: 0 }));
    for (const { services, ready = Promise.resolve() } of groups) {
      void ready.then(() => {
        for (const { name } of services) this.ready.add(name);
        this.tell();
      });
    }
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      void Promise.all(this.watched.map((watched) => this.look(watched))).then(() => this.schedule());
    }, this.milliseconds).unref();
  }

  private async look(watched: Watched): Promise<void> {
    const { dependency } = watched;
    const error = await this.probe(dependency);
    const answers = error === undefined;
    watched.contrary = answers === watched.isThere ? 0 : watched.contrary + 1;
    if (watched.contrary < (answers ? probesToChange.back : probesToChange.away) || this.isStopped) return;
    watched.isThere = answers;
    watched.contrary = 0;
    if (answers) this.logger.info({ dependency: dependency.name }, 'a dependency answers again');
    else this.logger.error({ dependency: dependency.name, err: error }, 'a dependency does not answer');
    this.tell();
  }

  /** @returns the error of a probe that fails or takes too long */
  private async probe(dependency: Dependency): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<unknown>((resolve) => {
      const giveUp = (): void => resolve(failure('DEADLINE', { what: `The probe of ${dependency.name}` }));
      timer = setTimeout(giveUp, this.milliseconds).unref();
    });
    const answer = dependency.probe(this.milliseconds).then(
      () => undefined,
      (error: unknown) => error,
    );
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  private tell(): void {
    const areThere = this.watched.every(({ isThere }) => isThere);
    for (const name of this.ready) this.health.set(name, areThere);
  }
}
