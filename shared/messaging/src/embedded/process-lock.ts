import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { z } from 'zod';

/** A process on another machine, or in another container, is known to live by its file, which it touches this often. */
const touchMilliseconds = 2_000;
/** Age of a file that nobody touches any more. */
const staleMilliseconds = 8_000;

const holderSchema = z.object({ host: z.string(), pid: z.number().int().positive(), started: z.string() });

type Holder = z.infer<typeof holderSchema>;

/** Lock files that this process holds: a file with its process id that is not among them is one of an earlier process. */
const held = new Set<string>();

/** A file that says which process holds something. */
export interface ProcessLock {
  release(): Promise<void>;
}

/**
 * Takes a lock file. One whose process is gone is taken over.
 *
 * @throws HOME_IN_USE when a process that lives holds it
 */
export async function takeLock(file: string): Promise<ProcessLock> {
  const absolute = path.resolve(file);
  const own: Holder = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  await mkdir(path.dirname(absolute), { recursive: true });
  const staged = `${absolute}.${randomUUID()}`;
  await writeFile(staged, JSON.stringify(own));
  try {
    // A link fails when its place is taken.
    while (!(await isLinked(staged, absolute))) {
      const holder = await readHolder(absolute);
      if (await isHeld(absolute)) {
        const process = holder === undefined ? 'unknown' : `${holder.pid} on ${holder.host}`;
        throw failure('HOME_IN_USE', { folder: path.dirname(absolute), process });
      }
      await removeStale(absolute, holder);
    }
  } finally {
    await rm(staged, { force: true });
  }
  held.add(absolute);
  const touching = setInterval(() => {
    const now = new Date();
    // A folder that was removed has nothing to hold.
    utimes(absolute, now, now).catch(() => undefined);
  }, touchMilliseconds);
  touching.unref();
  return {
    release: async () => {
      clearInterval(touching);
      held.delete(absolute);
      await rm(absolute, { force: true });
    },
  };
}

/** Returns true if a running process holds a lock file. It takes up to eight seconds if that process is on another machine. */
export async function isHeld(file: string): Promise<boolean> {
  const absolute = path.resolve(file);
  const holder = await readHolder(absolute);
  if (holder === undefined) return false;
  if (holder.host !== hostname()) return isTouched(absolute);
  if (holder.pid === process.pid) return held.has(absolute);
  return isRunning(holder);
}

/** Removes the lock files in a folder whose processes on this machine are gone. */
export async function removeStaleLocks(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [] as string[])) {
    const file = path.join(directory, name);
    const holder = await readHolder(file);
    if (holder?.host === hostname() && !(await isHeld(file))) await removeStale(file, holder);
  }
}

/** Removes a lock file, unless another process took it meanwhile: then it is put back. */
async function removeStale(file: string, stale: Holder | undefined): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
    if (JSON.stringify(await readHolder(aside)) !== JSON.stringify(stale)) await isLinked(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function isLinked(staged: string, file: string): Promise<boolean> {
  try {
    await link(staged, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

async function isRunning({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // The number may belong to another process by now.
  return (await startOf(pid)) === started && !(await hasExited(pid));
}

/** Start of a process in clock ticks since the machine's, with the machine's own; empty where the system does not tell. */
async function startOf(pid: number): Promise<string> {
  try {
    const ticks = (await statusFields(pid))[19] ?? '';
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${ticks}`;
  } catch {
    return '';
  }
}

/** Tells whether a process has ended and only its number is left, as its parent has not asked for its exit code yet. */
async function hasExited(pid: number): Promise<boolean> {
  try {
    return ['Z', 'X'].includes((await statusFields(pid))[0] ?? '');
  } catch {
    return false;
  }
}

/** Reads the fields of `/proc/<pid>/stat` from the third, the state, on: the second, the program's name, may hold spaces. */
async function statusFields(pid: number): Promise<string[]> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

async function isTouched(file: string): Promise<boolean> {
  const age = async (): Promise<number | undefined> =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
  const first = await age();
  // Waited for instead of compared with the clock: clocks of two machines differ.
  for (let waited = 0; waited < staleMilliseconds; waited += 500) {
    await sleep(500);
    const now = await age();
    if (now === undefined) return false;
    if (now !== first) return true;
  }
  return false;
}
