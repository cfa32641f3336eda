import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Role } from './roles.js';

/** A service of a server, with its methods. */
export interface HostedService {
  /** Full name, for example `hyperswap.v1.TrainingService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Role that each method needs, where tokens are required. Methods that are missing here need the role reader. */
  readonly roles: Readonly<Record<string, Role>>;
}

/** Services that start and stop together, such as those of a trainer. */
export interface ServiceGroup {
  readonly services: readonly HostedService[];
  /** Resolves when the services are ready, for example when adapters are bound. Absent: they are from the start. */
  readonly ready?: Promise<void>;
  /** Starts background work when the process serves. */
  start?(): void;
  /** Stops new background work before the end. */
  drain?(): void;
  /** Stops all work. */
  stop?(): Promise<void>;
}
