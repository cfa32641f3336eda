import { Option, type Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { createKeyFiles, issueToken, readPrivateKey } from '@hyperswap/keys';
import { roles, type Role } from '@hyperswap/rpc';
import { configure, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

interface TokenFlags {
  readonly key: string;
  readonly subject: string;
  readonly role: Role;
  readonly hours: string;
}

/** Commands for keys and signed tokens, for installations without an identity provider. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('create keys, and tokens with them');

  keys
    .command('create')
    .argument('<dir>')
    .description('create a key pair: private.jwk signs tokens and adapters, keys.json is for servers that trust it')
    .action(async (directory: string, _: unknown, command: Command) => {
      const files = await createKeyFiles(directory);
      const lines = [`Wrote ${files.privateKey} (keep it to yourself) and ${files.publicKeys}.`];
      printResult(command.optsWithGlobals<GlobalFlags>().json, files, lines);
    });

  keys
    .command('token')
    .description('print a token for services that trust the key (HYPERSWAP_TOKEN_KEYS)')
    .requiredOption('--key <file>', 'private key: private.jwk')
    .requiredOption('--subject <name>', 'name of the token’s owner')
    .addOption(new Option('--role <role>', 'role of its owner').choices(roles).makeOptionMandatory())
    .option('--hours <number>', 'hours until it expires', '12')
    .action(async ({ key, subject, role, hours }: TokenFlags, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      if (!(Number(hours) > 0)) {
        throw failure('FIELD_INVALID', { field: '--hours', reason: `${hours} is not a number above 0` });
      }
      const { tokenAudience: audience } = configure(flags, 'error').config;
      const claims = { subject, roles: [role], audience, hours: Number(hours) };
      const token = await issueToken(readPrivateKey('--key', key), claims);
      printResult(flags.json, { token }, [token]);
    });
}
