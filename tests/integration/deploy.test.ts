/** Files to deploy hyperswap with: what they set is there, what they render is valid, and what they start serves. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import path from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { describeSettings, loadConfig } from '@hyperswap/config';
import { connect as connectNats } from 'nats';
import { parse } from 'yaml';
import { commandFile } from '../support/command.js';
import { startServing, type Pod } from '../support/fleet.js';
import { freePort } from '../support/free-port.js';
import { repository } from '../support/fixtures.js';
import { healthOf, SERVING } from '../support/health.js';
import { chartDirectory, helm, helmMissing, problemsOf, renderChart, type Manifest } from '../support/manifests.js';
import { serversMissing, startMinio, startNats } from '../support/servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Variables of other programs in hyperswap's containers. */
const foreign = /^(OTEL_|NVIDIA_|NODE_ENV$|PATH$|HOME$)/;
/** Read by `make setup` alone. */
const ofTheBuild = 'HYPERSWAP_ENGINE_CACHE';
const examples = ['small', 'full'];

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}
interface Probe {
  readonly grpc?: { readonly service: string };
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: { readonly path: string; readonly httpHeaders: readonly { name: string; value: string }[] };
}
interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
}
interface ComposeService {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly image: string;
}

const valuesOf = (example: string): string => path.join(chartDirectory, 'ci', `${example}-values.yaml`);

/** Returns hyperswap's containers in deployments and jobs. */
function containersOf(manifests: readonly Manifest[]): Container[] {
  const templates = manifests.flatMap(({ kind, spec }) => {
    if (kind === 'Deployment') return [(spec as { template: unknown }).template];
    return kind === 'ScaledJob' ? [(spec as { jobTargetRef: { template: unknown } }).jobTargetRef.template] : [];
  });
  return templates.flatMap((template) => (template as { spec: { containers: Container[] } }).spec.containers);
}

/** Returns the settings that a container names, by the name of their file. */
function configOf(manifests: readonly Manifest[], { args }: Pick<Container, 'args'>): string {
  const map = manifests.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> };
  return map.data[path.basename(args[args.indexOf('--config') + 1]!)]!;
}

function checkNames(names: readonly string[], where: string): void {
  const known = new Set([...describeSettings().map(({ environment }) => environment), ofTheBuild]);
  const unknown = names.filter((name) => !known.has(name) && !foreign.test(name));
  assert.deepEqual(unknown, [], `variables in ${where} that no setting has`);
}

async function composeServices(): Promise<Record<string, ComposeService>> {
  const text = await readFile(path.join(repository, 'deploy', 'compose.yaml'), 'utf8');
  return (parse(text, { merge: true }) as { services: Record<string, ComposeService> }).services;
}

/** Services that a container's probes name, with the ways that Kubernetes probes. */
function probedServices({ startupProbe, readinessProbe, livenessProbe }: Container): string[] {
  return [startupProbe, readinessProbe, livenessProbe].flatMap(
    ({ grpc, exec }) => grpc?.service ?? exec?.command.at(-1) ?? [],
  );
}

/** Returns the containers of the pod that `helm test` runs. */
function testContainers(manifests: readonly Manifest[]): Container[] {
  const pod = manifests.find(({ kind, metadata }) => kind === 'Pod' && metadata.name.endsWith('-test'));
  return (pod!.spec as { containers: Container[] }).containers;
}

/** Probes a page as a kubelet does. */
async function probePage(port: number, { path: page, httpHeaders }: NonNullable<Probe['httpGet']>): Promise<number> {
  const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: page, headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).once('error', reject);
  });
}

test('every variable in compose.yaml and in the Dockerfile is a setting, and its value is allowed', async () => {
  const services = await composeServices();
  const own = Object.entries(services).filter(([, { command }]) => command[0] === 'up');
  assert.deepEqual(own.map(([name]) => name).sort(), ['preprocessing', 'tile-inference', 'trainer']);
  for (const [name, { environment = {} }] of own) {
    checkNames(Object.keys(environment), `${name} of compose.yaml`);
    loadConfig({ environment });
  }
  const dockerfile = await readFile(path.join(repository, 'deploy', 'Dockerfile'), 'utf8');
  const variables = [...dockerfile.matchAll(/^(?:ENV|\s) *([A-Z0-9_]+)=/gm)].map(([, name]) => name!);
  assert.ok(variables.includes('HYPERSWAP_HOME'));
  checkNames(variables, 'the Dockerfile');
});

describe('the chart', { skip: helmMissing }, () => {
  test('passes helm lint, and Kubernetes, KEDA and the operators know all that it renders', async () => {
    for (const example of examples) {
      await helm('lint', chartDirectory, '--strict', '--kube-version', '1.31', '-f', valuesOf(example));
      const manifests = await renderChart('-f', valuesOf(example));
      assert.deepEqual(await problemsOf(manifests), [], example);
    }
  });

  test('a field that no schema knows, or of a wrong type, is found by that check', async () => {
    const manifests = await renderChart('-f', valuesOf('small'));
    const [budget] = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
    const spec = budget!.spec as object;
    const wrong = [
      { ...budget!, spec: { ...spec, maximumUnavailable: 1 } },
      { ...budget!, spec: { selector: 'all' } },
    ];
    const problems = await problemsOf(wrong);
    assert.match(problems.join('\n'), /maximumUnavailable/);
    assert.match(problems.join('\n'), /selector must be object/);
  });

  test('sets variables and settings that exist, with values that are allowed', async () => {
    for (const example of examples) {
      const manifests = await renderChart('-f', valuesOf(example));
      const file = path.join(await temporaryFolder('chart'), 'config.json');
      const containers = containersOf(manifests);
      assert.ok(containers.length >= 4);
      for (const container of [...containers, ...testContainers(manifests)]) {
        const { name, env = [] } = container;
        await writeFile(file, configOf(manifests, container));
        const names = env.map((variable) => variable.name);
        checkNames(names, `${name} of the chart`);
        assert.equal(new Set(names).size, names.length);
        const environment = Object.fromEntries(env.map((variable) => [variable.name, variable.value ?? 'secret']));
        loadConfig({ file, environment });
      }
    }
  });

  test('refuses unknown values, credentials in addresses, and a fleet without TLS that is not said to be trusted', async () => {
    const small = ['-f', valuesOf('small')];
    await assert.rejects(renderChart(...small, '--set', 'config.queueLimits=1'), /queueLimits/);
    await assert.rejects(renderChart(...small, '--set', 'config.queueLimit=0'), /queueLimit/);
    await assert.rejects(renderChart(...small, '--set', 'tileInference.replica=3'), /replica/);
    await assert.rejects(renderChart(...small, '--set', 'nats.url=nats://user:word@nats:4222'), /url/);
    await assert.rejects(renderChart(...small, '--set', 'config.insecure=false'), /tls\.secret/);
    await assert.rejects(renderChart(...small, '--set', 'nats.enabled=false'), /nats\.url/);
    await assert.rejects(renderChart(...small, '--set', 'objectStore.secret.name='), /objectStore\.secret\.name/);
    const ingress = ['--set', 'httpGateway.ingress.enabled=true'];
    await assert.rejects(renderChart(...small, ...ingress), /httpGateway\.hostnames/);
    await assert.rejects(renderChart(...small, '--set', 'httpGateway.ingres.enabled=true'), /ingres/);
  });

  test('the HTTP gateway has no secret but certificates and public keys, and one place that names and rules agree on', async () => {
    const manifests = await renderChart('-f', valuesOf('full'), '--set', 'config.gatewayPort=8443');
    const found = (kind: string): { spec: unknown } => {
      return manifests.find((one) => one.kind === kind && one.metadata.name === 'test-hyperswap-gateway') as never;
    };
    const { template } = found('Deployment').spec as {
      template: { spec: { containers: Container[]; volumes: { name: string }[] } };
    };
    const [container] = template.spec.containers;
    assert.deepEqual(
      container!.env!.filter(({ valueFrom }) => valueFrom !== undefined),
      [],
    );
    assert.deepEqual(
      template.spec.volumes.map(({ name }) => name),
      ['config', 'home', 'temporary', 'authority', 'tls', 'token-keys'],
    );
    assert.equal(container!.ports.find(({ name }) => name === 'http')!.containerPort, 8443);
    const [service, ingress, route] = ['Service', 'Ingress', 'HTTPRoute'].map((kind) => found(kind).spec);
    assert.equal((service as { ports: { port: number }[] }).ports[0]!.port, 8443);
    assert.equal((route as { rules: { backendRefs: { port: number }[] }[] }).rules[0]!.backendRefs[0]!.port, 8443);
    assert.deepEqual((ingress as { tls: unknown }).tls, [
      { secretName: 'console-tls', hosts: ['console.example.org'] },
    ]);
    const policy = manifests.find(({ kind }) => kind === 'NetworkPolicy')!.spec as {
      ingress: { ports: { port: number }[]; from: unknown[] }[];
    };
    const [rule] = policy.ingress.filter(({ ports }) => ports.some(({ port }) => port === 8443));
    assert.match(JSON.stringify(rule!.from), /kubernetes.io\/metadata.name":"ingress"/);
    const http = testContainers(manifests).find(({ args }) => args.includes('--http'))!;
    assert.equal(http.args.at(-1), 'https://test-hyperswap-gateway.maps.svc:8443/ogc/conformance');
  });

  test("gives GPUs, and the image with NVIDIA's libraries, to components that ask for them", async () => {
    const containers = containersOf(await renderChart('-f', valuesOf('full')));
    const imageOf = (name: string): string => containers.find((container) => container.name === name)!.image;
    assert.equal(imageOf('preprocessing'), 'registry.example.org/maps/hyperswap:1.2.3');
    assert.equal(imageOf('tile-inference'), 'registry.example.org/maps/hyperswap:1.2.3-cuda');
  });

  test('what it starts serves, by its own arguments, settings and probes', { skip: serversMissing }, async () => {
    const [nats, minio] = await Promise.all([startNats(), startMinio()]);
    const pods: Pod[] = [];
    try {
      const { endpoint, accessKey, secretKey } = minio.settings;
      const values = [`nats.url=${nats.url}`, `objectStore.endpoint=${endpoint}`, 'config.logLevel=error'];
      const manifests = await renderChart(
        ...['--set', 'config.insecure=true', '--set', 'objectStore.secret.name=s3'],
        ...['--set', 'trainingWorkers.enabled=true', '--set', 'trainingWorkers.idleSeconds=3600'],
        ...['--set', 'nats.monitoring=nats:8222', '--set', 'httpGateway.enabled=true'],
        ...values.flatMap((value) => ['--set', value]),
      );
      const directory = await temporaryFolder('chart');
      const file = path.join(directory, 'config.json');
      const secrets: Readonly<Record<string, string>> = { 'access-key': accessKey, 'secret-key': secretKey };
      const gatewayPort = await freePort();
      // Names of the cluster, by the addresses that the processes have here.
      const addresses = new Map<string, string>();
      const here = (text: string): string =>
        text.replace(/test-hyperswap-([a-z-]+)\.maps\.svc:\d+/g, (all, name: string) => addresses.get(name) ?? all);
      // The gateway starts last: it forwards to the others.
      const containers = containersOf(manifests).sort(
        (a, b) => Number(a.name === 'gateway') - Number(b.name === 'gateway'),
      );
      assert.equal(containers.at(-1)!.name, 'gateway');
      for (const [index, container] of containers.entries()) {
        const given = container.env!.map(({ name, value, valueFrom }) => {
          return [name, value ?? secrets[valueFrom!.secretKeyRef.key]] as const;
        });
        await writeFile(file, here(configOf(manifests, container)));
        const args = container.args.map((arg) => (arg.startsWith('/etc/hyperswap/config/') ? file : arg));
        const home = path.join(directory, String(index));
        const metricsPort = await freePort();
        const pod = await startServing([...args, '--port', '0'], {
          ...{ PATH: process.env.PATH, HOME: process.env.HOME, HYPERSWAP_HOME: home },
          ...Object.fromEntries(given),
          // Pods have a network of their own; these share one.
          HYPERSWAP_METRICS_PORT: String(metricsPort),
          HYPERSWAP_GATEWAY_PORT: String(gatewayPort),
        });
        pods.push(pod);
        addresses.set(container.name, pod.endpoint);
        const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
        assert.match(metrics, /^hyperswap_memory_bytes/m, `${container.name} shows its metrics`);
        const { httpGet } = container.readinessProbe;
        assert.equal(httpGet !== undefined, container.name === 'gateway');
        if (httpGet !== undefined) assert.equal(await probePage(gatewayPort, httpGet), 200);
        for (const service of probedServices(container)) {
          assert.equal(await healthOf(pod.endpoint, service), SERVING, `${container.name} ${service}`);
        }
      }
      // The commands of `helm test` pass, and fail where a component is away.
      const local = { ...process.env, HYPERSWAP_HOME: directory };
      const runTest = async (container: Container): Promise<string> => {
        await writeFile(file, here(configOf(manifests, container)));
        const words = container.args.map((arg) => (arg.startsWith('/etc/hyperswap/config/') ? file : here(arg)));
        return (await promisify(execFile)(process.execPath, [commandFile, ...words], { env: local })).stdout;
      };
      const tests = testContainers(manifests);
      assert.equal(tests.length, 4);
      addresses.set('gateway', `127.0.0.1:${gatewayPort}`);
      for (const one of tests) assert.match(await runTest(one), /^SERVING$/m);
      // The gateway of the chart reaches all services.
      const jobs = await fetch(`http://127.0.0.1:${gatewayPort}/ogc/jobs`);
      assert.equal(jobs.status, 200, await jobs.text());
      await pods.at(-1)!.kill();
      await assert.rejects(runTest(tests.find(({ args }) => args.includes('--http'))!), /No service answers at http/);
      // The queue that KEDA asks about is the one that trainers take trainings from.
      const { spec } = manifests.find(({ kind }) => kind === 'ScaledJob')!;
      const { stream, consumer } = (spec as { triggers: { metadata: Record<string, string> }[] }).triggers[0]!.metadata;
      const connection = await connectNats({ servers: nats.url });
      try {
        const { consumers } = await connection.jetstreamManager();
        assert.equal((await consumers.info(stream!, consumer!)).num_pending, 0);
      } finally {
        await connection.close();
      }
    } finally {
      await Promise.all(pods.map((pod) => pod.kill()));
      await Promise.all([nats.kill(), minio.kill()]);
    }
  });
});
