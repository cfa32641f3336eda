/** OGC API – Processes of the gateway: OWSLib's run of it, what is refused and how, and who may ask. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createKeyFiles, issueToken, readPrivateKey } from '@hyperswap/keys';
import { openRaster } from '@hyperswap/raster';
import { repository } from '../support/fixtures.js';
import { Python } from '../support/python.js';
import { madeUpCog, startRangeServer, type RangeServer } from '../support/range-server.js';
import { prepareToy, site, startServices, toyScene, train, type Services } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const here = path.join(import.meta.dirname, '../../integration');
const python = await Python.with(path.join(here, 'requirements-owslib.txt'));

interface Run {
  readonly job: {
    readonly jobID: string;
    readonly processID: string;
    readonly status: string;
    readonly progress: number;
  };
  readonly results: Readonly<Record<string, { readonly href: string; readonly type: string }>>;
}
interface OwslibAnswer {
  readonly links: readonly string[];
  readonly conformance: readonly string[];
  readonly openapi: Readonly<Record<string, object>>;
  readonly processes: readonly string[];
  readonly classify: {
    readonly inputs: Readonly<
      Record<string, { readonly minOccurs: number; readonly schema: { readonly type: string } }>
    >;
    readonly outputs: Readonly<Record<string, object>>;
    readonly jobControlOptions: readonly string[];
  };
  readonly prepared: Run;
  readonly classified: Run;
}

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

/** Asks, and returns status and JSON. */
async function ask(
  address: string,
  target: string,
  { method = 'GET', body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly content: unknown }> {
  const json = { 'content-type': 'application/json', ...headers };
  const init = body === undefined ? { method, headers } : { method, headers: json, body: JSON.stringify(body) };
  const response = await fetch(`${address}/ogc/${target}`, init);
  return { status: response.status, headers: response.headers, content: await response.json() };
}

const execution = 'processes/classify/execution';

describe('OGC API – Processes', () => {
  let services: Services;
  let address: string;
  let server: RangeServer;

  before(async () => {
    const { file } = await madeUpCog();
    server = await startRangeServer(file);
    services = await startServices({ sceneUrls: `${server.origin}/allowed/` }, undefined, {}, { site });
    address = services.host.console!;
    await prepareToy(services);
    await train(services, { method: 'linear-probe', settings: { epochs: '1' } });
  });
  after(async () => {
    await services.stop();
    server.close();
  });

  test('its OpenAPI document has the version of the release', async () => {
    const { content } = await ask(address, 'api');
    const { version } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal((content as { info: { version: string } }).info.version, version);
  });

  describe('with OWSLib', { skip: typeof python === 'string' && python }, () => {
    let answer: OwslibAnswer;

    before(async () => {
      assert.ok(typeof python !== 'string');
      const asked = {
        address,
        prepare: { source: `${server.origin}/allowed/scene.tif`, name: 'from-ogc' },
        classify: { scene: 'toy', adapter: 'toy', probabilities: true },
      };
      answer = JSON.parse(
        await python.run(path.join(here, 'owslib_client.py'), [], JSON.stringify(asked)),
      ) as OwslibAnswer;
    });

    test('the landing page leads to all, and the processes describe their inputs and outputs', () => {
      for (const rel of ['service-desc', 'processes', 'conformance', 'job-list']) {
        assert.ok(
          answer.links.some((link) => link.endsWith(rel)),
          rel,
        );
      }
      assert.ok(answer.conformance.some((name) => name.endsWith('/conf/core')));
      assert.deepEqual(answer.processes, ['classify', 'prepare']);
      const { inputs, outputs, jobControlOptions } = answer.classify;
      assert.deepEqual([inputs.scene!.minOccurs, inputs.agreement!.minOccurs], [1, 0]);
      assert.equal(inputs.agreement!.schema.type, 'number');
      assert.ok('labels.tif' in outputs);
      assert.deepEqual(jobControlOptions, ['async-execute', 'dismiss']);
      assert.ok('/processes/classify/execution' in answer.openapi);
    });

    test('a scene at a URL is prepared', () => {
      const { job, results } = answer.prepared;
      assert.deepEqual([job.status, job.progress], ['successful', 100]);
      assert.deepEqual(results, { scene: 'from-ogc' });
    });

    test('a map comes as files that open', async () => {
      const { job, results } = answer.classified;
      assert.deepEqual([job.status, job.progress], ['successful', 100]);
      assert.deepEqual(Object.keys(results), ['labels.tif', 'confidence.tif', 'probabilities.tif', 'labels.qml']);
      const { href, type } = results['labels.tif']!;
      assert.match(type, /cloud-optimized/);
      const file = path.join(await temporaryFolder('ogc'), 'labels.tif');
      await writeFile(file, Buffer.from(await (await fetch(href)).arrayBuffer()));
      const raster = await openRaster(file, { content: 'labels' });
      const { height, width } = toyScene();
      assert.deepEqual([raster.info.height, raster.info.width], [height, width]);
      await raster.close();
    });
  });

  test('an execution answers with the place of its job, which can be dismissed', async () => {
    const body = { inputs: { scene: 'toy', adapter: 'toy' } };
    const { status, headers, content } = await ask(address, execution, { method: 'POST', body });
    const { jobID } = content as { jobID: string };
    assert.equal(status, 201);
    assert.equal(headers.get('location'), `${address}/ogc/jobs/${jobID}`);
    const dismissed = await ask(address, `jobs/${jobID}`, { method: 'DELETE' });
    assert.equal(dismissed.status, 200);
    assert.match((dismissed.content as { status: string }).status, /dismissed|running|successful/);
    const { content: list } = await ask(address, 'jobs?limit=1');
    assert.equal((list as { jobs: object[] }).jobs.length, 1);
  });

  test('what is wrong is told as a problem that names the input', async () => {
    const cases = [
      [{}, 400, 'FIELD_INVALID', /inputs\.scene/],
      [{ inputs: { scene: 'toy', adapter: 'toy', agreement: 2 } }, 400, 'FIELD_INVALID', /inputs\.agreement/],
      [{ inputs: { scene: 'toy', adapter: 'toy', sharp: true } }, 400, 'FIELD_INVALID', /sharp/],
      [{ inputs: { scene: 'nowhere', adapter: 'toy' } }, 404, 'SCENE_NOT_FOUND', /nowhere/],
      [{ inputs: { scene: 'toy', adapter: 'nobody' } }, 404, 'ADAPTER_NOT_FOUND', /nobody/],
    ] as const;
    for (const [body, status, title, detail] of cases) {
      const { content, headers } = await ask(address, execution, { method: 'POST', body });
      const problem = content as Problem;
      assert.deepEqual([problem.status, problem.title], [status, title], JSON.stringify(body));
      assert.match(problem.detail, detail);
      assert.equal(headers.get('content-type'), 'application/problem+json');
    }
    const elsewhere = { inputs: { source: 'http://127.0.0.1:9/scene.tif', name: 'x' } };
    const refused = await ask(address, 'processes/prepare/execution', { method: 'POST', body: elsewhere });
    assert.deepEqual(
      [refused.status, (refused.content as Problem).title],
      [403, 'SCENE_SOURCE_REFUSED'],
      (refused.content as Problem).detail,
    );
    const unknown = [
      ['jobs/no', 'no-such-job'],
      [`jobs/${crypto.randomUUID()}`, 'no-such-job'],
      ['processes/other', 'no-such-process'],
      ['processes/toString', 'no-such-process'],
    ] as const;
    for (const [target, type] of unknown) {
      const { status, content } = await ask(address, target);
      assert.equal(status, 404, target);
      assert.ok((content as Problem).type.endsWith(type), target);
    }
    const text = await fetch(`${address}/ogc/${execution}`, { method: 'POST', body: 'no JSON' });
    assert.deepEqual([text.status, ((await text.json()) as Problem).title], [400, 'HTTP_INVALID']);
  });
});

test('an OGC client has the rights of its token', async (context) => {
  const directory = await temporaryFolder('ogc-keys');
  const files = await createKeyFiles(directory);
  const key = readPrivateKey('key', files.privateKey);
  const token = (role: 'reader' | 'operator'): Promise<string> =>
    issueToken(key, { subject: 'me', roles: [role], audience: 'hyperswap', hours: 1 });
  const tokenFile = path.join(directory, 'token');
  await writeFile(tokenFile, await token('operator'));
  const services = await startServices({ tokenKeys: files.publicKeys, tokenFile }, undefined, { tokenFile }, { site });
  context.after(() => services.stop());
  const address = services.host.console!;
  const headers = { authorization: `Bearer ${await token('reader')}` };
  assert.equal((await ask(address, 'jobs')).status, 401);
  assert.equal((await ask(address, 'jobs', { headers })).status, 200);
  const body = { inputs: { source: 'store:x.tif', name: 'x' } };
  const refused = await ask(address, 'processes/prepare/execution', { method: 'POST', body, headers });
  assert.deepEqual([refused.status, (refused.content as Problem).title], [403, 'ROLE_MISSING']);
});
