import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Executor, tensorflow, type CallOptions } from '@hyperswap/tensor';
import { hasCode } from '../support/errors.js';
import type { TestProgram } from '../support/executor-program.js';

const url = new URL('../support/executor-program.js', import.meta.url);

test('TensorFlow cannot be called outside the executor thread', () => {
  assert.throws(() => tensorflow(), hasCode('INTERNAL', /executor thread/));
});

test('results and catalogued errors cross threads, and what is not catalogued becomes INTERNAL', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const values = Float32Array.from([1, 2, 3]);
  const doubled = await program.call('double', { values }, { transfer: [values.buffer] });
  assert.deepEqual([...doubled], [2, 4, 6]);
  assert.equal(values.length, 0, 'the argument moved');
  await assert.rejects(program.call('refuse', { scene: 'x' }), hasCode('SCENE_NOT_FOUND', /Scene x does not exist/));
  await assert.rejects(program.call('break', undefined as never), hasCode('INTERNAL', /unforeseen/));
  await executor.stop();
});

test('short calls are answered while a long one runs, which can be cancelled', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const cancellation = new AbortController();
  let counted = 0;
  const long = program.call(
    'countTo',
    { end: 1_000_000_000 },
    { signal: cancellation.signal, onProgress: (value) => (counted = value as number) },
  );
  for (let i = 0; i < 20; i++) await program.call('double', { values: new Float32Array(4) });
  assert.ok(counted > 0);
  cancellation.abort();
  await assert.rejects(long, hasCode('CANCELLED', /Counting/));
  await executor.stop();
});

test('an urgent call goes before calls that wait, and one that is cancelled while it waits is never made', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const cancellation = new AbortController();
  const answered: string[] = [];
  const call = (name: string, options: CallOptions = {}): Promise<unknown> =>
    program.call('block', { milliseconds: 300 }, options).then(
      () => answered.push(name),
      () => answered.push(`${name} refused`),
    );
  let running: Promise<unknown> | undefined;
  await new Promise((resolve) => {
    running = call('running', { onProgress: resolve });
  });
  const cancelled = call('cancelled', { signal: cancellation.signal });
  const others = [call('waiting'), call('urgent', { urgent: true }), call('urgent too', { urgent: true })];
  cancellation.abort();
  await Promise.all([running, cancelled, ...others]);
  assert.deepEqual(answered, ['running', 'urgent', 'urgent too', 'cancelled refused', 'waiting']);
  await executor.stop();
});

test('between the steps of a call urgent calls pass and others wait', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const answered: string[] = [];
  const note = (name: string) => (): void => void answered.push(name);
  const others: Promise<void>[] = [];
  const steps = { steps: 10, milliseconds: 20 };
  await program
    .call('blockInSteps', steps, {
      onProgress: (value) => {
        if (value !== 'running' || others.length > 0) return;
        others.push(program.call('double', { values: new Float32Array(1) }).then(note('waiting')));
        others.push(program.call('double', { values: new Float32Array(1) }, { urgent: true }).then(note('urgent')));
      },
    })
    .then(note('steps'));
  await Promise.all(others);
  assert.deepEqual(answered, ['urgent', 'steps', 'waiting']);
  await executor.stop();
});

test('a call in steps that is cancelled ends at the next one and frees what it held', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const cancelling = new AbortController();
  let running = 0;
  let isFreed = false;
  const call = program.call(
    'blockInSteps',
    { steps: 1000, milliseconds: 5 },
    {
      signal: cancelling.signal,
      onProgress: (value) => {
        if (value === 'freed') isFreed = true;
        else if (++running === 3) cancelling.abort();
      },
    },
  );
  await assert.rejects(call, hasCode('CANCELLED'));
  await program.call('double', { values: new Float32Array(1) });
  assert.ok(isFreed);
  assert.ok(running < 1000);
  await executor.stop();
});

test('when the worker ends, open and later calls fail and say so', async () => {
  const executor = new Executor();
  const program = await executor.load<TestProgram>(url);
  const open = program.call('countTo', { end: 1_000_000_000 });
  const ending = program.call('exit', undefined as never);
  await assert.rejects(open, hasCode('ENGINE_STOPPED', /code 7/));
  await assert.rejects(ending, hasCode('ENGINE_STOPPED'));
  await assert.rejects(program.call('double', { values: new Float32Array(1) }), hasCode('ENGINE_STOPPED'));
  assert.match(await executor.crashed, /code 7/);
});

test('an executor that is stopped has not crashed', async () => {
  const executor = new Executor();
  await executor.load<TestProgram>(url);
  await executor.stop();
  assert.equal(await Promise.race([executor.crashed, setTimeout(200, 'no crash')]), 'no crash');
});
