import { nearestNeighbours } from './nearest-neighbours.js';
import { supportVectorMachine } from './support-vector-machine.js';
import type { Baseline } from './baseline.js';

export const baselines: readonly Baseline[] = [nearestNeighbours, supportVectorMachine];

export function findBaseline(name: string): Baseline | undefined {
  return baselines.find((baseline) => baseline.name === name);
}
