/** The direction of imports: services → shared, and inside shared only downwards. */
const below = {
  errors: [],
  pypi: ['errors'],
  config: ['errors'],
  telemetry: [],
  safetensors: ['errors'],
  storage: ['errors'],
  messaging: ['errors'],
  tensor: ['errors', 'pypi'],
  spectralgpt: ['errors', 'tensor', 'safetensors'],
  checkpoint: ['errors', 'safetensors', 'spectralgpt'],
  peft: ['errors', 'tensor', 'safetensors', 'spectralgpt'],
  adapter: ['errors', 'tensor', 'safetensors', 'spectralgpt', 'peft', 'scene', 'storage'],
  scene: ['errors', 'storage', 'tensor'],
  registry: ['errors', 'keys', 'storage', 'messaging', 'spectralgpt', 'safetensors', 'adapter'],
  keys: ['errors'],
  rpc: ['errors', 'keys'],
};

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(below).map(([name, allowed]) => ({
      name: `shared-${name}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: `^shared/${name}/` },
      to: { path: '^(shared|services)/', pathNot: `^shared/(${[name, ...allowed].join('|')})/` },
    })),
    {
      name: 'services-do-not-import-each-other',
      severity: 'error',
      from: { path: '^services/(preprocessing|trainer|tile-inference)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'nothing-imports-the-command-line',
      severity: 'error',
      from: { path: '^(shared|services/(?!cli))' },
      to: { path: '^services/cli/' },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^(shared|services|deploy)/' },
      to: { path: '^tests/' },
    },
    {
      name: 'only-tensor-imports-tensorflow',
      severity: 'error',
      from: { path: '^(shared|services|tests)/', pathNot: '^shared/tensor/' },
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
