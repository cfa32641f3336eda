/** One measurement in a process of its own, so that its peak memory is its own: `case.js NAME JSON`, prints `{seconds, peakBytes}`. */
import { readBackbone } from '@hyperswap/spectralgpt';
import { Executor } from '@hyperswap/tensor';
import type { EngineProgram, StepCase } from './engine-program.js';
import { processMemory } from './memory.js';

type Given = Omit<StepCase, 'backbone'> & { readonly folder: string };

const [name, text] = process.argv.slice(2) as ['product' | 'forward' | 'trainingStep', string];
const { folder, ...given } = JSON.parse(text) as Given;
// From its file, as services take it, so that memory holds one copy.
const backbone = await readBackbone('bench', folder);
const executor = new Executor();
const program = await executor.load<EngineProgram>(new URL('./engine-program.js', import.meta.url));
const seconds = await program.call(name, { ...given, backbone });
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
await executor.stop();
