/** Services that browsers reach, and the channels to them. */
import type { ChannelCredentials, Client, ServiceDefinition } from '@grpc/grpc-js';
import type { ServiceName } from '@hyperswap/config';
import {
  AdapterServiceService,
  BackboneServiceService,
  FleetServiceService,
  JobServiceService,
  SceneJobServiceService,
  SceneServiceService,
  TileServiceService,
  TrainingServiceService,
} from '@hyperswap/proto';
import { connect, type ClientAccess } from '@hyperswap/rpc';

/** Address of a group of services, and the certificates for the connection. */
export interface Route {
  readonly endpoint: string;
  /** Certificates only, because callers send tokens of their own. */
  readonly access: Omit<ClientAccess, 'tokenFile'>;
}

/** Method that browsers may call. */
export interface PublicMethod {
  readonly service: ServiceName;
  /** It takes a stream of requests, which gRPC-web does not carry. */
  readonly takesStream: boolean;
  /** It answers with a stream. */
  readonly answersStream: boolean;
}

const groups = [
  ['preprocessing', SceneServiceService],
  ['trainer', TrainingServiceService],
  ['trainer', BackboneServiceService],
  ['tile-inference', AdapterServiceService],
  ['tile-inference', SceneJobServiceService],
  ['tile-inference', TileServiceService],
  ['tile-inference', JobServiceService],
  ['tile-inference', FleetServiceService],
] as const;

/** Methods by their path, for example `/hyperswap.v1.SceneService/ListScenes`. Nothing else is forwarded. */
export const publicMethods: ReadonlyMap<string, PublicMethod> = new Map(
  groups.flatMap(([service, definition]) =>
    Object.values(definition as ServiceDefinition).map(({ path, requestStream, responseStream }) => [
      path,
      { service, takesStream: requestStream, answersStream: responseStream },
    ]),
  ),
);

type ClientConstructor<C> = new (address: string, credentials: ChannelCredentials, options?: object) => C;

/** Clients of the services, one for each kind and place. They connect at their first call. */
export class Channels {
  private readonly clients = new Map<string, Map<ClientConstructor<Client>, Client>>();

  /** @param routeOf address of a group of services; throws if the group cannot be reached from here */
  constructor(private readonly routeOf: (service: ServiceName) => Route) {}

  /** Returns a client of a group of services. @throws SERVICE_UNREACHABLE, CONFIG_INVALID */
  client<C extends Client>(constructor: ClientConstructor<C>, service: ServiceName): C {
    const { endpoint, access } = this.routeOf(service);
    const there = this.clients.get(endpoint) ?? new Map<ClientConstructor<Client>, Client>();
    this.clients.set(endpoint, there);
    const found = (there.get(constructor) as C | undefined) ?? connect(constructor, endpoint, access);
    there.set(constructor, found);
    return found;
  }

  close(): void {
    for (const there of this.clients.values()) for (const client of there.values()) client.close();
  }
}
