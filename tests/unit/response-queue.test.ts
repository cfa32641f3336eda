import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ResponseQueue } from '@hyperswap/rpc';

const megabyte = 2 ** 20;

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Runs all pending work that needs no more input. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
}

test('whoever pushes waits for the reader when the bytes of a message wait', async () => {
  const queue = new ResponseQueue<Buffer>((response) => response.byteLength);
  let pushed = 0;
  const feeding = (async () => {
    for (; pushed < 100; pushed++) await queue.push(Buffer.alloc(megabyte));
    queue.end();
  })();
  await settle();
  assert.ok(pushed >= 1 && pushed <= 4, `${pushed} MiB wait`);
  let read = 0;
  for await (const response of queue) {
    read += 1;
    assert.equal(response.byteLength, megabyte);
    if (read === 50) await settle();
    assert.ok(pushed - read <= 5, `${pushed} pushed when ${read} are read`);
  }
  await feeding;
  assert.equal(read, 100);
});

test('many pushers at once wait in their order', async () => {
  const queue = new ResponseQueue<number>(() => megabyte);
  const pushing = Promise.all(Array.from({ length: 50 }, (_, index) => queue.push(index))).then(() => queue.end());
  const read: number[] = [];
  for await (const response of queue) read.push(response);
  await pushing;
  assert.deepEqual(
    read,
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test('a response that is larger than the bound passes alone', async () => {
  const queue = new ResponseQueue<number>((size) => size);
  void queue.push(100 * megabyte).then(() => queue.end());
  assert.deepEqual(await collect(queue), [100 * megabyte]);
});

test('small responses are bounded in number', async () => {
  const queue = new ResponseQueue<number>();
  let pushed = 0;
  void (async () => {
    for (; ; pushed++) await queue.push(pushed);
  })();
  await settle();
  assert.ok(pushed > 1 && pushed <= 1024, `${pushed} wait`);
});

test('news of one thing replace those that nobody has read', async () => {
  const queue = new ResponseQueue<string>();
  for (let done = 0; done < 100_000; done++) queue.replace('progress', `${done}`);
  queue.replace('other', 'o');
  await queue.push('the result');
  queue.end();
  assert.deepEqual(await collect(queue), ['99999', 'o', 'the result']);
});

test('a reader that leaves lets pushers go on to their end', async () => {
  const queue = new ResponseQueue<number>(() => 10 * megabyte);
  const feeding = (async () => {
    for (let index = 0; index < 100; index++) await queue.push(index);
  })();
  for await (const response of queue) if (response === 2) break;
  await feeding;
});

test('an error ends the queue after what waits, and what comes later is dropped', async () => {
  const queue = new ResponseQueue<number>(() => 10 * megabyte);
  const feeding = Promise.all([queue.push(1), queue.push(2)]);
  queue.fail(new Error('broken'));
  await queue.push(3);
  const read: number[] = [];
  await assert.rejects(async () => {
    for await (const response of queue) read.push(response);
  }, /broken/);
  await feeding;
  assert.deepEqual(read, [1, 2]);
  assert.equal(queue.closed, true);
});
