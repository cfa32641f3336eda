/** Writes adapters as PEFT files with the logits they give here, for `check_peft_exports.py`. Argument: the folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Binding, exportPeft } from '@hyperswap/adapter';
import { imageTokens, makeResident, residentBackbone } from '@hyperswap/spectralgpt';
import { loadTensorFlow } from '@hyperswap/tensor';
import { parityAdapter, parityModel } from '../support/parity-model.js';

const cases: [string, string, Record<string, number>][] = [
  ['lora', 'lora', { rank: 3, alpha: 6 }],
  ['lokr', 'lokr', { factor: 4, rank: 2, alpha: 6 }],
  ['krona-square', 'krona', { rows: 4, columns: 4, scale: 0.5 }],
  ['krona-paper', 'krona+', { rows: 16, columns: 2, scale: 0.7 }],
];
const { config, backbone, input } = parityModel();
loadTensorFlow();
makeResident(backbone, 'float32');
for (const [name, method, settings] of cases) {
  const adapter = parityAdapter(method, settings, 5);
  const binding = new Binding(name, adapter, residentBackbone(backbone.digest, 'float32'));
  const logits = binding.logitsOfTokens(imageTokens(input, config));
  const { config: text, model } = exportPeft(name, adapter);
  const directory = path.join(process.argv[2]!, name);
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'adapter_config.json'), text);
  await writeFile(path.join(directory, 'adapter_model.safetensors'), model);
  const values = [...(logits.dataSync() as Float32Array)];
  await writeFile(path.join(directory, 'logits.json'), JSON.stringify({ shape: logits.shape, values }));
}
