import path from 'node:path';
import { Option, type Command } from 'commander';
import {
  AdapterFormat,
  AdapterOrigin,
  type AdapterVersion,
  type RegisterAdapterRequest,
  type RegisterAdapterResponse,
} from '@hyperswap/proto';
import { callUnary, pieces, readStream, upload } from '@hyperswap/rpc';
import { blobDigest } from '@hyperswap/adapter';
import { adapterStatement, readPrivateKey, signStatement } from '@hyperswap/keys';
import {
  adapterFormats,
  readAdapterFile,
  writeAdapterFile,
  type AdapterFormat as FileFormat,
} from '../adapter-files.js';
import { percent, referenceOf } from '../report/report.js';
import { withSession, type Session } from '../session.js';
import { shortTime, table } from '../terminal.js';

export function addAdapterCommands(program: Command): void {
  const adapters = program.command('adapters').description('list, import, export and name adapters');

  adapters
    .command('list')
    .description('all versions')
    .action((_: unknown, command: Command) =>
      withSession(command, listAdapters, (all) =>
        table(
          ['adapter', 'method', 'backbone', 'OA', 'MB', 'aliases'],
          all.map((adapter) => [
            referenceOf(adapter),
            adapter.method,
            adapter.backbone,
            adapter.metrics === undefined ? '' : percent(adapter.metrics.overallAccuracy),
            (adapter.bytes / 1e6).toFixed(3),
            [...adapter.aliases, ...(adapter.retired ? ['(retired)'] : [])].join(', '),
          ]),
        ),
      ),
    );

  adapters
    .command('show')
    .argument('<ref>', 'name, name@7 or name:alias')
    .description('one version')
    .action((adapter: string, _: unknown, command: Command) =>
      withSession(command, (session) => getAdapter(session, adapter), describeAdapter),
    );

  adapters
    .command('import')
    .argument('<path>', 'an adapter.safetensors, or a folder of Hugging Face PEFT (LORA or LOKR)')
    .requiredOption('--name <name>')
    .option('--like <ref>', 'adapter of the same scene, from which a PEFT one gets classes, PCA and normaliser')
    .description('register a blob as the next version of a name')
    .action((file: string, { name, like }: { name: string; like?: string }, command: Command) =>
      withSession(
        command,
        async (session) => {
          const template = like === undefined ? undefined : () => fetchBlob(session, like);
          return registerAdapter(session, name, path.basename(file), await readAdapterFile(file, template));
        },
        describeAdapter,
      ),
    );

  adapters
    .command('export')
    .argument('<ref>')
    .argument('<dir>')
    .addOption(new Option('--format <format>').choices(adapterFormats).default('hyperswap'))
    .description('write a version’s blob, or the files of Hugging Face PEFT, to a folder')
    .action((adapter: string, directory: string, { format }: { format: FileFormat }, command: Command) =>
      withSession(
        command,
        async (session) => ({
          files: await writeAdapterFile(adapter, await fetchBlob(session, adapter), directory, format),
        }),
        ({ files }) => files.map((file) => `Wrote ${file}.`),
      ),
    );

  adapters
    .command('alias')
    .argument('<ref>')
    .argument('<alias>')
    .description('point an alias at a version; streams that use it change with their next tile')
    .action((adapter: string, alias: string, _: unknown, command: Command) =>
      withSession(
        command,
        async ({ adapters: registry, signal }) =>
          (await callUnary(registry, 'setAlias', { adapter, alias }, { signal })).adapter!,
        (version) => [`${version.name}:${alias} is ${referenceOf(version)}.`],
      ),
    );

  adapters
    .command('pin')
    .argument('<ref>', 'name, name@7 or name:alias')
    .option('--undo', 'no longer')
    .description('keep what a reference means ready on every pod: a version, an alias’s, or the newest')
    .action((adapter: string, { undo = false }: { undo?: boolean }, command: Command) =>
      withSession(
        command,
        async ({ adapters: registry, signal }) =>
          (await callUnary(registry, 'pinAdapter', { adapter, undo }, { signal })).adapter!,
        (version) => [`${adapter} is ${undo ? 'no longer pinned' : `pinned; now it means ${referenceOf(version)}`}.`],
      ),
    );

  adapters
    .command('gc')
    .description('clear away retired versions that no alias or pin names')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ adapters: registry, signal }) =>
          (await callUnary(registry, 'collectAdapters', {}, { signal, timeout: 600_000 })).adapters,
        (gone) => [gone.length === 0 ? 'There was nothing to clear away.' : `Cleared away ${gone.join(', ')}.`],
      ),
    );

  adapters
    .command('retire')
    .argument('<ref>')
    .option('--undo', 'bring it back')
    .description('let a version take no new work')
    .action((adapter: string, { undo = false }: { undo?: boolean }, command: Command) =>
      withSession(
        command,
        async ({ adapters: registry, signal }) =>
          (await callUnary(registry, 'retireAdapter', { adapter, undo }, { signal })).adapter!,
        (version) => [`${referenceOf(version)} is ${version.retired ? 'retired' : 'in service'}.`],
      ),
    );
}

async function listAdapters({ adapters: registry, signal }: Session): Promise<AdapterVersion[]> {
  const all: AdapterVersion[] = [];
  for (let pageToken = ''; ;) {
    const page = await callUnary(registry, 'listAdapters', { pageSize: 0, pageToken }, { signal });
    all.push(...page.adapters);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}

/** @throws ADAPTER_NOT_FOUND */
export async function getAdapter({ adapters: registry, signal }: Session, adapter: string): Promise<AdapterVersion> {
  return (await callUnary(registry, 'getAdapter', { adapter }, { signal })).adapter!;
}

async function fetchBlob({ adapters: registry, signal }: Session, adapter: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const call = registry.exportAdapter({ adapter, format: AdapterFormat.ADAPTER_FORMAT_HYPERSWAP });
  for await (const { chunk } of readStream(registry, call, signal)) chunks.push(chunk!.content);
  return Buffer.concat(chunks);
}

async function registerAdapter(
  session: Session,
  name: string,
  fileName: string,
  blob: Uint8Array,
): Promise<AdapterVersion> {
  const { adapters, signal, config } = session;
  const signature =
    config.signingKey === ''
      ? undefined
      : signStatement(readPrivateKey('signingKey', config.signingKey), adapterStatement(name, blobDigest(blob)));
  const format = AdapterFormat.ADAPTER_FORMAT_HYPERSWAP;
  async function* requests(): AsyncGenerator<RegisterAdapterRequest> {
    yield { part: { $case: 'header', value: { name, fileName, signature, format, like: '' } } };
    for await (const content of pieces(blob)) {
      yield { part: { $case: 'chunk', value: { file: 'adapter.safetensors', content } } };
    }
  }
  const { adapter } = await upload<RegisterAdapterRequest, RegisterAdapterResponse>(
    adapters,
    (callback) => adapters.registerAdapter(callback),
    requests(),
    signal,
  );
  return adapter!;
}

function describeAdapter(adapter: AdapterVersion): string[] {
  const { metrics } = adapter;
  return [
    `${referenceOf(adapter)} ${adapter.digest.slice(0, 12)}${adapter.retired ? ' (retired)' : ''}`,
    `${adapter.method} on ${adapter.backbone}, ${adapter.parameters} learned values, ${(adapter.bytes / 1e6).toFixed(3)} MB`,
    `patch size ${adapter.patchSize}, ${adapter.bands} bands, ${adapter.classes.length} classes`,
    `trained on ${adapter.scene}: ${adapter.split}`,
    ...(metrics === undefined
      ? []
      : [
          `OA ${percent(metrics.overallAccuracy)}, AA ${percent(metrics.averageAccuracy)}, kappa ${metrics.kappa.toFixed(4)}`,
        ]),
    `${adapter.origin === AdapterOrigin.ADAPTER_ORIGIN_UPLOAD ? 'uploaded' : 'trained'} ${shortTime(adapter.publishedAt)}${adapter.supersedes === '' ? '' : ` after ${adapter.supersedes}`}${adapter.signedBy === '' ? '' : `, signed by ${adapter.signedBy.slice(0, 12)}`}`,
    ...(adapter.aliases.length > 0 ? [`aliases: ${adapter.aliases.join(', ')}`] : []),
  ];
}
