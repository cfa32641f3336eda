import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { failure } from '@hyperswap/errors';
import { awaitPreface } from './http2-preface.js';

/** Certificates of a TLS server, in PEM. */
export interface ServerIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Authority that must have signed the certificates of clients. When undefined, clients need no certificate. */
  readonly clientAuthority: string | undefined;
}

/** Limits of a server's connections. */
export interface ConnectionLimits {
  /** Number of connections at a time; further ones are closed at once. @default 1000 */
  readonly maximumConnections?: number;
  /** Number of calls at a time on one connection; clients hold further ones back. @default 128 */
  readonly maximumStreams?: number;
  /** Milliseconds for the TLS handshake, and again for the HTTP/2 preface with the client's settings. @default 10 s */
  readonly handshakeMilliseconds?: number;
  /** Milliseconds for the one request of a call whose method takes no stream. @default 30 s */
  readonly requestMilliseconds?: number;
  /**
   * Milliseconds without a call until a client is asked to leave. It is cut off after twice the time.
   *
   * @default 5 min
   */
  readonly idleMilliseconds?: number;
  /** Milliseconds until a connection takes no more calls, which spreads clients over new pods. @default 30 min */
  readonly ageMilliseconds?: number;
  /**
   * Milliseconds without a byte until the system asks whether the peer is still there, which finds clients that
   * vanished.
   *
   * @default 1 min
   */
  readonly keepaliveMilliseconds?: number;
}

/** Open port of a server. */
export interface Listener {
  readonly port: number;
  /** Stops listening, closes connections that have not sent their preface, and waits for the others to end. */
  close(): Promise<void>;
}

/**
 * Listens for connections and passes on those that have sent the HTTP/2 preface in time. grpc-js has no limit for a
 * connection before its first call.
 *
 * @param accept takes a connection; the bytes of the preface are still to be read from it
 * @throws PORT_IN_USE, CONFIG_INVALID when the host is not an address of this machine
 */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  identity: ServerIdentity | undefined,
  { maximumConnections = 1000, handshakeMilliseconds = 10_000, keepaliveMilliseconds = 60_000 }: ConnectionLimits,
  accept: (connection: Socket) => void,
): Promise<Listener> {
  const beginning = new Set<Socket>();
  const begin = (socket: Socket): void => {
    beginning.add(socket);
    // An error closes the connection; nothing else depends on it.
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
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepaliveMilliseconds };
  const server =
    identity === undefined
      ? createServer(options, greet)
      : tlsServer(identity, { ...options, handshakeTimeout: handshakeMilliseconds }, greet);
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
  options: TlsOptions,
  greet: (socket: Socket) => void,
): Server {
  const verified = { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  const server = createTlsServer(
    {
      cert: certificate,
      key,
      ...(clientAuthority === undefined ? {} : verified),
      ALPNProtocols: ['h2'],
      ...options,
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
