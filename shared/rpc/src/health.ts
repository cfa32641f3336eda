import { EventEmitter, once } from 'node:events';
import { health } from '@hyperswap/proto';
import { failure } from '@hyperswap/errors';
import { unaryHandler } from './handlers.js';
import type { HostedService } from './hosted-service.js';
import { watchHandler } from './watch-handler.js';

const { HealthCheckResponse_ServingStatus: ServingStatus } = health;
type Response = health.HealthCheckResponse;

const healthName = 'grpc.health.v1.Health';
export const healthPath = `/${healthName}/`;

/** Name of all hosted services together. */
const overall = '';
/** Name of the process itself, for a liveness probe as Kubernetes has it. */
const liveness = 'liveness';

/**
 * Health of a server, after https://github.com/grpc/grpc/blob/master/doc/health-checking.md. A hosted service is
 * SERVING while it is ready. The empty name is SERVING while all services are, and `liveness` until the process fails.
 */
export class Health {
  private readonly ready: Map<string, boolean>;
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private isDraining = false;
  private isAlive = true;

  /** @param services full names of the hosted services, not ready yet */
  constructor(services: readonly string[]) {
    this.ready = new Map(services.map((name) => [name, false]));
  }

  /** Sets the state of a service. */
  set(service: string, isReady: boolean): void {
    if (this.ready.get(service) === isReady) return;
    this.ready.set(service, isReady);
    this.changes.emit('change');
  }

  /** Makes every service NOT_SERVING for good, but not `liveness`. */
  drain(): void {
    this.isDraining = true;
    this.changes.emit('change');
  }

  /** Returns true if the server takes no new work, and ends. */
  get draining(): boolean {
    return this.isDraining;
  }

  /** Makes every name NOT_SERVING for good. */
  fail(): void {
    this.isAlive = false;
    this.changes.emit('change');
  }

  service(): HostedService {
    const implementation: health.HealthServer = {
      check: unaryHandler(({ service }) => Promise.resolve({ status: this.check(service) })),
      watch: watchHandler(({ service }, { signal }) => this.watch(service, signal)),
      list: unaryHandler(() => {
        const names = [overall, liveness, ...this.ready.keys()];
        return Promise.resolve({
          statuses: Object.fromEntries(names.map((name) => [name, { status: this.check(name) }])),
        });
      }),
    };
    return { name: healthName, definition: health.HealthService, implementation: { ...implementation }, roles: {} };
  }

  /** @throws SERVICE_UNKNOWN */
  private check(service: string): Response['status'] {
    const isServing = this.isServing(service);
    if (isServing === undefined) throw failure('SERVICE_UNKNOWN', { service });
    return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  /** Returns the state of a name; undefined for one that is not known. */
  isServing(service: string): boolean | undefined {
    if (service === liveness) return this.isAlive;
    const isReady = service === overall ? [...this.ready.values()].every(Boolean) : this.ready.get(service);
    return isReady === undefined ? undefined : isReady && this.isAlive && !this.isDraining;
  }

  private async *watch(service: string, signal: AbortSignal): AsyncGenerator<Response> {
    let told: Response['status'] | undefined;
    for (;;) {
      const isServing = this.isServing(service);
      const status = isServing === undefined ? ServingStatus.SERVICE_UNKNOWN : this.check(service);
      if (status !== told) {
        told = status;
        yield { status };
      } else if (signal.aborted) return;
      else await once(this.changes, 'change', { signal }).catch(() => undefined);
    }
  }
}
