import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerFirst } from '@hyperswap/rpc';
import { hasCode } from '../support/errors.js';

type Part = { readonly $case: 'header'; readonly value: string } | { readonly $case: 'chunk'; readonly value: number };
interface Request {
  readonly part?: Part | undefined;
}

const header: Request = { part: { $case: 'header', value: 'h' } };
const chunk = (value: number): Request => ({ part: { $case: 'chunk', value } });

/** Requests that record whether their stream was left. */
function requestsOf(...requests: readonly Request[]): AsyncIterable<Request> & { left: boolean } {
  const stream = {
    left: false,
    async *[Symbol.asyncIterator](): AsyncGenerator<Request> {
      try {
        for (const request of requests) yield await Promise.resolve(request);
      } finally {
        stream.left = true;
      }
    },
  };
  return stream;
}

async function valuesOf(rest: AsyncIterable<{ readonly value: number }>): Promise<number[]> {
  const values: number[] = [];
  for await (const { value } of rest) values.push(value);
  return values;
}

test('the header comes apart from the parts after it', async () => {
  const stream = await headerFirst(requestsOf(header, chunk(1), chunk(2)));
  assert.equal(stream.header, 'h');
  assert.deepEqual(await valuesOf(stream.rest), [1, 2]);
});

test('a stream of a header alone has no more parts', async () => {
  assert.deepEqual(await valuesOf((await headerFirst(requestsOf(header))).rest), []);
});

test('an empty stream lacks its header', async () => {
  await assert.rejects(headerFirst(requestsOf()), hasCode('FIELD_INVALID', /^header: .*missing/));
});

test('another part before the header is refused, and the stream is left', async () => {
  for (const first of [chunk(1), {}]) {
    const requests = requestsOf(first, header);
    await assert.rejects(headerFirst(requests), hasCode('FIELD_INVALID', /^header: .*first/));
    assert.equal(requests.left, true);
  }
});

test('a second header and a part without content are refused', async () => {
  const twice = await headerFirst(requestsOf(header, chunk(1), header));
  await assert.rejects(valuesOf(twice.rest), hasCode('FIELD_INVALID', /^header: .*twice/));
  const empty = await headerFirst(requestsOf(header, {}));
  await assert.rejects(valuesOf(empty.rest), hasCode('FIELD_INVALID', /^part: .*empty/));
});

test('whoever leaves the parts leaves the stream', async () => {
  const requests = requestsOf(header, chunk(1), chunk(2));
  for await (const part of (await headerFirst(requests)).rest) {
    assert.equal(part.value, 1);
    break;
  }
  assert.equal(requests.left, true);
});
