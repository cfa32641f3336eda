import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Metadata, status as grpcCodes, type StatusObject } from '@grpc/grpc-js';
import { catalogue, failure, HyperswapError, isErrorCode, type ErrorCode } from '@hyperswap/errors';
import {
  errorDetails,
  GetAdapterRequest,
  RpcStatus,
  AdapterServiceClient,
  AdapterServiceService,
} from '@hyperswap/proto';
import {
  callUnary,
  clientStreamHandler,
  connect,
  serverStreamHandler,
  startServer,
  unaryHandler,
  type RunningServer,
} from '@hyperswap/rpc';
import { Python } from '../support/python.js';
import { rawFields } from '../support/raw-call.js';

const { ErrorInfo, RetryInfo } = errorDetails;

const here = fileURLToPath(new URL('../../contract/', import.meta.url));
const python = await Python.with(path.join(here, 'requirements.txt'));

/** An error to throw, as the request carries it. */
interface Wanted {
  readonly code: string;
  readonly details: Record<string, string | number>;
}

function any(name: string, message: { finish(): Uint8Array }): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(message.finish()) };
}

let server: RunningServer;
let adapters: AdapterServiceClient;

before(async () => {
  const implementation = {
    // Answers with the error that the request asks for.
    getAdapter: unaryHandler(({ adapter }: GetAdapterRequest) => {
      const { code, details } = JSON.parse(adapter) as Wanted;
      if (!isErrorCode(code)) return Promise.reject(new Error('what no catalogue knows'));
      return Promise.reject(failure(code, details as never));
    }),
    watchAdapters: serverStreamHandler(() => {
      throw failure('SCENE_NOT_FOUND', { scene: 's' });
    }),
    // As a newer version of the service would answer.
    collectAdapters: (_: unknown, answer: (status: Partial<StatusObject>) => void) => {
      const info = ErrorInfo.encode({ reason: 'MOON_PHASE', domain: 'hyperswap', metadata: { phase: 'full' } });
      const retry = RetryInfo.encode({ retryDelay: { seconds: 1, nanos: 5e8 } });
      const details = [any('google.rpc.ErrorInfo', info), any('google.rpc.RetryInfo', retry)];
      const code = grpcCodes.RESOURCE_EXHAUSTED;
      const status = RpcStatus.encode({ code, message: 'The moon is full.', details });
      const metadata = new Metadata();
      metadata.set('grpc-status-details-bin', Buffer.from(status.finish()));
      answer({ code, details: 'The moon is full.', metadata });
    },
    // As a proxy would answer that has details of its own.
    listAdapters: (_: unknown, answer: (status: Partial<StatusObject>) => void) => {
      const metadata = new Metadata();
      metadata.set('grpc-status-details-bin', Buffer.from('not a status'));
      answer({ code: grpcCodes.PERMISSION_DENIED, details: 'Not from here.', metadata });
    },
    registerAdapter: clientStreamHandler(async (requests) => {
      for await (const request of requests) assert.ok(request);
      return { adapter: undefined };
    }),
  };
  const hosted = { name: 'hyperswap.v1.AdapterService', definition: AdapterServiceService, implementation, roles: {} };
  server = await startServer([hosted], { host: '127.0.0.1', port: 0 });
  adapters = connect(AdapterServiceClient, server.endpoint);
});

after(async () => {
  adapters.close();
  await server.drain(1000);
});

async function errorOf(wanted: Wanted): Promise<HyperswapError> {
  const answer = callUnary(adapters, 'getAdapter', { adapter: JSON.stringify(wanted) });
  return answer.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error as HyperswapError,
  );
}

/** One error of each code, with text details made by `text`. */
function oneOfEach(text: (name: string) => string): Wanted[] {
  return Object.entries(catalogue).map(([code, { kinds }]) => {
    const details = Object.entries(kinds).map(([name, kind]) => [name, kind === 'number' ? 7 : text(name)] as const);
    return { code, details: Object.fromEntries<string | number>(details) };
  });
}

const rawCall = (method: string, message: Uint8Array): Promise<Readonly<Record<string, string>>> =>
  rawFields(server.endpoint, `/hyperswap.v1.AdapterService/${method}`, message);

test('an error of each code keeps code, status, details and sentence through gRPC', async () => {
  for (const wanted of oneOfEach((name) => `${name} ü`)) {
    const error = await errorOf(wanted);
    const sent = failure(wanted.code as ErrorCode, wanted.details as never);
    assert.equal(error.code, wanted.code);
    assert.equal(error.message, sent.message);
    assert.deepEqual(error.details, wanted.details);
    assert.equal(error.status, sent.status);
  }
});

test('what no catalogue knows is INTERNAL, without details of its own', async () => {
  const error = await errorOf({ code: 'NONE', details: {} });
  assert.ok(HyperswapError.is(error, 'INTERNAL'));
  assert.equal(error.details.reason, 'what no catalogue knows');
});

test('a handler that throws before its stream begins answers its error', async () => {
  const call = adapters.watchAdapters({});
  call.resume();
  const error = await new Promise<unknown>((resolve) => call.once('error', resolve));
  assert.equal((error as { code: number }).code, grpcCodes.NOT_FOUND);
});

test('trailers stay below 8 KiB whatever a caller sent', async () => {
  for (const mark of ['x', '\n', 'é', '😀', '%']) {
    const long = mark.repeat(100_000);
    for (const wanted of oneOfEach(() => long)) {
      const bytes = GetAdapterRequest.encode({ adapter: JSON.stringify(wanted) }).finish();
      const fields = await rawCall('GetAdapter', Buffer.from(bytes));
      const size = Object.entries(fields).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
      assert.ok(size <= 8192, `${wanted.code} of ${JSON.stringify(mark)}: ${size} bytes`);
      assert.ok(fields['grpc-status-details-bin'] !== undefined);
    }
  }
});

test('a tile id of 2 MB comes back shortened, as the error it is', async () => {
  const details = { tile: 'x'.repeat(2_000_000), reason: 'its window is missing or empty' };
  const error = await errorOf({ code: 'TILE_HALO', details });
  assert.ok(HyperswapError.is(error, 'TILE_HALO'));
  assert.equal(error.details.tile.length, 200);
  assert.equal(error.details.reason, 'its window is missing or empty');
});

test('bytes that are not a message of the method are INVALID_ARGUMENT and name the method', async () => {
  const cut = Buffer.from([0x0a, 0x7f, 0x41]);
  const badVarint = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  const badWireType = Buffer.from([0x0f]);
  for (const method of ['GetAdapter', 'WatchAdapters', 'RegisterAdapter']) {
    for (const bytes of [cut, badVarint, badWireType]) {
      const fields = await rawCall(method, bytes);
      assert.equal(fields['grpc-status'], String(grpcCodes.INVALID_ARGUMENT), `${method} ${bytes.toString('hex')}`);
      const message = decodeURIComponent(fields['grpc-message'] ?? '');
      assert.match(message, new RegExp(`hyperswap.v1.AdapterService/${method}`));
    }
  }
  const next = await errorOf({ code: 'SCENE_NOT_FOUND', details: { scene: 's' } });
  assert.equal(next.code, 'SCENE_NOT_FOUND');
});

test('a code of a newer service stays readable, with its status and its retry', async () => {
  const error = await callUnary(adapters, 'collectAdapters', {}).catch((caught: unknown) => caught);
  assert.ok(HyperswapError.is(error, 'SERVICE_ERROR'));
  assert.equal(error.details.code, 'MOON_PHASE');
  assert.equal(error.status, 'RESOURCE_EXHAUSTED');
  assert.equal(error.retryAfterMilliseconds, 1500);
  assert.equal(error.message, 'The moon is full. (MOON_PHASE)');
});

test('the status of a proxy and of a method that the service lacks stay readable', async () => {
  const refused = await callUnary(adapters, 'listAdapters', { pageSize: 0, pageToken: '' }).catch(
    (caught: unknown) => caught,
  );
  assert.ok(HyperswapError.is(refused, 'SERVICE_ERROR'));
  assert.equal(refused.status, 'PERMISSION_DENIED');
  assert.equal(refused.message, 'Not from here. (PERMISSION_DENIED)');
  assert.equal(refused.retryable, false);
  const lacking = await callUnary(adapters, 'retireAdapter', { adapter: '', undo: false }).catch(
    (caught: unknown) => caught,
  );
  assert.ok(HyperswapError.is(lacking, 'SERVICE_ERROR'));
  assert.equal(lacking.status, 'UNIMPLEMENTED');
});

test(
  'Python finds code, details, fields and retry with its own helper',
  { skip: typeof python === 'string' ? python : false },
  async () => {
    const wanted: Wanted[] = [
      { code: 'FIELD_INVALID', details: { field: 'page_size', reason: 'it is more than 2000' } },
      { code: 'QUEUE_FULL', details: { waiting: 9, limit: 8, unit: 'patches', retryAfterMilliseconds: 1250 } },
      { code: 'STORE_UNREACHABLE', details: { reason: 'ü × 😀' } },
      { code: 'SCENE_NOT_FOUND', details: { scene: 'x'.repeat(2_000_000) } },
      { code: 'METHOD_SETTINGS', details: { method: 'lora', reason: 'rank' } },
      ...oneOfEach((name) => `${name} é`),
    ];
    const requests = wanted.map((one) => GetAdapterRequest.encode({ adapter: JSON.stringify(one) }).finish());
    const lines = [...requests, Buffer.from([0x0a, 0x7f])].map((bytes) => Buffer.from(bytes).toString('base64'));
    const args = [server.endpoint, '/hyperswap.v1.AdapterService/GetAdapter'];
    const printed = await (python as Python).run(path.join(here, 'read_status.py'), args, `${lines.join('\n')}\n`);
    const found = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(found.length, lines.length);
    assert.deepEqual(found[0], {
      code: grpcCodes.INVALID_ARGUMENT,
      message: failure('FIELD_INVALID', { field: 'page_size', reason: 'it is more than 2000' }).message,
      reason: 'FIELD_INVALID',
      domain: 'hyperswap',
      metadata: { field: 'page_size', reason: 'it is more than 2000' },
      violations: [['page_size', 'FIELD_INVALID']],
    });
    assert.equal(found[1]!.retryMilliseconds, 1250);
    assert.deepEqual(found[1]!.metadata, { waiting: '9', limit: '8', unit: 'patches', retryAfterMilliseconds: '1250' });
    assert.equal(found[2]!.retryMilliseconds, 2000);
    assert.equal(found[2]!.violations, undefined);
    assert.equal((found[3]!.metadata as { scene: string }).scene.length, 200);
    assert.deepEqual(found[4]!.violations, [['settings', 'METHOD_SETTINGS']]);
    for (const [index, { code, details }] of wanted.entries()) {
      assert.equal(found[index]!.reason, code);
      if (index >= 5)
        assert.deepEqual(
          found[index]!.metadata,
          Object.fromEntries(Object.entries(details).map(([k, v]) => [k, String(v)])),
        );
    }
    assert.equal(found.at(-1)!.reason, 'MESSAGE_INVALID');
  },
);
