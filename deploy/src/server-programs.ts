/** The programs of nats-server and MinIO: from the PATH, else built once by Go in pinned versions. */
import { execFile } from 'node:child_process';
import { access, constants, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { failure } from '@hyperswap/errors';

const run = promisify(execFile);

const modules = {
  'nats-server': 'github.com/nats-io/nats-server/v2@v2.15.2',
  // MinIO's releases are no versions in Go's sense; this is that of February 2026.
  minio: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
} as const;
export type ServerProgram = keyof typeof modules;

/** Where built programs stay; the versions are part of the name. */
const cache = fileURLToPath(new URL('../../node_modules/.cache/hyperswap/servers', import.meta.url));

/**
 * The file of a program; the first time it may be compiled, which takes minutes.
 *
 * @throws DOWNLOAD_FAILED when it is not there and Go cannot build it
 */
export async function serverProgram(program: ServerProgram): Promise<string> {
  const found = await onPath(program);
  if (found !== undefined) return found;
  const directory = path.join(cache, modules[program].replaceAll(/[^\w.-]+/g, '-'));
  const file = path.join(directory, program);
  if (await isProgram(file)) return file;
  await mkdir(directory, { recursive: true });
  const go = (await onPath('go')) ?? '/usr/local/go/bin/go';
  process.stderr.write(`Building ${program} with Go; this is done once.\n`);
  try {
    await run(go, ['install', modules[program]], { env: { ...process.env, GOBIN: directory, GOFLAGS: '' } });
  } catch (cause) {
    throw failure(
      'DOWNLOAD_FAILED',
      {
        what: program,
        reason: (cause as Error).message.split('\n').slice(-3).join(' ').trim(),
        mend: `Install Go 1.26 or later, or put ${program} on the PATH.`,
      },
      cause,
    );
  }
  return file;
}

async function onPath(program: string): Promise<string | undefined> {
  for (const directory of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(directory, program);
    if (await isProgram(file)) return file;
  }
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
