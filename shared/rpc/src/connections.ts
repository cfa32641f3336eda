import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { failure } from '@hyperswap/errors';
import { awaitPreface } from './http2-preface.js';

/** Who this server is, in PEM, and who its clients must be. */
export interface ServerIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Authority whose certificates clients must show; undefined: none is asked for. */
  readonly clientAuthority: string | undefined;
}

/** Limits of the connections of a server. */
export interface ConnectionLimits {
  /** Connections at a time; one more is closed at once. @default 1000 */
  readonly maximumConnections?: number;
  /** Calls at a time of one connection; clients hold back more. @default 128 */
  readonly maximumStreams?: number;
  /** Milliseconds for each step of a beginning: the TLS handshake, then the preface of HTTP/2 with the client's settings. @default 10 s */
  readonly handshakeMilliseconds?: number;
  /** Milliseconds that a connection may stay without a call. @default 5 min */
  readonly idleMilliseconds?: number;
  /** Milliseconds after which a connection takes no more calls, so that clients that balance over pods notice new ones. @default 30 min */
  readonly ageMilliseconds?: number;
}

/** Port that takes connections and hands over those that have begun to speak HTTP/2. */
export interface Listener {
  readonly port: number;
  /** Stops listening and closes connections that have not been handed over. */
  close(): Promise<void>;
}

/**
 * Listens for connections. gRPC counts a connection from its first stream on: before that, nothing but this bounds what a client that stays silent, stalls or
 * drips bytes can hold.
 *
 * @param accept takes a connection that has sent the preface; its bytes are still in the stream
 * @throws PORT_IN_USE, CONFIG_INVALID when the host is not an address of this machine
 */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  identity: ServerIdentity | undefined,
  { maximumConnections = 1000, handshakeMilliseconds = 10_000 }: ConnectionLimits,
  accept: (connection: Socket) => void,
): Promise<Listener> {
  const beginning = new Set<Socket>();
  const begin = (socket: Socket): void => {
    beginning.add(socket);
    // Errors end the connection, and that is all there is to do.
    socket.on('error', () => undefined).once('close', () => beginning.delete(socket));
  };
  const greet = (socket: Socket): void => {
    awaitPreface(socket, handshakeMilliseconds).then(
      () => {
        beginning.delete(socket);
        accept(socket);
      },
      () => socket.destroy(),
    );
  };
  const server =
    identity === undefined ? createServer({ noDelay: true }, greet) : tlsServer(identity, handshakeMilliseconds, greet);
  server.on('connection', begin);
  server.maxConnections = maximumConnections;
  await bind(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of beginning) socket.destroy();
      await closed;
    },
  };
}

function tlsServer(
  { certificate, key, clientAuthority }: ServerIdentity,
  handshakeTimeout: number,
  greet: (socket: Socket) => void,
): Server {
  const verified = { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  const server = createTlsServer(
    {
      cert: certificate,
      key,
      ...(clientAuthority === undefined ? {} : verified),
      ALPNProtocols: ['h2'],
      handshakeTimeout,
      noDelay: true,
    },
    greet,
  );
  return server.on('tlsClientError', (_, socket) => socket.destroy());
}

function bind(server: Server, host: string, port: number): Promise<void> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const address = `${isIP(bare) === 6 ? `[${bare}]` : bare}:${port}`;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const allowed = `an address of this machine (${error.message})`;
      if (error.code === 'EADDRINUSE') reject(failure('PORT_IN_USE', { address }, error));
      else reject(failure('CONFIG_INVALID', { key: 'host', value: address, allowed }, error));
    });
    server.listen({ host: bare, port }, resolve);
  });
}
