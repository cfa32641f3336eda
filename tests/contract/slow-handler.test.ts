import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { PrepareSceneRequest, SceneServiceService } from '@hyperswap/proto';
import { bidiStreamHandler, startServer, type RunningServer } from '@hyperswap/rpc';
import { RawCall } from '../support/raw-call.js';

const requestBytes = 4 * 1024 ** 2;
const requestCount = 40;

let server: RunningServer;
/** Requests that the server has read, and that the handler has taken. */
let read = 0;
let taken = 0;
let go: () => void = () => undefined;

before(async () => {
  const { prepareScene, ...others } = SceneServiceService;
  const counted = {
    ...others,
    prepareScene: {
      ...prepareScene,
      requestDeserialize: (bytes: Buffer) => {
        read += 1;
        return prepareScene.requestDeserialize(bytes);
      },
    },
  };
  const implementation = {
    prepareScene: bidiStreamHandler(async function* (requests: AsyncIterable<PrepareSceneRequest>) {
      const told = new Promise<void>((resolve) => (go = resolve));
      for await (const { part } of requests) {
        assert.equal(part?.$case, 'pixels');
        assert.equal(part.value.row, taken++);
        if (taken === 3) await told;
      }
      yield { event: { $case: 'accepted', value: { job: String(taken), nextRow: 0, nextLabelRows: {} } } };
    }),
  };
  const name = 'hyperswap.v1.SceneService';
  server = await startServer([{ name, definition: counted, implementation, roles: {} }], {
    host: '127.0.0.1',
    port: 0,
  });
});

after(() => server.drain(1000));

test('requests that a handler does not take wait with the client, but for one, and all arrive when it does', async () => {
  const call = new RawCall(server.endpoint, '/hyperswap.v1.SceneService/PrepareScene');
  try {
    const values = Buffer.alloc(requestBytes);
    const sending = (async () => {
      for (let row = 0; row < requestCount; row++) {
        await call.send(PrepareSceneRequest.encode({ part: { $case: 'pixels', value: { row, values } } }).finish());
      }
      call.end();
    })();
    await setTimeout(1_500);
    assert.equal(taken, 3);
    assert.ok(read - taken <= 2, `${read - taken} requests of 4 MiB were read and not taken`);
    go();
    await sending;
    for await (const message of call.messages()) assert.ok(message.byteLength > 0);
    assert.deepEqual([read, taken], [requestCount, requestCount]);
    assert.equal(call.fields['grpc-status'], '0');
  } finally {
    call.close();
  }
});
