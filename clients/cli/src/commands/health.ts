import { readTransportSecurity } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';
import { health } from '@hyperswap/proto';
import { accessToSelf, callUnary, clientAccess, connect } from '@hyperswap/rpc';
import type { Command } from 'commander';
import { probeHttp } from '../probe-http.js';
import { configure, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

const { SERVING } = health.HealthCheckResponse_ServingStatus;
/** Limit of a probe; those who probe expect a fast answer. */
const timeout = 5_000;
/** Addresses that a server listens on, with those that reach it from its own machine. */
const reachable: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]', '[::]': '[::1]' };

/**
 * Adds `hyperswap health`, a probe for containers: it asks `grpc.health.v1` once and fails with NOT_SERVING,
 * SERVICE_UNKNOWN, SERVICE_UNREACHABLE or DEADLINE. With `--http` it asks for a page of the HTTP gateway instead.
 * The default target is the process with the same settings on this machine, over TLS where that process has a
 * certificate; the setting `endpoint` of that process is the address of another one.
 */
export function addHealthCommand(program: Command): void {
  program
    .command('health')
    .description('probe a server once; the exit code is 0 when it serves')
    .argument('[service]', 'full name of a service, or liveness; all services by default', '')
    .option('--http <url>', 'probe a page of the HTTP gateway instead')
    .action(async (service: string, own: { readonly http?: string }, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const { config } = configure(flags, 'error');
      const security = readTransportSecurity(config);
      if (own.http !== undefined) {
        await probeHttp(own.http, security, timeout);
        printResult(flags.json, { endpoint: own.http, status: 'SERVING' }, ['SERVING']);
        return;
      }
      const { identity, trusted } = security;
      const scheme = identity === undefined ? '' : 'https://';
      const isOwn = flags.endpoint === undefined;
      const endpoint = flags.endpoint ?? `${scheme}${reachable[config.host] ?? config.host}:${config.port}`;
      // A probe needs no token. A server without a certificate of its own speaks no TLS, whatever it trusts.
      const shown = isOwn && identity === undefined ? {} : { identity, trusted };
      const access = (isOwn ? accessToSelf : clientAccess)({ ...shown, tokenFile: '' });
      const client = connect(health.HealthClient, endpoint, access);
      try {
        const { status } = await callUnary(client, 'check', { service }, { timeout });
        if (status !== SERVING) {
          throw failure('NOT_SERVING', { service: service === '' ? 'The process' : service, endpoint });
        }
        printResult(flags.json, { endpoint, service, status: 'SERVING' }, ['SERVING']);
      } finally {
        client.close();
      }
    });
}
