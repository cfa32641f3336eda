/** HTTP server: guards, limits and routing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServiceName } from '@hyperswap/config';
import { failure, HyperswapError } from '@hyperswap/errors';
import type { Logger } from '@hyperswap/telemetry';
import { BodyBudget } from './body.js';
import { answerCall, isGrpcWeb } from './grpc-web/bridge.js';
import { answerMap, mapRequest } from './maps/answer-map.js';
import { MapCache } from './maps/map-cache.js';
import { answerOgc, isOgc } from './ogc/answer-ogc.js';
import { OpenPreparations } from './ogc/open-preparations.js';
import { sendProblem } from './problem.js';
import { checkOrigin, secure, type GatewayNames } from './request-guard.js';
import { Channels, publicMethods, type Route } from './routes.js';
import { StaticFiles } from './static-files.js';

/** Milliseconds for the headers of a request, for a whole request, and between two requests of a connection. */
const milliseconds = { headers: 10_000, request: 30_000, idle: 30_000 };

export interface GatewayOptions extends GatewayNames {
  readonly host: string;
  /** Port; 0 takes a free one. */
  readonly port: number;
  /** Certificate and key, in PEM. With them, the gateway speaks HTTPS. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
  /** Authority that must have signed the certificates of browsers, in PEM. */
  readonly clientAuthority?: string | undefined;
  /** Folder of the console's files. */
  readonly site: string;
  /** Address of a group of services. */
  readonly routeOf: (service: ServiceName) => Route;
  /** Connections at a time. */
  readonly maximumConnections: number;
  /** Requests at a time; more are refused. */
  readonly maximumRequests: number;
  readonly logger: Logger;
}

export interface RunningGateway {
  /** Address for browsers, for example `http://127.0.0.1:7440`. */
  readonly address: string;
  /** Stops listening, and ends open requests after the grace. */
  stop(graceMilliseconds: number): Promise<void>;
}

/** Starts a gateway. @throws PORT_IN_USE, CONFIG_INVALID when the host is not an address of this machine */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { host, port, identity, clientAuthority, site, routeOf, maximumConnections } = options;
  const files = await StaticFiles.read(site);
  const cache = await MapCache.open();
  const channels = new Channels(routeOf);
  const preparations = new OpenPreparations();
  const answer = new Answers(options, files, cache, channels, preparations);
  const listener = (request: IncomingMessage, response: ServerResponse): void => void answer.to(request, response);
  const limits = {
    headersTimeout: milliseconds.headers,
    requestTimeout: milliseconds.request,
    keepAliveTimeout: milliseconds.idle,
  };
  const verified =
    clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  const server =
    identity === undefined
      ? createServer(limits, listener)
      : createTlsServer({ ...limits, cert: identity.certificate, key: identity.key, ...verified }, listener);
  server.maxConnections = maximumConnections;
  try {
    await listen(server, host, port);
  } catch (error) {
    await cache.close();
    throw error;
  }
  const { port: used } = server.address() as AddressInfo;
  return {
    address: `${identity === undefined ? 'http' : 'https'}://${host}:${used}`,
    stop: async (graceMilliseconds) => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
      await closed;
      clearTimeout(timer);
      await preparations.close();
      channels.close();
      await cache.close();
    },
  };
}

/** Answers to requests. */
class Answers {
  private readonly budget = new BodyBudget();
  private open = 0;

  constructor(
    private readonly options: GatewayOptions,
    private readonly files: StaticFiles,
    private readonly cache: MapCache,
    private readonly channels: Channels,
    private readonly preparations: OpenPreparations,
  ) {}

  async to(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.open += 1;
    response.once('close', () => (this.open -= 1));
    // A client that disconnects is not an error of this process.
    response.on('error', () => undefined);
    try {
      secure(response);
      checkOrigin(request, this.options);
      const { maximumRequests } = this.options;
      if (this.open > maximumRequests) throw failure('GATEWAY_BUSY', { what: `${maximumRequests} requests` });
      await this.answer(request, response);
    } catch (error) {
      if (HyperswapError.is(error, 'INTERNAL') || !(error instanceof HyperswapError)) {
        this.options.logger.error({ err: error }, 'a request of a browser failed');
      }
      sendProblem(response, error);
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '/' } = request;
    if (!URL.canParse(target, 'http://gateway')) throw failure('HTTP_INVALID', { reason: 'its path cannot be read' });
    const url = new URL(target, 'http://gateway');
    const { channels, cache, budget } = this;
    if (isOgc(url.pathname)) {
      await answerOgc(request, response, url, { channels, budget, preparations: this.preparations });
      return;
    }
    if (method === 'POST') {
      const found = publicMethods.get(url.pathname);
      if (found === undefined) throw failure('PATH_UNKNOWN', { path: url.pathname });
      if (!isGrpcWeb(request))
        throw failure('HTTP_INVALID', { reason: 'its content type is not application/grpc-web+proto' });
      await answerCall(request, response, { path: url.pathname, method: found, channels, budget });
      return;
    }
    if (method !== 'GET' && method !== 'HEAD')
      throw failure('HTTP_INVALID', { reason: `its method is ${method}, not GET, HEAD or POST` });
    const map = mapRequest(url);
    if (map !== undefined) await answerMap(request, response, map, { channels, cache });
    else if (!this.files.answer(request, response, url.pathname)) throw failure('PATH_UNKNOWN', { path: url.pathname });
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(failure('PORT_IN_USE', { address: `${host}:${port}` }, error));
      else
        reject(failure('CONFIG_INVALID', { key: 'host', value: host, allowed: 'an address of this machine' }, error));
    });
    server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, resolve);
  });
}
