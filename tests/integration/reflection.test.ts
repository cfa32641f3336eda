/**
 * Reflection with a real client: `grpcurl`, which has no proto files of its own, lists, describes and calls every
 * service.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { grpcurl, grpcurlMissing } from '../support/grpcurl.js';
import { prepareToy, startServices, type Services } from '../support/services.js';

const standardServices = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
/** Fully qualified names of types in a description, for example `.hyperswap.v1.Scene`. */
const typeNames = /(?<![\w.])\.((?:[a-z]\w*\.)+(?:[A-Z]\w*\.?)+)/g;

describe('reflection, seen by grpcurl', { skip: grpcurlMissing }, () => {
  let services: Services;
  let endpoint: string;
  let hosted: string[];

  const succeed = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await grpcurl(...args);
    assert.equal(code, 0, `grpcurl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

  before(async () => {
    services = await startServices();
    ({ endpoint } = services.host.server);
    hosted = lines(await succeed(endpoint, 'list')).filter((name) => name.startsWith('hyperswap.'));
  });

  after(() => services.stop());

  test('every service is listed, with health and reflection itself', async () => {
    const listed = lines(await succeed(endpoint, 'list'));
    assert.deepEqual(listed, [...services.host.server.services, ...standardServices].sort());
  });

  test('both versions of reflection list the same', async () => {
    for (const version of ['v1', 'v1alpha']) {
      const method = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      const answer = await succeed('-d', '{"listServices":"*"}', endpoint, method);
      const { listServicesResponse } = JSON.parse(answer) as {
        listServicesResponse: { service: { name: string }[] };
      };
      assert.deepEqual(
        listServicesResponse.service.map(({ name }) => name).sort(),
        [...services.host.server.services, ...standardServices].sort(),
      );
    }
  });

  test('every service, message and enum is described with fully qualified types', async (context) => {
    const described = new Map<string, string>();
    const waiting = [...hosted, ...standardServices];
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (described.has(name)) continue;
      const text = await succeed(endpoint, 'describe', name);
      described.set(name, text);
      for (const [, type] of text.matchAll(typeNames)) waiting.push(type!);
    }
    context.diagnostic(`${described.size} symbols described`);
    assert.ok(described.size > 50, [...described.keys()].join());
    for (const service of hosted) {
      assert.match(described.get(service)!, /^\s*\/\/ \S/m, `${service} is described with its comments`);
    }
    const commented = [...described].filter(([name, text]) => name.startsWith('hyperswap.') && /\/\/ \S/.test(text));
    assert.ok(commented.length > 30, `${commented.length} descriptions have a comment`);
    assert.ok(
      [...described.values()].some((text) => /map<string, string> \w+ = \d+;/.test(text)),
      'maps are maps',
    );
  });

  test('methods, fields and values of enums are found by their names', async () => {
    for (const [symbol, expected] of [
      ['grpc.health.v1.Health.Check', /rpc Check \( \.grpc\.health\.v1\.HealthCheckRequest \)/],
      ['grpc.health.v1.HealthCheckResponse.status', /ServingStatus status = 1/],
      ['grpc.health.v1.HealthCheckResponse.SERVING', /SERVING = 1/],
      ['grpc.health.v1.HealthCheckResponse.ServingStatus', /enum ServingStatus/],
    ] as const) {
      assert.match(await succeed(endpoint, 'describe', symbol), expected);
    }
    const { code, stderr } = await grpcurl(endpoint, 'describe', 'hyperswap.v1.Nothing');
    assert.notEqual(code, 0);
    assert.match(stderr, /not found/i);
  });

  test('every method can be called: what comes back is an answer or a catalogued error', async (context) => {
    await prepareToy(services);
    let called = 0;
    for (const service of hosted) {
      for (const method of lines(await succeed(endpoint, 'list', service))) {
        const path = method.replace(/\.(\w+)$/, '/$1');
        const { code, stderr } = await grpcurl('-max-time', '2', '-d', '{}', endpoint, path);
        called += 1;
        // Watches last until the time is over. Without catalogued errors grpcurl itself has failed.
        if (code === 0 || /DeadlineExceeded|deadline/.test(stderr)) continue;
        assert.ok(code > 64, `${path}: ${stderr}`);
        assert.match(stderr, /InvalidArgument|NotFound|FailedPrecondition/, path);
      }
    }
    context.diagnostic(`${called} methods called`);
    assert.ok(called >= 20);
  });

  test('a map travels from JSON to the service', async () => {
    const settings = { epochs: '3', misspelled: 'x' };
    const request = { scene: 'toy', method: 'lora', adapter: 'x', settings, patchSize: 9 };
    const method = 'hyperswap.v1.TrainingService/StartTraining';
    const { stderr } = await grpcurl('-d', JSON.stringify(request), endpoint, method);
    assert.match(stderr, /InvalidArgument/);
    assert.match(stderr, /misspelled/);
  });
});
