/** Work that outlives its process, and its ownership. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedBus } from '@hyperswap/messaging';
import { hasCode } from '../support/errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const makeDirectory = (): Promise<string> => temporaryFolder('embedded');
const soon = (): AbortSignal => AbortSignal.timeout(2_000);

/** Opens a bus in another process, does something with it there, and kills that process. */
async function inProcessThatIsKilled(directory: string, work: 'kept' | 'private', action = ''): Promise<string> {
  const code = `
    import { EmbeddedBus } from '@hyperswap/messaging';
    const bus = await EmbeddedBus.open({ directory: ${JSON.stringify(directory)}, work: '${work}' });
    const queue = bus.workQueue('work');
    ${action}
    process.stdout.write(String(bus.owner));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return said.toString();
}

test('work that waited or was under way when its process was killed is there for the next process, in order', async () => {
  const directory = await makeDirectory();
  const action = `
    for (const n of [1, 2, 3]) await queue.publish({ n }, 'job.' + n);
    const item = await queue.pull(new AbortController().signal);
    await (await queue.pull(new AbortController().signal)).acknowledge();`;
  await inProcessThatIsKilled(directory, 'kept', action);
  const bus = await EmbeddedBus.open({ directory, work: 'kept' });
  const queue = bus.workQueue<{ n: number }>('work');
  assert.deepEqual([...(await queue.held('job'))], ['job.1', 'job.3']);
  await queue.publish({ n: 1 }, 'job.1');
  await queue.publish({ n: 4 }, 'job.4');
  const found: unknown[] = [];
  for (let count = 0; count < 3; count++) {
    const item = (await queue.pull(soon()))!;
    found.push([item.content.n, item.deliveries]);
    await item.acknowledge();
  }
  assert.deepEqual(found, [
    [1, 2],
    [3, 1],
    [4, 1],
  ]);
  await bus.close();
  assert.deepEqual(await readdir(path.join(directory, 'work', 'work')), []);
});

test('a folder keeps the work of one process at a time; the lock of one that was killed is no hindrance', async () => {
  const directory = await makeDirectory();
  await inProcessThatIsKilled(directory, 'kept');
  const bus = await EmbeddedBus.open({ directory, work: 'kept' });
  const again = EmbeddedBus.open({ directory, work: 'kept' });
  await assert.rejects(again, hasCode('HOME_IN_USE', new RegExp(`${process.pid} on .*${directory}`)));
  await bus.close();
  await (await EmbeddedBus.open({ directory, work: 'kept' })).close();
});

test('a lock whose number another process has by now is no hindrance', async () => {
  const directory = await makeDirectory();
  await inProcessThatIsKilled(directory, 'kept');
  const file = path.join(directory, 'lock');
  const lock = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  for (const pid of [process.ppid, process.pid]) {
    await writeFile(file, JSON.stringify({ ...lock, pid }));
    await (await EmbeddedBus.open({ directory, work: 'kept' })).close();
  }
});

test(
  'a lock of another machine is respected while it is touched, and broken when it is not',
  { timeout: 30_000 },
  async () => {
    const directory = await makeDirectory();
    const file = path.join(directory, 'lock');
    await writeFile(file, JSON.stringify({ host: 'elsewhere', pid: 1, started: 'x' }));
    let age = 0;
    const touching = setInterval(() => void utimes(file, new Date(), new Date(1_000 * (age += 1))), 500);
    await assert.rejects(EmbeddedBus.open({ directory, work: 'kept' }), hasCode('HOME_IN_USE', /1 on elsewhere/));
    clearInterval(touching);
    await (await EmbeddedBus.open({ directory, work: 'kept' })).close();
  },
);

test('private work is its process’s own: any number at a time, and others can tell when one is gone', async () => {
  const directory = await makeDirectory();
  const dead = await inProcessThatIsKilled(directory, 'private', `await queue.publish(1, 'job.1');`);
  const kept = await EmbeddedBus.open({ directory, work: 'kept' });
  const [one, other] = [
    await EmbeddedBus.open({ directory, work: 'private' }),
    await EmbeddedBus.open({ directory, work: 'private' }),
  ];
  await one.workQueue('work').publish(1, 'job.1');
  for (const bus of [kept, other]) assert.equal((await bus.workQueue('work').held('job')).size, 0);
  assert.deepEqual(await Promise.all([dead, one.owner!, other.owner!].map((owner) => kept.isAlive(owner))), [
    false,
    true,
    true,
  ]);
  await one.close();
  assert.equal(await kept.isAlive(one.owner!), false);
  await Promise.all([other, kept].map((bus) => bus.close()));
  assert.deepEqual(await readdir(path.join(directory, 'processes')), []);
});

test(
  'a killed process that its parent never asks about is gone: its lock is no hindrance',
  { skip: process.platform !== 'linux' && 'only /proc tells' },
  async () => {
    const directory = await makeDirectory();
    const code = `
      import { EmbeddedBus } from '@hyperswap/messaging';
      const bus = await EmbeddedBus.open({ directory: ${JSON.stringify(directory)}, work: 'kept' });
      process.stdout.write(String(process.pid));
      setInterval(() => undefined, 1000);`;
    // The shell leaves its child to a program that waits for none, as the first process of a container often does.
    const parent = spawn('sh', ['-c', '"$0" --input-type=module --eval "$1" & exec sleep 60', process.execPath, code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [said] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(said.toString());
      process.kill(pid, 'SIGKILL');
      const stateOf = async (): Promise<string> => /\) (\S)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))![1]!;
      while ((await stateOf()) !== 'Z') await sleep(20);
      await (await EmbeddedBus.open({ directory, work: 'kept' })).close();
    } finally {
      parent.kill('SIGKILL');
    }
  },
);
