import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Role } from './roles.js';

/** A service of a server, with its methods. */
export interface HostedService {
  /** Full name, as `hyperswap.v1.TrainerService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Role that each method needs, where tokens are asked for; methods that are not named need that of a reader. */
  readonly roles: Readonly<Record<string, Role>>;
}
