import { failure } from '@hyperswap/errors';
import type { Split } from '@hyperswap/proto';

/** Values of `--split`, for its help. */
export const splitHelp =
  'TRAIN/TEST label maps; COUNT[:SMALL] or COUNT,COUNT,… pixels a class, or SHARE% of it, at random; ' +
  'blocks[:SIZE[:SHARE%[:LIMIT]]], spatially disjoint. MAP@ in front draws only from that label map';

/** Values of `--split` where no test is needed. */
export const trainingSplitHelp = `${splitHelp}; all: every labelled pixel trains, and nothing is tested`;

/** Reads `--split` of a training, which may be `all`. @throws FIELD_INVALID when it is none of `trainingSplitHelp` */
export function parseTrainingSplit(given: string, seed: number): Split {
  const [, labelMap = '', drawn] = /^(?:([^@/]+)@)?(.*)$/.exec(given)!;
  return drawn === 'all' ? { kind: { $case: 'all', value: { labelMap } } } : parseSplit(given, seed);
}

/** Reads `--split` of runs that are tested. @throws FIELD_INVALID when it is none of `splitHelp` */
export function parseSplit(given: string, seed: number): Split {
  const [, labelMap = '', drawn = ''] = /^(?:([^@/]+)@)?(.*)$/.exec(given)!;
  const common = { labelMap, seed };
  const maps = /^([^/]+)\/([^/]+)$/.exec(given);
  if (maps !== null) return { kind: { $case: 'labelMaps', value: { train: maps[1]!, test: maps[2]! } } };
  const counts = /^(\d+)(?::(\d+))?$/.exec(drawn);
  if (counts !== null) {
    const count = Number(counts[1]);
    const smallCount = Number(counts[2] ?? counts[1]);
    return { kind: { $case: 'perClass', value: { ...common, count, smallCount, counts: [] } } };
  }
  if (/^\d+(,\d+)+$/.test(drawn)) {
    const list = drawn.split(',').map(Number);
    return { kind: { $case: 'perClass', value: { ...common, count: 0, smallCount: 0, counts: list } } };
  }
  const share = /^(\d+(?:\.\d+)?)%$/.exec(drawn);
  if (share !== null) return { kind: { $case: 'fraction', value: { ...common, share: Number(share[1]) / 100 } } };
  const blocks = /^blocks(?::(\d+)(?::(\d+(?:\.\d+)?)%(?::(\d+))?)?)?$/.exec(drawn);
  if (blocks !== null) {
    const [blockSize, percent, limit] = [1, 2, 3].map((group) => Number(blocks[group] ?? 0)) as [
      number,
      number,
      number,
    ];
    const value = { ...common, blockSize, trainShare: percent / 100, limit, guard: 0 };
    return { kind: { $case: 'blocks', value } };
  }
  throw failure('FIELD_INVALID', { field: '--split', reason: `${given} is none of: ${splitHelp}` });
}
