/** One measurement in a process of its own, so that its peak memory is its own: `case.js NAME JSON`, prints `{seconds, peakBytes}`. */
import { Executor } from '@hyperswap/tensor';
import type { EngineProgram, StepCase } from './engine-program.js';
import { processMemory } from './memory.js';

const [name, given] = process.argv.slice(2) as ['forward' | 'trainingStep', string];
const executor = new Executor();
const program = await executor.load<EngineProgram>(new URL('./engine-program.js', import.meta.url));
const seconds = await program.call(name, JSON.parse(given) as StepCase);
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
await executor.stop();
