/** Connections that never become calls: they are closed, while calls of others continue. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { TrainingServiceClient, TrainingServiceService } from '@hyperswap/proto';
import {
  callUnary,
  connect,
  readStream,
  startServer,
  type ConnectionLimits,
  type RunningServer,
  type ServerGuard,
} from '@hyperswap/rpc';
import { makeCertificates } from '../support/certificates.js';
import { collect } from '../support/collect.js';

const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
/** Beginning of a TLS ClientHello that says it has 512 bytes. */
const clientHello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]);
const everything = { pageSize: 0, pageToken: '' };
const limits = { handshakeMilliseconds: 1_000, idleMilliseconds: 1_500 };

async function serve({
  guard,
  ...more
}: ConnectionLimits & { readonly guard?: ServerGuard } = {}): Promise<RunningServer> {
  const implementation = {
    listTrainings: (_: unknown, answer: (error: null, response: object) => void) =>
      answer(null, { trainings: [], nextPageToken: '' }),
    watchTraining: (call: { readonly end: () => void }) => void setTimeout(4_500).then(() => call.end()),
  };
  const hosted = {
    name: 'hyperswap.v1.TrainingService',
    definition: TrainingServiceService,
    implementation,
    roles: {},
  };
  return startServer([hosted], { host: '127.0.0.1', port: 0, ...limits, ...more }, guard);
}

/** A connection, and when it was closed, in milliseconds after it was opened. */
interface Opened {
  readonly closed: Promise<number>;
}

async function open(port: number, count: number, speak: (socket: Socket) => void): Promise<Opened[]> {
  const start = performance.now();
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connectSocket({ host: '127.0.0.1', port });
      socket.on('error', () => undefined).resume();
      const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now() - start)));
      await once(socket, 'connect');
      speak(socket);
      return { closed };
    }),
  );
}

/** One byte after the other, each long before the timeout of the server. */
function drip(socket: Socket, bytes: Buffer): void {
  const send = async (): Promise<void> => {
    for (const byte of bytes) {
      if (socket.destroyed) return;
      socket.write(Buffer.from([byte]));
      await setTimeout(200);
    }
  };
  void send();
}

/** Times at which connections were closed, in order, for those closed within some time. */
async function closings(opened: readonly Opened[], milliseconds: number): Promise<number[]> {
  const times: number[] = [];
  const all = Promise.all(opened.map(async ({ closed }) => times.push(await closed)));
  await Promise.race([all, setTimeout(milliseconds)]);
  return times.sort((a, b) => a - b);
}

test('500 connections that stay silent, stall, drip or speak something else are closed; a call is answered meanwhile', async (context) => {
  const server = await serve();
  const trainings = connect(TrainingServiceClient, server.endpoint);
  try {
    const behaviours: readonly ((socket: Socket) => void)[] = [
      () => undefined,
      (socket) => socket.write(preface.subarray(0, 10)),
      (socket) => socket.write(preface.subarray(0, 27)),
      (socket) => drip(socket, preface),
      (socket) => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    ];
    const closed = (await Promise.all(behaviours.map((speak) => open(server.port, 100, speak)))).flat();
    const asked = performance.now();
    await callUnary(trainings, 'listTrainings', everything, { timeout: 10_000 });
    context.diagnostic(`a call among 500 connections: ${(performance.now() - asked).toFixed(0)} ms`);
    const times = await closings(closed, 10_000);
    assert.equal(times.length, 500, 'all were closed');
    context.diagnostic(`closed between ${times[0]?.toFixed(0)} and ${times.at(-1)?.toFixed(0)} ms`);
  } finally {
    trainings.close();
    await server.drain(0);
  }
});

test('connections without a call are closed, those of HTTP/2 that drip a frame too; one with a silent call stays', async (context) => {
  const server = await serve();
  const trainings = connect(TrainingServiceClient, server.endpoint);
  try {
    const headersFrame = Buffer.from([0, 1, 0, 1, 4, 0, 0, 0, 1]);
    const idle = await open(server.port, 50, (socket) => socket.write(preface));
    const dripping = await open(server.port, 50, (socket) => {
      socket.write(preface);
      drip(socket, Buffer.concat([headersFrame, Buffer.alloc(256)]));
    });
    const silentCall = collect(readStream(trainings, trainings.watchTraining({ training: 'long' })));
    // Idle clients are asked to leave first; half a frame keeps a connection open beyond that.
    const times = await closings([...idle, ...dripping], 15_000);
    assert.equal(times.length, 100);
    context.diagnostic(`closed between ${times[0]?.toFixed(0)} and ${times.at(-1)?.toFixed(0)} ms`);
    assert.deepEqual(await silentCall, []);
  } finally {
    trainings.close();
    await server.drain(0);
  }
});

test('TLS handshakes that do not come to an end are closed', async () => {
  const { authority, server: identity } = await makeCertificates();
  const server = await serve({ guard: { identity } });
  const trainings = connect(TrainingServiceClient, `https://${server.endpoint}`, { trusted: authority.certificate });
  try {
    const behaviours: readonly ((socket: Socket) => void)[] = [
      () => undefined,
      (socket) => socket.write(clientHello),
      (socket) => drip(socket, clientHello),
      (socket) => {
        // A handshake that ends well, and then nothing.
        const secure = connectTls({
          socket,
          ca: authority.certificate,
          servername: 'localhost',
          ALPNProtocols: ['h2'],
        });
        secure.on('error', () => undefined);
      },
      (socket) => socket.write(preface),
    ];
    const closed = (await Promise.all(behaviours.map((speak) => open(server.port, 40, speak)))).flat();
    await callUnary(trainings, 'listTrainings', everything, { timeout: 10_000 });
    assert.equal((await closings(closed, 10_000)).length, 200);
  } finally {
    trainings.close();
    await server.drain(0);
  }
});

test('a request that does not arrive ends its call, and calls beyond the limit of a connection wait', async () => {
  const server = await serve({ maximumStreams: 4, requestMilliseconds: 500 });
  const trainings = connect(TrainingServiceClient, server.endpoint);
  const session = connectHttp2(`http://${server.endpoint}`);
  try {
    await once(session, 'remoteSettings');
    assert.equal(session.remoteSettings.maxConcurrentStreams, 4);
    const start = performance.now();
    const calls = Array.from({ length: 4 }, async () => {
      const headers = { 'content-type': 'application/grpc', te: 'trailers' };
      const call = session.request({
        ':method': 'POST',
        ':path': '/hyperswap.v1.TrainingService/ListTrainings',
        ...headers,
      });
      // Half the length of a message, and no more.
      call.write(Buffer.from([0, 0, 0]));
      const [trailers] = (await once(call, 'response')) as [{ readonly 'grpc-status'?: string }];
      assert.equal(Number(trailers['grpc-status']), status.DEADLINE_EXCEEDED);
      return performance.now() - start;
    });
    for (const milliseconds of await Promise.all(calls)) assert.ok(milliseconds < 5_000, `${milliseconds} ms`);
    await Promise.all(Array.from({ length: 20 }, () => callUnary(trainings, 'listTrainings', everything)));
  } finally {
    session.destroy();
    trainings.close();
    await server.drain(0);
  }
});

test('connections beyond the limit are closed at once, and there is room again when others end', async () => {
  const server = await serve({ maximumConnections: 5 });
  const trainings = connect(TrainingServiceClient, server.endpoint);
  try {
    const first = await open(server.port, 5, () => undefined);
    const [beyond] = await closings(await open(server.port, 1, () => undefined), 500);
    assert.ok(beyond !== undefined && beyond < 500, 'the sixth is closed');
    await closings(first, 10_000);
    await callUnary(trainings, 'listTrainings', everything);
  } finally {
    trainings.close();
    await server.drain(0);
  }
});

test('a drain does not wait for connections that have no call', async () => {
  const server = await serve();
  const closed = [
    ...(await open(server.port, 20, () => undefined)),
    ...(await open(server.port, 20, (socket) => socket.write(preface))),
  ];
  await setTimeout(100);
  const start = performance.now();
  await server.drain(10_000);
  assert.ok(performance.now() - start < 5_000, `${performance.now() - start} ms`);
  assert.equal((await closings(closed, 5_000)).length, 40);
});
