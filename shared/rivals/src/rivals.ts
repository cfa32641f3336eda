import type { WindowRival } from './rival.js';
import { spectralFormer } from './spectral-former/spectral-former.js';

export const rivals: readonly WindowRival[] = [spectralFormer];

export function findRival(name: string): WindowRival | undefined {
  return rivals.find((rival) => rival.name === name);
}
