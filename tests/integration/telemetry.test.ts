/** Traces and metrics for operators of a fleet: a collector over HTTP, and Prometheus's page. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { metricCatalogue, prometheusName } from '@hyperswap/telemetry';
import { commandFile, makeWorkspace, type Workspace } from '../support/command.js';
import { repository } from '../support/fixtures.js';
import { eventually, mapOf, startFleet, startPod, type Fleet, type Pod } from '../support/fleet.js';
import { freePort } from '../support/free-port.js';
import { InferenceClient, pixelRequest } from '../support/inference-client.js';
import { OtlpCollector, type CollectedSpan } from '../support/otlp-collector.js';
import { serversMissing } from '../support/servers.js';
import { prepareToy } from '../support/services.js';
import { registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

describe('a traced fleet on NATS and MinIO', { skip: serversMissing }, () => {
  let collector: OtlpCollector;
  let fleet: Fleet;
  let pod: Pod;
  let workspace: Workspace;
  let log = '';

  const command = async (...args: readonly string[]): Promise<void> => {
    const environment = { ...process.env, ...collector.environment, HYPERSWAP_LOG_LEVEL: 'silent' };
    const options = { cwd: workspace.directory, env: environment };
    await promisify(execFile)(process.execPath, [commandFile, '--endpoint', pod.endpoint, ...args], options);
  };

  /** Finds the one trace that a command began, and checks that each span of it hangs on another. */
  const traceOf = async (root: string, ...names: readonly string[]): Promise<CollectedSpan[]> => {
    await eventually(20_000, async () => {
      const found = collector.traceFrom(root).map(({ name }) => name);
      await Promise.resolve();
      for (const name of names)
        assert.ok(found.includes(name), `${name} is missing among ${[...new Set(found)].join()}`);
    });
    const spans = collector.traceFrom(root);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    for (const { name, parentSpanId } of spans) {
      if (name !== root) assert.ok(ids.has(parentSpanId!), `the parent of ${name} is in the trace`);
    }
    return spans;
  };

  before(async () => {
    collector = await OtlpCollector.start();
    workspace = await makeWorkspace();
    fleet = await startFleet();
    const environment = { ...collector.environment, HYPERSWAP_LOG_LEVEL: 'info' };
    pod = await fleet.startPod('preprocessing,tile-inference', environment);
    pod.process.stderr!.on('data', (text: Buffer) => (log += text.toString()));
    const scene = await prepareToy(pod);
    await registerMadeUp(pod, scene, 'traced', { patchSize: 9 });
  });

  after(async () => {
    await fleet.stop();
    await collector.stop();
    await rm(workspace.directory, { recursive: true, force: true });
  });

  /** Names of the parents of a span, the nearest first. */
  const ancestors = (spans: readonly CollectedSpan[], span: CollectedSpan): string[] => {
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent === undefined ? [] : [parent.name, ...ancestors(spans, parent)];
  };

  test('one trace leads from the client’s tile through queue and batch to the engine', async () => {
    await command('classify', '--scene', 'field.npy', '--adapter', 'traced', '--out', 'tiles');
    const stream = 'hyperswap.v1.TileService/ClassifyTiles';
    const spans = await traceOf('hyperswap classify', stream, 'tile', 'bind', 'queue', 'batch', 'engine classify');
    assert.deepEqual([...new Set(spans.map(({ service }) => service))].sort(), ['hyperswap', 'hyperswap-cli']);
    const engine = spans.find(({ name }) => name === 'engine classify')!;
    assert.deepEqual(ancestors(spans, engine), ['batch', 'tile', stream, stream, 'hyperswap classify']);
    collector.spans.length = 0;
  });

  test('one trace leads from the call that starts a job through NATS to the engine of the pod that does it', async () => {
    await command('classify', '--scene', 'toy', '--adapter', 'traced', '--out', 'job');
    const call = 'hyperswap.v1.SceneJobService/ClassifyScene';
    const job = 'job classification';
    const spans = await traceOf('hyperswap classify', call, job, 'tile', 'queue', 'batch', 'engine classify');
    const engine = spans.find(({ name }) => name === 'engine classify')!;
    assert.deepEqual(ancestors(spans, engine), ['batch', 'tile', job, call, call, 'hyperswap classify']);
    const [{ traceId }] = spans as [CollectedSpan];
    await eventually(5_000, async () => {
      await Promise.resolve();
      const lines = log.split('\n').filter((line) => line.includes('job ended'));
      assert.ok(
        lines.some((line) => (JSON.parse(line) as { trace_id?: string }).trace_id === traceId),
        'the log of the job has its trace',
      );
    });
  });

  test('metrics reach the collector', async () => {
    await eventually(20_000, async () => {
      await Promise.resolve();
      for (const name of ['hyperswap.patches', 'hyperswap.jobs', 'hyperswap.memory.bytes', 'hyperswap.rpc.calls']) {
        assert.ok(collector.metricNames.has(name), name);
      }
    });
  });
});

describe('the metrics of a pod', () => {
  let home: string;
  let pod: Pod;
  let port: number;
  /** Metrics page of a pod that did nothing yet, during a job, and after work of all sorts, some of which failed. */
  let atStart: string;
  let duringJob: string;
  let page: string;

  const read = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

  /** Removes the blob of a version from the store. */
  const loseBlob = async (name: string): Promise<void> => {
    const files = await readdir(path.join(home, 'store'), { recursive: true });
    const found = files.filter((file) => file.includes(name) && file.endsWith('.safetensors'));
    assert.ok(found.length > 0);
    for (const file of found) await rm(path.join(home, 'store', file), { recursive: true });
  };

  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'hyperswap-metrics-'));
    port = await freePort();
    pod = await startPod('preprocessing,tile-inference', {
      ...process.env,
      HYPERSWAP_HOME: home,
      HYPERSWAP_LOG_LEVEL: 'silent',
      HYPERSWAP_METRICS_PORT: String(port),
      // Room for one adapter, so that others are freed.
      HYPERSWAP_BINDING_BYTES: String(1024 ** 2),
    });
    atStart = await read();
    const scene = await prepareToy(pod);
    for (const [seed, name] of ['one', 'two', 'lost'].entries()) {
      await registerMadeUp(pod, scene, name, { patchSize: 9, seed: seed + 1 });
    }
    await loseBlob('lost');
    for (const name of ['one', 'two', 'one', 'one', 'lost']) {
      const stream = new TileStream(pod.endpoint, scoreHeader(scene.name, name));
      await stream.send(scoreTile('t', 8, 4));
      await stream.read();
      stream.close();
    }
    const job = mapOf(pod, 'one', 16);
    await eventually(20_000, async () => {
      duringJob = await read();
      assert.match(duringJob, /^hyperswap_jobs_workers\{.*\} 1$/m);
    });
    await job;
    await assert.rejects(mapOf(pod, 'lost', 16));
    const client = new InferenceClient(pod.endpoint);
    const request = pixelRequest('one', new Uint16Array(200 * 200 * scene.raster!.bands), [
      200,
      200,
      scene.raster!.bands,
    ]);
    const controller = new AbortController();
    const requests = [1, 2, 3, 4].map(() =>
      client.infer(request, { signal: controller.signal }).catch(() => undefined),
    );
    await Promise.race(requests);
    // Work waits during the read.
    await eventually(60_000, async () => {
      page = await read();
      assert.match(page, /^hyperswap_queue_patches(\{.*\})? [1-9]/m);
      // Jobs are counted every 10 seconds.
      assert.match(page, /^hyperswap_jobs\{.*state="done".*\} [1-9]/m);
    });
    controller.abort();
    await Promise.all(requests);
    client.close();
  });

  after(async () => {
    await pod.kill();
    await rm(home, { recursive: true, force: true });
  });

  /** Values of a metric, by its labels. */
  const valuesOf = (name: string, text = page): Map<string, number> =>
    new Map(
      [...text.matchAll(new RegExp(`^${name}(\\{.*\\})? (\\S+)$`, 'gm'))].map(([, labels = '', value]) => [
        labels,
        Number(value),
      ]),
    );

  test('every metric of the list is there, and has moved', () => {
    for (const metric of metricCatalogue()) {
      const name = prometheusName(metric);
      const sample = metric.type === 'histogram' ? `${name}_count` : name;
      const values = [duringJob, page].flatMap((text) => [...valuesOf(sample, text).values()]);
      assert.ok(values.length > 0, `${name} is on the page`);
      assert.ok(Math.max(...values) > 0, `${name} has moved`);
    }
  });

  test('counts say what happened', () => {
    const sum = (name: string, ...labels: readonly string[]): number =>
      [...valuesOf(name)]
        .filter(([found]) => labels.every((label) => found.includes(label)))
        .reduce((total, [, value]) => total + value, 0);
    // Four tiles of 64 pixels in streams, and the map of 24 × 30.
    assert.equal(sum('hyperswap_patches_total', 'flow="interactive"'), 4 * 64);
    assert.equal(sum('hyperswap_patches_total', 'flow="job"'), 24 * 30);
    assert.equal(sum('hyperswap_adapter_tiles_total', 'adapter="two@1"', 'outcome="OK"'), 1);
    assert.ok(sum('hyperswap_adapter_tiles_total', 'adapter="lost@1"', 'outcome="OBJECT_NOT_FOUND"') >= 1);
    assert.ok(sum('hyperswap_bind_failures_total', 'code="OBJECT_NOT_FOUND"') >= 1);
    assert.ok(sum('hyperswap_rpc_calls_total', 'ModelInfer', 'code="QUEUE_FULL"') >= 1);
    assert.equal(sum('hyperswap_jobs_ended_total', 'state="done"', 'kind="classification"'), 1);
    assert.equal(sum('hyperswap_jobs_ended_total', 'state="failed"', 'kind="classification"'), 1);
    assert.ok(sum('hyperswap_bindings') >= 1);
  });

  test('a pod that did nothing yet reports zero jobs of its kinds, so that alerts can compare', () => {
    for (const kind of ['preparation', 'classification']) {
      assert.match(atStart, new RegExp(`^hyperswap_jobs\\{.*kind="${kind}".*state="queued".*\\} 0$`, 'm'));
      assert.match(atStart, new RegExp(`^hyperswap_jobs_workers\\{.*kind="${kind}".*\\} 0$`, 'm'));
    }
  });

  test('the dashboard and the alert rules name metrics that are there', async () => {
    for (const file of ['grafana/hyperswap.json', 'prometheus/alerts.yaml']) {
      const text = await readFile(path.join(repository, 'deploy', file), 'utf8');
      const names = new Set(text.match(/\bhyperswap_\w+/g));
      assert.ok(names.size > 5, `${file} names metrics`);
      for (const name of names) assert.match(page, new RegExp(`^${name}[ {]`, 'm'), `${file} names ${name}`);
    }
  });
});
