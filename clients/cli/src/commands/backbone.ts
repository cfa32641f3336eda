import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { importCheckpoint, type ConversionOptions } from '@hyperswap/checkpoint';
import { failure, onStopSignal } from '@hyperswap/errors';
import {
  Positions,
  TokenPooling,
  type Backbone,
  type ImportBackboneRequest,
  type ImportBackboneResponse,
} from '@hyperswap/proto';
import { callUnary, pieces, upload } from '@hyperswap/rpc';
import { allPages } from '../all-pages.js';
import { fetchFile } from '../fetch-file.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { printResult, Progress } from '../terminal.js';

interface ImportFlags extends GlobalFlags {
  readonly name: string;
  readonly positions: 'folded' | 'separate' | 'zero';
  readonly pooling: 'skip-first' | 'all';
  readonly heads?: string;
}

interface FetchFlags extends GlobalFlags {
  readonly url: string;
  readonly sha256?: string;
  readonly out: string;
}

/** Address at which the authors published SpectralGPT+; it could not be reached when this was written. */
const releaseUrl = 'https://zenodo.org/records/8412455/files/SpectralGPT+.pth?download=1';

export function addBackboneCommands(program: Command): void {
  const backbone = program.command('backbones').alias('backbone').description('import, list, show and fetch backbones');

  backbone
    .command('import')
    .argument('<file>', 'checkpoint of SpectralGPT: .pth of torch.save, or .safetensors')
    .description('convert a checkpoint of SpectralGPT to a backbone')
    .requiredOption('--name <name>', 'name of the backbone')
    .addOption(
      new Option(
        '--positions <way>',
        'separate position tables: folded into one, kept, or left out as the original fine-tuning does',
      )
        .choices(['folded', 'separate', 'zero'])
        .default('folded'),
    )
    .addOption(
      new Option('--pooling <tokens>', 'tokens that are averaged').choices(['skip-first', 'all']).default('skip-first'),
    )
    .option('--heads <count>', 'attention heads; needed if the width is not that of a known size')
    .action(async (file: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ImportFlags>();
      const { positions, pooling } = flags;
      const heads = flags.heads === undefined ? {} : { heads: headCount(flags.heads) };
      const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-checkpoint-'));
      try {
        // Converted before services start, so that a bad file costs nothing.
        const options: ConversionOptions = { positions, pooling, ...heads };
        await importCheckpoint(file, directory, options);
        const session = await openSession(flags, ['trainer']);
        try {
          const imported = await sendBackbone(session, flags.name, directory);
          printResult(flags.json, imported, describe(imported));
        } finally {
          await session.close();
        }
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });

  backbone
    .command('list')
    .description('list the backbones')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const session = await openSession(flags, ['trainer']);
      try {
        const { backbones: service, signal } = session;
        const pages = await allPages((page) => callUnary(service, 'listBackbones', page, { signal }));
        const names = pages.flatMap(({ backbones }) => backbones.map(({ name }) => name));
        printResult(flags.json, names, names);
      } finally {
        await session.close();
      }
    });

  backbone
    .command('show')
    .argument('<name>')
    .description('describe a backbone: size, digest, settings')
    .action(async (name: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const session = await openSession(flags, ['trainer']);
      try {
        const request = { backbone: name };
        const found = await callUnary(session.backbones, 'getBackbone', request, { signal: session.signal });
        printResult(flags.json, found.backbone, describe(found.backbone!));
      } finally {
        await session.close();
      }
    });

  backbone
    .command('fetch')
    .description('download a published checkpoint; resumes an interrupted download')
    .addOption(new Option('--url <url>', 'address of the file').default(releaseUrl, 'SpectralGPT+ at Zenodo'))
    .option('--sha256 <digest>', 'expected digest of the file; without it the digest is printed')
    .option('--out <file>', 'file to write', 'SpectralGPT+.pth')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<FetchFlags>();
      const progress = new Progress();
      const interruption = new AbortController();
      const ignoreStopSignals = onStopSignal(() => interruption.abort());
      try {
        const { sha256, url, out } = flags;
        const report = (done: number, total: number): void => {
          progress.update('downloading', done, total);
        };
        const found = await fetchFile(url, out, { sha256, report, signal: interruption.signal });
        progress.stop();
        printResult(flags.json, { file: out, ...found }, [`${out}: ${found.bytes} bytes, sha-256 ${found.sha256}`]);
      } finally {
        progress.stop();
        ignoreStopSignals();
      }
    });
}

async function sendBackbone(session: Session, name: string, directory: string): Promise<Backbone> {
  const { backbones, signal } = session;
  async function* requests(): AsyncGenerator<ImportBackboneRequest> {
    yield { part: { $case: 'header', value: { name } } };
    for (const file of ['config.json', 'model.safetensors']) {
      for await (const content of pieces(path.join(directory, file))) {
        yield { part: { $case: 'chunk', value: { file, content } } };
      }
    }
  }
  const { backbone } = await upload<ImportBackboneRequest, ImportBackboneResponse>(
    backbones,
    (callback) => backbones.importBackbone(callback),
    requests(),
    signal,
  );
  return backbone!;
}

function describe({ name, digest, parameters, width, depth, heads, positions, pooling }: Backbone): string[] {
  return [
    `${name} ${digest.slice(0, 12)}: ${parameters} parameters, ${width} wide, ${depth} blocks, ${heads} heads, ${positions === Positions.POSITIONS_JOINT ? 'joint' : 'separate'} positions, pooling ${pooling === TokenPooling.TOKEN_POOLING_ALL ? 'all' : 'skip-first'}`,
  ];
}

function headCount(given: string): number {
  const count = Number(given);
  if (Number.isInteger(count) && count > 0) return count;
  throw failure('FIELD_INVALID', { field: '--heads', reason: `${given} is not a whole number above 0` });
}
