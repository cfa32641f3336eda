import { hyperSigma } from './hyper-sigma/hyper-sigma.js';
import { mambaHsi } from './mamba-hsi/mamba-hsi.js';
import type { Rival } from './rival.js';
import { spectralFormer } from './spectral-former/spectral-former.js';

export const rivals: readonly Rival[] = [spectralFormer, mambaHsi, hyperSigma];

export function findRival(name: string): Rival | undefined {
  return rivals.find((rival) => rival.name === name);
}
