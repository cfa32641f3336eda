import { open, readFile, stat, writeFile, type FileHandle } from 'node:fs/promises';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { Precision, type PredictHeader, type PredictRequest } from '@hyperswap/proto';
import { exchange } from '@hyperswap/rpc';
import { readNpyHeader, writeNpy } from '@hyperswap/raster';
import { precisions, type PrecisionName } from '../names.js';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult, Progress } from '../terminal.js';

interface PredictFlags extends GlobalFlags {
  readonly adapter?: string;
  readonly patches: string;
  readonly out: string;
}

/** Patches of one message, 48 KiB each at the release's size. */
const patchesPerMessage = 32;
/** More than any header of an array has. */
const headerBytes = 4096;

export function addPredictCommand(program: Command): void {
  program
    .command('predict')
    .description('compute logits of patches; without an adapter, their features')
    .option('--adapter <ref>', 'a registered adapter, or the path of a blob')
    .requiredOption('--patches <file>', 'patches to read: .npy, float32 [N, 12, 32, 32]')
    .requiredOption('--out <file>', 'file to write: .npy, float32 [N, classes] or [N, width]')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PredictFlags>();
      const patches = await openPatches(flags.patches);
      const progress = new Progress();
      try {
        const session = await openSession(flags);
        try {
          const header: PredictHeader = {
            backbone: flags.backbone ?? '',
            precision: precisionOf(flags.precision),
            adapter: await adapterPart(flags.adapter),
          };
          const { tiles, signal } = session;
          const rows: Buffer[] = [];
          let done = 0;
          let columns = 0;
          const call = tiles.predict();
          for await (const response of exchange(tiles, call, requests(header, patches), signal)) {
            rows.push(response.values);
            done += response.count;
            ({ columns } = response);
            progress.update('predicting', done, patches.count);
          }
          const values = new Float32Array(new Uint8Array(Buffer.concat(rows)).buffer);
          await writeFile(flags.out, writeNpy({ shape: [done, columns], values }));
          progress.stop();
          printResult(flags.json, { out: flags.out, patches: done, columns }, [`${flags.out}: [${done}, ${columns}]`]);
        } finally {
          await session.close();
        }
      } finally {
        progress.stop();
        await patches.handle.close();
      }
    });
}

/** Precision of `--precision`; without it that of the process. @throws FIELD_INVALID */
function precisionOf(given: string | undefined): Precision {
  if (given === undefined) return Precision.PRECISION_UNSPECIFIED;
  if (given === 'auto') return Precision.PRECISION_AUTO;
  if (Object.hasOwn(precisions, given)) return precisions[given as PrecisionName];
  const reason = `${given} is none of ${['auto', ...Object.keys(precisions)].join(', ')}`;
  throw failure('FIELD_INVALID', { field: '--precision', reason });
}

interface OpenPatches {
  readonly handle: FileHandle;
  readonly dataStart: number;
  readonly count: number;
  readonly patchBytes: number;
}

/** @throws FILE_UNREADABLE, FILE_FORMAT, PATCHES_SHAPE */
async function openPatches(file: string): Promise<OpenPatches> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(headerBytes, size));
    await handle.read(start, 0, start.byteLength, 0);
    const { shape, type, dataStart, rowMajor, littleEndian } = readNpyHeader(file, start, size);
    const [count, ...patch] = shape;
    if (type !== 'f4' || !rowMajor || !littleEndian || patch.length !== 3 || count === undefined || count === 0) {
      const found = `[${shape.join(', ')}] of ${type}${rowMajor ? '' : ', column by column'}${littleEndian ? '' : ', big-endian'}`;
      throw failure('PATCHES_SHAPE', { file, found, wanted: '[N, components, side, side]' });
    }
    return { handle, dataStart, count, patchBytes: 4 * patch.reduce((a, b) => a * b, 1) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* requests(header: PredictHeader, patches: OpenPatches): AsyncGenerator<PredictRequest> {
  const { handle, dataStart, count, patchBytes } = patches;
  yield { part: { $case: 'header', value: header } };
  for (let first = 0; first < count; first += patchesPerMessage) {
    const bytes = Buffer.alloc(Math.min(patchesPerMessage, count - first) * patchBytes);
    await handle.read(bytes, 0, bytes.byteLength, dataStart + first * patchBytes);
    yield { part: { $case: 'patches', value: bytes } };
  }
}

/** A path that exists is a blob, anything else a reference. */
async function adapterPart(given: string | undefined): Promise<PredictHeader['adapter']> {
  if (given === undefined) return undefined;
  const isFile = await stat(given).then(
    (entry) => entry.isFile(),
    () => false,
  );
  return isFile ? { $case: 'blob', value: await readFile(given) } : { $case: 'reference', value: given };
}
