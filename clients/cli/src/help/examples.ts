import type { Command } from 'commander';

/** Examples of each command, by its words after `hyperswap`. They name files and adapters of a scene called `field`. */
const examples: Readonly<Record<string, readonly string[]>> = {
  init: ['hyperswap init', 'hyperswap init data --yes'],
  demo: ['hyperswap demo', 'hyperswap demo --out out/demo --method lora'],
  doctor: ['hyperswap doctor', 'hyperswap doctor --scene field'],
  'scenes prepare': [
    'hyperswap scenes prepare field.mat:cube --labels field_gt.mat',
    'hyperswap scenes prepare field.tif --labels fields.geojson --name field',
    'hyperswap scenes prepare field.hdr --wavelengths bands.csv --bad-bands 104-108',
    'hyperswap scenes prepare store:site/field.tif --labels field_gt.tif',
  ],
  'scenes list': ['hyperswap scenes list', 'hyperswap scenes list --json'],
  'scenes show': ['hyperswap scenes show field', 'hyperswap scenes show field --histogram'],
  'scenes quicklook': [
    'hyperswap scenes quicklook field --out field.png',
    'hyperswap scenes quicklook field --out labels.png --label-map',
  ],
  'scenes spectra': ['hyperswap scenes spectra field --out out/spectra'],
  'scenes delete': ['hyperswap scenes delete field'],
  train: [
    'hyperswap train --scene field --adapter field',
    'hyperswap train --scene field --adapter field --method lora --split blocks',
    'hyperswap train --scene field --validate --set learningRate=0.003',
  ],
  classify: [
    'hyperswap classify --scene field --adapter field --out out/field',
    'hyperswap classify --scene other.tif --adapter field:stable --out out/other',
    'hyperswap classify --scene field --adapter field --mode adaptive --out out',
  ],
  'jobs list': ['hyperswap jobs list'],
  'jobs map': ['hyperswap jobs map 5f0c2d1e --out out/field'],
  'jobs cancel': ['hyperswap jobs cancel 5f0c2d1e'],
  'jobs dead-letters list': ['hyperswap jobs dead-letters list --kind training'],
  'jobs dead-letters requeue': ['hyperswap jobs dead-letters requeue 5f0c2d1e'],
  'adapters list': ['hyperswap adapters list'],
  'adapters show': ['hyperswap adapters show field', 'hyperswap adapters show field@2'],
  'adapters import': [
    'hyperswap adapters import adapter.safetensors --name field',
    'hyperswap adapters import peft-folder --name field-lora --like field',
  ],
  'adapters export': [
    'hyperswap adapters export field@2 out/adapter',
    'hyperswap adapters export field out/peft --format peft',
  ],
  'adapters alias': ['hyperswap adapters alias field@2 stable'],
  'adapters pin': ['hyperswap adapters pin field:stable', 'hyperswap adapters pin field:stable --undo'],
  'adapters gc': ['hyperswap adapters gc'],
  'adapters retire': ['hyperswap adapters retire field@1', 'hyperswap adapters retire field@1 --undo'],
  methods: ['hyperswap methods', 'hyperswap --backbone spectralgpt-plus methods'],
  presets: ['hyperswap presets', 'hyperswap train --scene indian-pines --preset indian-pines'],
  compare: [
    'hyperswap compare field@1 field@2 --scene field',
    'hyperswap compare field@1 field@2 --scene field --label-map test',
  ],
  study: [
    'hyperswap study --scene field --split blocks --seeds 1,2,3',
    'hyperswap study --scene field --methods svm,lora,krona+ --no-maps',
  ],
  predict: [
    'hyperswap predict --adapter field --patches x.npy --out y.npy',
    'hyperswap --backbone spectralgpt-plus predict --patches x.npy --out y.npy',
  ],
  'backbones import': ['hyperswap backbones import SpectralGPT+.pth --name spectralgpt-plus'],
  'backbones list': ['hyperswap backbones list'],
  'backbones show': ['hyperswap backbones show spectralgpt-mini'],
  'backbones fetch': ['hyperswap backbones fetch --out SpectralGPT+.pth'],
  pretrain: [
    'hyperswap pretrain --scene field --name field-mini --set steps=1000',
    'hyperswap pretrain --scene field --from spectralgpt-mini --name field-mini',
  ],
  up: ['hyperswap up', 'hyperswap up --services trainer --port 0'],
  top: ['hyperswap top', 'hyperswap --endpoint host:7420 top --once'],
  health: ['hyperswap health', 'hyperswap health hyperswap.v1.TileService'],
  'keys create': ['hyperswap keys create keys'],
  'keys token': ['hyperswap keys token --key keys/private.jwk --subject ana --role trainer'],
  'datasets fetch': ['hyperswap datasets fetch indian-pines'],
  'datasets split': ['hyperswap datasets split indian-pines --from splits --out maps'],
  completion: [
    'hyperswap completion bash >> ~/.bashrc',
    'hyperswap completion zsh >> ~/.zshrc',
    'hyperswap completion fish > ~/.config/fish/completions/hyperswap.fish',
  ],
  'pretrain-mini': ['hyperswap pretrain-mini --data scenes --out out/mini'],
};

/** Adds examples and the way to the general options to the help of all commands below one. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  for (const child of command.commands) {
    const words = [...path, child.name()];
    const own = examples[words.join(' ')] ?? [];
    const shown = own.length > 0 ? ['', 'Examples:', ...own.map((line) => `  ${line}`)] : [];
    child.addHelpText(
      'after',
      [...shown, '', 'Options of all commands, such as --endpoint and --json: hyperswap --help'].join('\n'),
    );
    addExamples(child, words);
  }
}
