/** The gateway for browsers: gRPC-web, maps by byte ranges, the console's files, and access control. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createKeyFiles, issueToken, readPrivateKey } from '@hyperswap/keys';
import {
  DeleteSceneRequest,
  FleetServiceClient,
  GetSceneRequest,
  GetSceneResponse,
  ListScenesRequest,
  ListScenesResponse,
  ReadLabelsRequest,
  ReadLabelsResponse,
  WatchFleetRequest,
  type SceneJob,
} from '@hyperswap/proto';
import { openRaster } from '@hyperswap/raster';
import { connect, readStream, type Role } from '@hyperswap/rpc';
import { eventually } from '../support/fleet.js';
import { callWeb, frame, readFrames } from '../support/grpc-web.js';
import { labelsOf, prepareToy, readMapOf, site, startServices, train, type Services } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const scenesPath = '/hyperswap.v1.SceneService/';
const listAll = ListScenesRequest.encode({ pageSize: 0, pageToken: '' }).finish();

interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Asks with headers that `fetch` does not let callers set. */
async function ask(
  address: string,
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<HttpAnswer> {
  const sent = httpRequest(address + target, { method, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) };
}

const problemOf = ({ body }: HttpAnswer): string => (JSON.parse(body.toString()) as { code: string }).code;

async function classify({ sceneJobs }: Services, probabilities: boolean): Promise<SceneJob> {
  const request = { scene: 'toy', adapter: 'toy', chunkSize: 0, detached: false, probabilities };
  for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
    if (event?.$case === 'done') return event.value;
  }
  throw new Error('the job ended without a map');
}

describe('a gateway without tokens', () => {
  let services: Services;
  let address: string;
  let job: SceneJob;

  before(async () => {
    services = await startServices({}, undefined, {}, { site });
    address = services.host.console!;
    await prepareToy(services);
    await train(services, { method: 'linear-probe', settings: { epochs: '1' } });
    job = await classify(services, true);
  });
  after(() => services.stop());

  test('a unary call gives the bytes that gRPC gives', async () => {
    const { messages, status } = await callWeb(address, `${scenesPath}ListScenes`, listAll);
    assert.equal(status, 0);
    assert.equal(messages.length, 1);
    assert.deepEqual(
      ListScenesResponse.decode(messages[0]!).scenes.map(({ name }) => name),
      ['toy'],
    );
  });

  test('a stream of the server comes message by message', async () => {
    const request = ReadLabelsRequest.encode({ scene: 'toy', labelMap: 'truth', window: undefined }).finish();
    const { messages, status } = await callWeb(address, `${scenesPath}ReadLabels`, request);
    assert.equal(status, 0);
    const labels = Buffer.concat(messages.map((message) => ReadLabelsResponse.decode(message).labels));
    const { scene } = GetSceneResponse.decode(
      (await callWeb(address, `${scenesPath}GetScene`, GetSceneRequest.encode({ name: 'toy' }).finish())).messages[0]!,
    );
    assert.deepEqual(labels, Buffer.from(await labelsOf(services, scene!, 'truth')));
  });

  test('an error travels with its code and details, and so does one of the gateway', async () => {
    const gone = await callWeb(address, `${scenesPath}GetScene`, GetSceneRequest.encode({ name: 'nowhere' }).finish());
    assert.deepEqual([gone.http, gone.status, gone.code, gone.messages.length], [200, 5, 'SCENE_NOT_FOUND', 0]);
    assert.match(gone.message, /Scene nowhere does not exist/);
    const upload = await callWeb(address, `${scenesPath}PrepareScene`, new Uint8Array(0));
    assert.deepEqual([upload.status, upload.code], [3, 'HTTP_INVALID']);
    assert.match(upload.message, /stream of requests/);
    const undecodable = await callWeb(address, `${scenesPath}GetScene`, Uint8Array.of(0xff));
    assert.equal(undecodable.code, 'MESSAGE_INVALID');
  });

  test('a deadline of the browser ends the call', async () => {
    const watch = WatchFleetRequest.encode({ interval: undefined }).finish();
    const ended = await callWeb(address, '/hyperswap.v1.FleetService/WatchFleet', watch, { 'grpc-timeout': '300m' });
    assert.equal(ended.status, 4);
    const wrong = await callWeb(address, '/hyperswap.v1.FleetService/WatchFleet', watch, { 'grpc-timeout': 'soon' });
    assert.equal(wrong.code, 'HTTP_INVALID');
  });

  test('a browser that leaves ends its call at the service', async () => {
    const before = await cancelledCalls();
    const stop = new AbortController();
    const response = await fetch(`${address}/hyperswap.v1.FleetService/WatchFleet`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto' },
      body: frame(WatchFleetRequest.encode({ interval: { seconds: 0, nanos: 200_000_000 } }).finish()),
      signal: stop.signal,
    });
    const reader = response.body!.getReader();
    assert.equal((await reader.read()).done, false);
    stop.abort();
    await reader.closed.catch(() => undefined);
    await eventually(10_000, async () => assert.ok((await cancelledCalls()) > before));
  });

  /** Counts calls that ended because their client left. */
  async function cancelledCalls(): Promise<number> {
    const client = connect(FleetServiceClient, services.host.server.endpoint);
    try {
      for await (const { event } of readStream(client, client.watchFleet({ interval: undefined }))) {
        if (event?.$case !== 'pod') continue;
        return event.value.calls.find(({ code }) => code === 'CANCELLED')?.count ?? 0;
      }
      throw new Error('no report came');
    } finally {
      client.close();
    }
  }

  test('only methods of the public services are forwarded', async () => {
    for (const target of [
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/inference.GRPCInferenceService/ModelInfer',
      '/x',
    ]) {
      const answer = await ask(address, target, { 'content-type': 'application/grpc-web+proto' }, 'POST');
      assert.deepEqual([answer.status, problemOf(answer)], [404, 'PATH_UNKNOWN'], target);
    }
    const plain = await ask(address, `${scenesPath}ListScenes`, { 'content-type': 'text/plain' }, 'POST');
    assert.deepEqual([plain.status, problemOf(plain)], [400, 'HTTP_INVALID']);
    const deleted = await ask(address, '/', {}, 'DELETE');
    assert.deepEqual([deleted.status, problemOf(deleted)], [400, 'HTTP_INVALID']);
  });

  test('a body that is too long, or not one message, is refused', async () => {
    const send = async (body: Uint8Array<ArrayBuffer>): Promise<ReturnType<typeof readFrames>> => {
      const response = await fetch(`${address}${scenesPath}ListScenes`, {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+proto' },
        body,
      });
      return readFrames(new Uint8Array(await response.arrayBuffer()));
    };
    for (const body of [new Uint8Array(3), new Uint8Array([1, 0, 0, 0, 0]), new Uint8Array([0, 0, 0, 0, 9, 1])]) {
      assert.equal((await send(body)).code, 'HTTP_INVALID');
    }
    const long = await send(frame(new Uint8Array(25 * 1024 * 1024))).catch((error: unknown) => String(error));
    assert.match(JSON.stringify(long), /longer than|fetch failed/);
    assert.equal((await callWeb(address, `${scenesPath}ListScenes`, listAll)).status, 0);
  });

  test('the console comes with a strict policy, and with tags that spare a second download', async () => {
    const page = await ask(address, '/');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type']!, /^text\/html/);
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    const again = await ask(address, '/', { 'if-none-match': page.headers.etag! });
    assert.deepEqual([again.status, again.body.byteLength], [304, 0]);
    const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(page.body.toString())![1]!;
    const file = await ask(address, script, { 'accept-encoding': 'br' });
    assert.equal(file.headers['content-encoding'], 'br');
    assert.match(String(file.headers['cache-control']), /immutable/);
    // No inline script or style, and nothing of another host.
    assert.doesNotMatch(page.body.toString(), /<script(?![^>]*src=)|<style|style=|https?:/);
    for (const outside of ['/../package.json', '/%2e%2e/package.json', '/assets/nothing.js']) {
      assert.equal((await ask(address, outside)).status, 404, outside);
    }
  });

  test('names that are not its own, and pages of other origins, get nothing', async () => {
    const port = new URL(address).port;
    const refused = async (headers: Record<string, string>): Promise<void> => {
      const answer = await ask(address, '/', headers);
      assert.deepEqual([answer.status, problemOf(answer)], [403, 'HOST_REFUSED'], JSON.stringify(headers));
    };
    await refused({ host: `evil.example:${port}` });
    await refused({ host: '127.0.0.1.evil.example' });
    await refused({ origin: 'https://evil.example' });
    await refused({ origin: 'null' });
    await refused({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' });
    assert.equal((await ask(address, '/', { host: `localhost:${port}` })).status, 200);
    assert.equal((await ask(address, '/', { origin: address })).status, 200);
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    assert.equal((await ask(address, '/', link)).status, 200);
  });

  test('a map is a Cloud Optimized GeoTIFF with the labels that gRPC gives, in any byte ranges', async () => {
    const target = `/maps/${job.status!.job}/labels.tif`;
    const whole = await ask(address, target);
    assert.equal(whole.status, 200);
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    const file = path.join(await temporaryFolder('gateway'), 'labels.tif');
    await writeFile(file, whole.body);
    const raster = await openRaster(file, { content: 'labels' });
    const { height, width } = raster.info;
    const values = await raster.readWindow({ row: 0, column: 0, height, width });
    await raster.close();
    const expected = (await readMapOf(services, job)).subarray(0, height * width);
    assert.deepEqual(Buffer.from(values as Uint8Array), expected);
    const size = whole.body.byteLength;
    for (const [range, first, last] of [
      ['bytes=0-15', 0, 15],
      [`bytes=100-`, 100, size - 1],
      ['bytes=-20', size - 20, size - 1],
      [`bytes=5-${size + 100}`, 5, size - 1],
    ] as const) {
      const part = await ask(address, target, { range });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${first}-${last}/${size}`);
      assert.deepEqual(part.body, whole.body.subarray(first, last + 1));
    }
    const beyond = await ask(address, target, { range: `bytes=${size}-` });
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${size}`]);
    for (const range of ['bytes=9-5', 'bytes=-', 'lines=1-2', 'bytes=0-1,5-6']) {
      assert.equal((await ask(address, target, { range })).status, 200, range);
    }
    const tag = whole.headers.etag!;
    assert.equal((await ask(address, target, { 'if-none-match': tag })).status, 304);
    assert.equal((await ask(address, target, { range: 'bytes=0-1', 'if-range': '"other"' })).status, 200);
    const head = await ask(address, target, {}, 'HEAD');
    assert.deepEqual([head.status, Number(head.headers['content-length']), head.body.byteLength], [200, size, 0]);
  });

  test('probabilities, confidence and style are there too; what is not, is named', async () => {
    const folder = `/maps/${job.status!.job}`;
    for (const name of ['confidence.tif', 'probabilities.tif', 'labels.qml', 'labels.tif?smooth=3']) {
      assert.equal((await ask(address, `${folder}/${name}`)).status, 200, name);
    }
    const answers = [
      [`/maps/${crypto.randomUUID()}/labels.tif`, 404, 'JOB_NOT_FOUND'],
      [`${folder}/other.tif`, 404, 'PATH_UNKNOWN'],
      ['/maps/..%2f..%2fetc/labels.tif', 404, 'PATH_UNKNOWN'],
      [`${folder}/labels.tif?smooth=many`, 400, 'HTTP_INVALID'],
      [`${folder}/labels.tif?smooth=5000`, 400, 'FIELD_INVALID'],
    ] as const;
    for (const [target, status, code] of answers) {
      const answer = await ask(address, target);
      assert.deepEqual([answer.status, problemOf(answer)], [status, code], target);
    }
    const plain = await classify(services, false);
    const missing = await ask(address, `/maps/${plain.status!.job}/probabilities.tif`);
    assert.deepEqual([missing.status, problemOf(missing)], [400, 'FIELD_INVALID']);
    assert.match(missing.body.toString(), /did not keep probabilities/);
  });

  test('a request whose headers do not end is cut off, and others go on', async () => {
    const { hostname, port } = new URL(address);
    const socket = connectTcp(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    const closed = once(socket, 'close');
    assert.equal((await ask(address, '/')).status, 200);
    socket.write(`${'x'.repeat(70_000)}\r\n`);
    await closed;
  });
});

describe('a gateway of services that ask for tokens', () => {
  let services: Services;
  let address: string;
  let as: (role: Role) => Promise<Record<string, string>>;

  before(async () => {
    const directory = await temporaryFolder('keys');
    const files = await createKeyFiles(directory);
    const key = readPrivateKey('key', files.privateKey);
    const token = (role: Role): Promise<string> =>
      issueToken(key, { subject: 'me', roles: [role], audience: 'hyperswap', hours: 1 });
    as = async (role) => ({ authorization: `Bearer ${await token(role)}` });
    const tokenFile = path.join(directory, 'token');
    await writeFile(tokenFile, await token('operator'));
    services = await startServices({ tokenKeys: files.publicKeys, tokenFile }, undefined, { tokenFile }, { site });
    address = services.host.console!;
    await prepareToy(services);
    await train(services, { method: 'linear-probe', settings: { epochs: '1' } });
  });
  after(() => services.stop());

  test('a caller has the rights of its own token, never those of the process', async () => {
    const path_ = `${scenesPath}ListScenes`;
    assert.equal((await callWeb(address, path_, listAll)).code, 'TOKEN_MISSING');
    assert.equal((await callWeb(address, path_, listAll, { authorization: 'Bearer nonsense' })).code, 'TOKEN_INVALID');
    assert.equal((await callWeb(address, path_, listAll, await as('reader'))).status, 0);
    const deletion = DeleteSceneRequest.encode({ name: 'other' }).finish();
    const refused = await callWeb(address, `${scenesPath}DeleteScene`, deletion, await as('trainer'));
    assert.deepEqual([refused.status, refused.code], [7, 'ROLE_MISSING']);
    assert.equal(
      (await callWeb(address, `${scenesPath}DeleteScene`, deletion, await as('operator'))).code,
      'SCENE_NOT_FOUND',
    );
  });

  test('each request for a map shows a token, also once the map is there', async () => {
    const job = await classify(services, false);
    const target = `/maps/${job.status!.job}/labels.tif`;
    const first = await ask(address, target);
    assert.deepEqual([first.status, problemOf(first)], [401, 'TOKEN_MISSING']);
    assert.equal(first.headers['www-authenticate'], 'Bearer');
    assert.equal((await ask(address, target, await as('reader'))).status, 200);
    assert.equal((await ask(address, target)).status, 401);
    const part = await ask(address, target, { ...(await as('reader')), range: 'bytes=0-3' });
    assert.deepEqual([part.status, part.body.toString('latin1')], [206, 'II*\0']);
    // The console itself holds no secret: it is there before anybody has signed in.
    assert.equal((await ask(address, '/')).status, 200);
  });
});
