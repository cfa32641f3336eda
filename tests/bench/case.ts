/**
 * One measurement in a process of its own, to measure its peak memory separately: `case.js NAME JSON`, prints
 * `{seconds, peakBytes}`.
 */
import { readBackbone } from '@hyperswap/spectralgpt';
import { Executor } from '@hyperswap/tensor';
import type { EngineProgram, StepCase } from './engine-program.js';
import { processMemory } from './memory.js';

type Given = Omit<StepCase, 'backbone'> & { readonly folder: string };

const [name, text] = process.argv.slice(2) as ['product' | 'forward' | 'trainingStep', string];
const { folder, ...given } = JSON.parse(text) as Given;
// Read from the file, as services do, so that memory holds one copy.
const backbone = await readBackbone('bench', folder);
const executor = new Executor();
const program = await executor.load<EngineProgram>(new URL('./engine-program.js', import.meta.url));
const seconds = await program.call(name, { ...given, backbone });
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
await executor.stop();
