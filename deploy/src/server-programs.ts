/**
 * Programs for tests and development that are not npm packages: found on the PATH, or built once by Go in pinned
 * versions.
 */
import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { failure } from '@hyperswap/errors';

const run = promisify(execFile);

const modules = {
  'nats-server': 'github.com/nats-io/nats-server/v2@v2.15.2',
  // MinIO's releases are not versions in Go's sense. This is the release of February 2026.
  minio: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
  // Renders and checks the chart.
  helm: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  // Client of the load benchmark.
  ghz: 'github.com/bojand/ghz/cmd/ghz@v0.120.0',
  // Client for the tests of reflection.
  grpcurl: 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4',
} as const;
export type ServerProgram = keyof typeof modules;

/** Folder of built programs in the user's cache, so that a fresh checkout or `npm ci` keeps them. */
function cacheDirectory(): string {
  return path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'hyperswap', 'servers');
}

/**
 * Returns the file of a program. The first call may compile it, which takes minutes.
 *
 * @throws DOWNLOAD_FAILED if the program is missing and Go cannot build it
 */
export async function serverProgram(program: ServerProgram): Promise<string> {
  const found = await onPath(program);
  if (found !== undefined) return found;
  // The version is part of the folder's name.
  const directory = path.join(cacheDirectory(), modules[program].replaceAll(/[^\w.-]+/g, '-'));
  const file = path.join(directory, program);
  if (await isProgram(file)) return file;
  await mkdir(directory, { recursive: true });
  const go = (await onPath('go')) ?? '/usr/local/go/bin/go';
  process.stderr.write(`Building ${program} with Go; this is done once.\n`);
  // Two processes may build at once: each builds in its own folder, and the rename replaces a whole file.
  const staging = await mkdtemp(path.join(directory, 'build-'));
  try {
    await run(go, ['install', modules[program]], { env: { ...process.env, GOBIN: staging, GOFLAGS: '' } });
    await rename(path.join(staging, program), file);
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
  } finally {
    await rm(staging, { recursive: true, force: true });
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
