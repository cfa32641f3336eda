/**
 * Direction of imports: clients → services (only through gRPC) → shared, and inside shared only to a lower layer. What a package may import is what
 * its package.json names; TypeScript's project references are written from the same list (`npm run references`).
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

/** Layers of shared packages, the lowest first. A package may depend on packages of lower layers alone. */
const layers = [
  ['errors', 'random', 'telemetry'],
  ['pypi', 'config', 'keys', 'safetensors', 'storage', 'messaging', 'raster', 'splits'],
  ['tensor', 'rpc', 'map'],
  ['spectralgpt', 'scene', 'jobs'],
  ['checkpoint', 'peft'],
  ['adapter', 'rivals'],
  ['registry'],
];
/** What no client may import: a client can do what any client of the protos can. */
const behindTheServices = ['registry', 'storage', 'messaging', 'jobs', 'scene'];

const packages = ['proto', 'deploy', 'docs', 'tests', ...list('shared'), ...list('services'), ...list('clients')].map(
  (directory) => {
    const { name, dependencies = {} } = JSON.parse(
      readFileSync(path.join(__dirname, directory, 'package.json'), 'utf8'),
    );
    return {
      name,
      directory,
      dependencies: Object.keys(dependencies).filter((other) => other.startsWith('@hyperswap/')),
    };
  },
);
const directoryOf = new Map(packages.map(({ name, directory }) => [name, directory]));

function list(kind) {
  return readdirSync(path.join(__dirname, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(path.join(__dirname, kind, entry.name, 'package.json')))
    .map(({ name }) => `${kind}/${name}`);
}

function layerOf(directory) {
  const layer = layers.findIndex((names) => names.includes(directory.slice('shared/'.length)));
  if (layer < 0) throw new Error(`${directory} is in no layer of .dependency-cruiser.cjs`);
  return layer;
}

for (const { directory, dependencies } of packages.filter((found) => found.directory.startsWith('shared/'))) {
  for (const name of dependencies) {
    const other = directoryOf.get(name);
    if (other === 'proto') continue;
    if (!other?.startsWith('shared/') || layerOf(other) >= layerOf(directory)) {
      throw new Error(`${directory} depends on ${other ?? name}, which is in no lower layer`);
    }
  }
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...packages.map(({ name, directory, dependencies }) => ({
      name: `${name}-imports-what-its-package-names`,
      severity: 'error',
      from: { path: `^${directory}/` },
      to: {
        path: '^(proto|deploy|docs|tests|shared|services|clients)/',
        pathNot: `^(${[directory, ...dependencies.map((other) => directoryOf.get(other))].join('|')})/`,
      },
    })),
    {
      name: 'services-do-not-import-each-other',
      severity: 'error',
      from: { path: '^services/(preprocessing|trainer|tile-inference)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'nothing-imports-clients',
      severity: 'error',
      from: { path: '^(shared|services)/' },
      to: { path: '^clients/' },
    },
    {
      name: 'clients-reach-services-through-grpc',
      comment:
        'Only `hyperswap up` becomes the services, and a command without an endpoint starts them as a child process. What a home folder holds is listed without them, for hints and completion.',
      severity: 'error',
      from: { path: '^clients/', pathNot: '^clients/cli/(src|dist)/(commands/up|local-services|start/present)\\.' },
      to: { path: `^(services/|shared/(${behindTheServices.join('|')})/)` },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^(shared|services|clients|deploy)/' },
      to: { path: '^tests/' },
    },
    {
      name: 'only-tensor-imports-tensorflow',
      severity: 'error',
      from: { path: '^(shared|services|clients|tests)/', pathNot: '^shared/tensor/' },
      to: { path: '@tensorflow' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|generated)/.*\\.(map|d\\.ts)$|^clients/console/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default'] },
  },
};
