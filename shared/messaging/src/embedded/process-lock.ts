import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { z } from 'zod';

/**
 * Interval at which a process touches its file, to show processes on other machines or in other containers that it is
 * alive.
 */
const touchMilliseconds = 2_000;
/** Age from which a file counts as abandoned. */
const staleMilliseconds = 8_000;

const holderSchema = z.object({ host: z.string(), pid: z.number().int().positive(), started: z.string() });

type Holder = z.infer<typeof holderSchema>;

/**
 * Lock files that this process holds: a file with its process id that is not among them is one of an earlier process.
 */
const held = new Set<string>();

/** Lock file that names the process that holds it. */
export interface ProcessLock {
  release(): Promise<void>;
}

/**
 * Takes a lock file, also from a process that has ended.
 *
 * @throws HOME_IN_USE if a live process holds it
 */
export async function takeLock(file: string): Promise<ProcessLock> {
  const absolute = path.resolve(file);
  const own: Holder = { host: hostname(), pid: process.pid, started: await startOf(process.pid) };
  await mkdir(path.dirname(absolute), { recursive: true });
  const staged = `${absolute}.${randomUUID()}`;
  await writeFile(staged, JSON.stringify(own));
  try {
    // Creating a link fails if the file exists.
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
    // A removed folder has no lock to release.
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

/**
 * Returns true if a running process holds a lock file. It takes up to eight seconds if that process is on another
 * machine.
 */
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
  // The process id may belong to another process now.
  return (await startOf(pid)) === started && !(await hasExited(pid));
}

/**
 * Start of a process in clock ticks since the machine's, with the machine's own; empty where the system does not tell.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const ticks = (await statusFields(pid))[19] ?? '';
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${ticks}`;
  } catch {
    return '';
  }
}

/** Returns true for a zombie: a process that has ended, but whose parent has not read its exit code yet. */
async function hasExited(pid: number): Promise<boolean> {
  try {
    return ['Z', 'X'].includes((await statusFields(pid))[0] ?? '');
  } catch {
    return false;
  }
}

/**
 * Reads the fields of `/proc/<pid>/stat` from the third, the state, on: the second, the program's name, may hold
 * spaces.
 */
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
  // Observed for a while instead of compared with the clock, because clocks of two machines differ.
  for (let waited = 0; waited < staleMilliseconds; waited += 500) {
    await sleep(500);
    const now = await age();
    if (now === undefined) return false;
    if (now !== first) return true;
  }
  return false;
}
