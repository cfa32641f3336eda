/** Direction of imports: clients → services (only through gRPC) → shared, and inside shared only downwards. */
const below = {
  errors: [],
  random: [],
  telemetry: [],
  pypi: ['errors'],
  config: ['errors'],
  keys: ['errors'],
  safetensors: ['errors'],
  storage: ['errors'],
  messaging: ['errors'],
  rpc: ['errors', 'keys'],
  raster: ['errors'],
  splits: ['errors', 'random'],
  map: ['errors', 'raster'],
  scene: ['errors', 'random', 'raster', 'map', 'storage'],
  tensor: ['errors', 'pypi'],
  spectralgpt: ['errors', 'random', 'tensor', 'safetensors'],
  checkpoint: ['errors', 'safetensors', 'spectralgpt'],
  peft: ['errors', 'random', 'tensor', 'safetensors', 'spectralgpt'],
  adapter: ['errors', 'tensor', 'safetensors', 'spectralgpt', 'peft', 'map', 'scene', 'storage'],
  jobs: ['errors', 'messaging', 'storage', 'telemetry'],
  registry: ['errors', 'keys', 'storage', 'messaging', 'spectralgpt', 'safetensors', 'adapter', 'map'],
};

/** What no client may import: a client can do what any client of the protos can. */
const behindTheServices = ['registry', 'storage', 'messaging', 'jobs', 'scene'];

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(below).map(([name, allowed]) => ({
      name: `shared-${name}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^shared/${name}/` },
      to: { path: '^(shared|services|clients)/', pathNot: `^shared/(${[name, ...allowed].join('|')})/` },
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
        'Only `hyperswap up` becomes the services, and a command without an endpoint starts them as a child process.',
      severity: 'error',
      from: { path: '^clients/', pathNot: '^clients/cli/(src|dist)/(commands/up|local-services)\\.' },
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
    exclude: { path: '(^|/)(dist|generated)/.*\\.(map|d\\.ts)$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default'] },
  },
};
