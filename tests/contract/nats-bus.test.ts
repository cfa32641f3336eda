/** Damaged items, lost connections and lost data of NATS. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { NatsBus } from '@hyperswap/messaging';
import { connect } from 'nats';
import { abortedAfter, fresh, leaseMilliseconds } from '../support/bus-places.js';
import { startCuttingProxy } from '../support/cut-connections.js';
import { serversMissing, startNats } from '../support/servers.js';

let nats: Awaited<ReturnType<typeof startNats>> | undefined;

after(() => nats?.stop());

/** Opens a watched copy of 500 values of 1,000 bytes through a proxy, and another connection that changes them. */
async function watchedCopy() {
  nats ??= await startNats();
  const { url } = nats;
  const proxy = await startCuttingProxy(url.replace('nats://', ''), { connections: 0 });
  const other = await NatsBus.open({ url });
  const bus = await NatsBus.open({ url: `nats://${proxy.endpoint}` });
  const bucket = fresh('state');
  const [state, theirs] = [bus.keyValue<string>(bucket), other.keyValue<string>(bucket)];
  await Promise.all(Array.from({ length: 500 }, (_, index) => theirs.update(`k${index}`, 'x'.repeat(1000), 0)));
  const news: string[] = [];
  const stop = state.watch(({ key }) => news.push(key));
  assert.equal((await state.list()).length, 500);
  const close = async (): Promise<void> => {
    stop();
    await Promise.all([bus.close(), other.close()]);
    proxy.close();
  };
  /** Bytes that the copy took. */
  const whole = proxy.received();
  return { proxy, url, bucket, state, theirs, news, whole, close };
}

test('nats: an item that is no JSON is taken away, and the next is handed out', { skip: serversMissing }, async () => {
  nats ??= await startNats();
  const bus = await NatsBus.open({ url: nats.url, leaseMilliseconds });
  const name = fresh('work');
  const queue = bus.workQueue<number>(name);
  assert.equal(await queue.pull(abortedAfter(100)), undefined);
  const connection = await connect({ servers: nats.url });
  await connection.jetstream().publish(`hyperswap.work.${name}.item.torn.1`, '{"torn":');
  await queue.publish(2, 'two');
  assert.equal((await queue.pull(abortedAfter(5000)))?.content, 2);
  assert.deepEqual([...(await queue.held('torn'))], []);
  await connection.close();
  await bus.close();
});

test(
  'nats: a watcher goes on after a lost connection without reading all again',
  { skip: serversMissing },
  async () => {
    const { proxy, state, theirs, news, whole, close } = await watchedCopy();
    assert.ok(whole > 500_000, `${whole} bytes`);
    assert.ok(whole < 1_200_000, `${whole} bytes: all values were read twice`);
    proxy.cutAll();
    await theirs.update('k7', 'y', (await theirs.get('k7'))!.revision);
    await theirs.delete('k8');
    await theirs.update('new', 'z', 0);
    for (let i = 0; i < 200 && news.length < 2; i++) await setTimeout(50);
    assert.deepEqual(news, ['k7', 'new']);
    const keys = (await state.list()).map(({ key }) => key);
    assert.ok(keys.length === 500 && keys.includes('new') && !keys.includes('k8'));
    assert.ok(proxy.received() - whole < 50_000, `${proxy.received() - whole} bytes after the connection was lost`);
    await close();
  },
);

test(
  'nats: a copy that the server forgot to tell a change reads what is missing, not all',
  { skip: serversMissing },
  async () => {
    const { proxy, url, bucket, state, theirs, news, whole, close } = await watchedCopy();
    const connection = await connect({ servers: url });
    const manager = await connection.jetstreamManager();
    const stream = `KV_hyperswap-${bucket}`;
    for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name);
    await theirs.update('k7', 'y', (await theirs.get('k7'))!.revision);
    assert.equal((await state.list()).find(({ key }) => key === 'k7')?.value, 'y');
    assert.deepEqual(news, ['k7']);
    assert.ok(proxy.received() - whole < 50_000, `${proxy.received() - whole} bytes for one change`);
    await Promise.all([close(), connection.close()]);
  },
);

test('nats: a watcher begins anew when the server has lost its data', { skip: serversMissing }, async () => {
  const server = await startNats();
  const bus = await NatsBus.open({ url: server.url });
  const state = bus.keyValue<number>('state');
  const news: string[] = [];
  const stop = state.watch(({ key, value }) => news.push(`${key}=${value}`));
  assert.deepEqual(await state.list(), []);
  for (const [index, key] of ['a', 'b', 'c'].entries()) await state.update(key, index, 0);
  assert.equal((await state.list()).length, 3);
  await server.kill();
  await rm(server.directory, { recursive: true, force: true });
  await server.start();
  await state.update('b', 7, 0);
  for (let i = 0; i < 200 && !news.includes('b=7'); i++) await setTimeout(50);
  assert.deepEqual(news, ['a=0', 'b=1', 'c=2', 'b=7']);
  assert.deepEqual(
    (await state.list()).map(({ key, value }) => `${key}=${value}`),
    ['b=7'],
  );
  stop();
  await bus.close();
  await server.kill();
});
