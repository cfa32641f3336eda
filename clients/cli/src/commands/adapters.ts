import { createHash } from 'node:crypto';
import path from 'node:path';
import { Option, type Command } from 'commander';
import {
  AdapterOrigin,
  type AdapterFormat,
  type AdapterVersion,
  type RegisterAdapterHeader,
  type RegisterAdapterRequest,
  type RegisterAdapterResponse,
  type Signature,
} from '@hyperswap/proto';
import { completeClasses, modelItem } from '@hyperswap/map';
import { callUnary, pieces, readStream, upload } from '@hyperswap/rpc';
import { adapterStatement, readPrivateKey, signStatement } from '@hyperswap/keys';
import { failure } from '@hyperswap/errors';
import { describeBands } from '@hyperswap/raster';
import { allPages } from '../all-pages.js';
import { adapterFormats, readAdapterFiles, writeAdapterFiles, type AdapterFiles } from '../adapter-files.js';
import { describeMeasurement } from '../report/measurement.js';
import { describeAccuracy, percent, referenceOf, shortMetrics } from '../report/report.js';
import { withSession, type Session } from '../session.js';
import { shortTime, table, warn } from '../terminal.js';
import { version as programVersion } from '../version.js';

export function addAdapterCommands(program: Command): void {
  const adapters = program.command('adapters').description('list, show, import, export, name and retire adapters');

  adapters
    .command('list')
    .description('list all versions of all adapters')
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
    .description('describe one version')
    .action((adapter: string, _: unknown, command: Command) =>
      withSession(command, (session) => getAdapter(session, adapter), describeAdapter),
    );

  adapters
    .command('import')
    .argument('<path>', 'an adapter.safetensors, or a folder of Hugging Face PEFT (LORA or LOKR)')
    .requiredOption('--name <name>', 'name of the adapter')
    .option('--like <ref>', 'adapter of the same scene; a PEFT adapter takes classes, PCA and normaliser from it')
    .description('register a blob as the next version of a name')
    .action((file: string, { name, like = '' }: { name: string; like?: string }, command: Command) =>
      withSession(
        command,
        async (session) => {
          const { format, files } = await readAdapterFiles(file);
          if (format === adapterFormats.peft && like === '') {
            const reason =
              'PEFT’s files hold no patch size, classes, PCA or normaliser: name an adapter of the same scene and backbone';
            throw failure('FIELD_INVALID', { field: '--like', reason });
          }
          return registerAdapter(session, { name, fileName: path.basename(file), format, like }, files);
        },
        describeAdapter,
      ),
    );

  adapters
    .command('export')
    .argument('<ref>')
    .argument('<dir>')
    .addOption(
      new Option('--format <format>', 'files to write').choices(Object.keys(adapterFormats)).default('hyperswap'),
    )
    .description('write a version’s blob, or the files of Hugging Face PEFT, and a STAC item to a folder')
    .action(
      (adapter: string, directory: string, { format }: { format: keyof typeof adapterFormats }, command: Command) =>
        withSession(
          command,
          async (session) => {
            // Resolved once, so that a name means the same version even if another one is registered in the meantime.
            const version = await getAdapter(session, adapter);
            const files = await fetchFiles(session, referenceOf(version), adapterFormats[format]);
            files.set('item.json', [describeModel(version, [...files.keys()])]);
            return { files: await writeAdapterFiles(files, directory) };
          },
          ({ files }) => files.map((file) => `Wrote ${file}.`),
        ),
    );

  adapters
    .command('alias')
    .argument('<ref>')
    .argument('<alias>')
    .description('move an alias to a version; open streams use it from their next tile')
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
    .option('--undo', 'remove the pin')
    .description('keep an adapter loaded on every pod')
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
    .description('delete retired versions that no alias or pin names')
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
    .option('--undo', 'bring the version back')
    .description('retire a version: it takes no new work')
    .action((adapter: string, { undo = false }: { undo?: boolean }, command: Command) =>
      withSession(
        command,
        async ({ adapters: registry, signal }) =>
          (await callUnary(registry, 'retireAdapter', { adapter, undo }, { signal })).adapter!,
        (version) => [`${referenceOf(version)} is ${version.retired ? 'retired' : 'in service'}.`],
      ),
    );
}

/** Returns the STAC item of a version. @param files names of its files */
function describeModel(adapter: AdapterVersion, files: readonly string[]): Buffer {
  const { name, version, method, parameters, patchSize, bands, wavelengths, scene, split, metrics } = adapter;
  const accuracy =
    metrics === undefined ? '' : ` Overall accuracy on its test pixels: ${percent(metrics.overallAccuracy)}.`;
  const item = modelItem({
    ...{ name, version, method, parameters, patchSize, bands, wavelengths, files },
    made: adapter.publishedAt ?? new Date(),
    description: `Land-cover classes of ${scene}, trained on: ${split}.${accuracy}`,
    backbone: { name: adapter.backbone, digest: adapter.backboneDigest },
    classes: completeClasses(adapter.classes, 0),
    software: `hyperswap ${programVersion}`,
  });
  return Buffer.from(`${JSON.stringify(item, null, 2)}\n`);
}

async function listAdapters({ adapters: registry, signal }: Session): Promise<AdapterVersion[]> {
  const pages = await allPages((page) => callUnary(registry, 'listAdapters', page, { signal }));
  for (const { name, error } of pages.flatMap(({ damaged }) => damaged)) {
    warn(`adapter ${name} cannot be read: ${error!.message}`);
  }
  return pages.flatMap(({ adapters }) => adapters);
}

/** @throws ADAPTER_NOT_FOUND */
async function getAdapter({ adapters: registry, signal }: Session, adapter: string): Promise<AdapterVersion> {
  return (await callUnary(registry, 'getAdapter', { adapter }, { signal })).adapter!;
}

async function fetchFiles(
  { adapters: registry, signal }: Session,
  adapter: string,
  format: AdapterFormat,
): Promise<Map<string, Uint8Array[]>> {
  const files = new Map<string, Uint8Array[]>();
  for await (const { chunk } of readStream(registry, registry.exportAdapter({ adapter, format }), signal)) {
    const { file, content } = chunk!;
    files.set(file, [...(files.get(file) ?? []), content]);
  }
  return files;
}

async function registerAdapter(
  session: Session,
  header: Pick<RegisterAdapterHeader, 'name' | 'fileName' | 'format' | 'like'>,
  files: AdapterFiles['files'],
): Promise<AdapterVersion> {
  const { adapters, signal, config } = session;
  const signature = config.signingKey === '' ? undefined : sign(config.signingKey, header.name, files);
  async function* requests(): AsyncGenerator<RegisterAdapterRequest> {
    yield { part: { $case: 'header', value: { ...header, signature } } };
    for (const [file, bytes] of files) {
      for await (const content of pieces(bytes)) yield { part: { $case: 'chunk', value: { file, content } } };
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

/** @throws PEFT_UNSUPPORTED when there is no blob to sign yet */
function sign(keyFile: string, name: string, files: AdapterFiles['files']): Signature {
  const [blob, ...others] = files.values();
  if (blob === undefined || others.length > 0) {
    throw failure('PEFT_UNSUPPORTED', {
      file: 'the folder',
      reason: 'a signature is of hyperswap’s blob, which the server makes of PEFT’s files',
      mend: 'Import it where no signature is asked for, export it there as hyperswap’s blob, and import that one',
    });
  }
  const digest = createHash('sha256').update(blob).digest('hex');
  return signStatement(readPrivateKey('signingKey', keyFile), adapterStatement(name, digest));
}

function describeAdapter(adapter: AdapterVersion): string[] {
  const { metrics } = adapter;
  return [
    `${referenceOf(adapter)} ${adapter.digest.slice(0, 12)}${adapter.retired ? ' (retired)' : ''}`,
    `${adapter.method} on ${adapter.backbone}, ${adapter.parameters} learned values, ${(adapter.bytes / 1e6).toFixed(3)} MB`,
    `patch size ${adapter.patchSize}, ${adapter.bands} bands, ${adapter.classes.length} classes`,
    ...(adapter.wavelengths.length === 0 ? [] : [`wavelengths: ${describeBands(adapter.wavelengths)}`]),
    ...(adapter.diffusionReach === undefined
      ? []
      : [`features diffused with reach ${adapter.diffusionReach}: it classifies whole scenes only`]),
    `trained on ${adapter.scene}: ${adapter.split}`,
    ...(metrics === undefined
      ? []
      : [describeAccuracy(shortMetrics(metrics)), ...describeMeasurement(metrics, adapter.calibration)]),
    `${adapter.origin === AdapterOrigin.ADAPTER_ORIGIN_UPLOAD ? 'uploaded' : 'trained'} ${shortTime(adapter.publishedAt)}${adapter.supersedes === '' ? '' : ` after ${adapter.supersedes}`}${adapter.signedBy === '' ? '' : `, signed by ${adapter.signedBy.slice(0, 12)}`}`,
    ...(adapter.aliases.length > 0 ? [`aliases: ${adapter.aliases.join(', ')}`] : []),
  ];
}
