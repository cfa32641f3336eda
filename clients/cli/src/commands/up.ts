import type { Command } from 'commander';
import { serviceNames, type ServiceName } from '@hyperswap/config';
import { failure } from '@hyperswap/errors';
import { consoleSite, openBrowser } from '../console-site.js';
import { configure, type GlobalFlags } from '../session.js';

interface UpFlags extends GlobalFlags {
  readonly services: string;
  readonly host?: string;
  readonly port?: string;
  readonly attached?: boolean;
  readonly open?: boolean;
}

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .description('run the services until Ctrl-C or SIGTERM, then drain')
    .option(
      '--services <names>',
      'services to run, separated by commas; gateway runs the HTTP gateway alone',
      serviceNames.join(','),
    )
    .option('--host <address>', 'address to listen on; 127.0.0.1 by default')
    .option('--port <number>', 'port to listen on; 7420 by default, 0 takes a free one')
    .option('--open', 'open the web console in a browser')
    .option('--attached', 'stop when standard input ends, for programs that start this one')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<UpFlags>();
      const { config: base, logger } = configure(flags, 'info');
      const port = flags.port === undefined ? base.port : Number(flags.port);
      if (!Number.isInteger(port) || port < 0 || port > 65_535) {
        throw failure('CONFIG_INVALID', { key: 'port', value: flags.port ?? '', allowed: '0 to 65535' });
      }
      const config = { ...base, host: flags.host ?? base.host, port };
      // Loaded on use: no other command needs the services' code in its own process.
      const { serve } = await import('@hyperswap/host');
      const services = parseServices(flags.services);
      if (!config.gateway && (flags.open === true || services.length === 0)) {
        const reason = 'the gateway is switched off: set HYPERSWAP_GATEWAY to true';
        throw failure('FIELD_INVALID', { field: flags.open === true ? '--open' : '--services', reason });
      }
      await serve(config, services, logger, {
        attached: flags.attached === true,
        site: config.gateway ? consoleSite() : undefined,
        onConsole: flags.open === true ? openBrowser : undefined,
      });
    });
}

/** Returns the services that `--services` names; none for the gateway alone. @throws CONFIG_INVALID */
function parseServices(given: string): ServiceName[] {
  if (given.trim() === 'gateway') return [];
  return given.split(',').map((name) => {
    const found = serviceNames.find((known) => known === name.trim());
    if (found === undefined) {
      throw failure('CONFIG_INVALID', {
        key: 'services',
        value: name,
        allowed: `${serviceNames.join(', ')}; or gateway alone`,
      });
    }
    return found;
  });
}
