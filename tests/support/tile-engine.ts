import type { Executor, ProgramClient } from '@hyperswap/tensor';
import type { TileProgram } from '@hyperswap/tile-inference';

/** Loads tile-inference's program into an executor. */
export function loadTileEngine(executor: Executor): Promise<ProgramClient<TileProgram>> {
  return executor.load<TileProgram>(new URL('./engine/program.js', import.meta.resolve('@hyperswap/tile-inference')));
}
