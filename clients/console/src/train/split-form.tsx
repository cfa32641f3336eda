import type { JSX } from 'preact';
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { Input, Select } from '../parts/field.js';

/** Choice of training and test pixels, as the form keeps it. */
export interface SplitChoice {
  readonly kind: 'perClass' | 'fraction' | 'blocks' | 'labelMaps' | 'all';
  readonly labelMap: string;
  readonly testMap: string;
  readonly count: string;
  readonly smallCount: string;
  /** Per cent. */
  readonly share: string;
  readonly blockSize: string;
}

export const usualSplit: SplitChoice = {
  kind: 'perClass',
  labelMap: '',
  testMap: '',
  count: '50',
  smallCount: '15',
  share: '30',
  blockSize: '16',
};

/** Returns a choice as the services take it. */
export function splitMessage(
  { kind, labelMap, testMap, count, smallCount, share, blockSize }: SplitChoice,
  seed: number,
) {
  const part = Number(share) / 100;
  switch (kind) {
    case 'perClass':
      return {
        kind: { case: kind, value: { labelMap, seed, count: Number(count), smallCount: Number(smallCount) } },
      } as const;
    case 'fraction':
      return { kind: { case: kind, value: { labelMap, seed, share: part } } } as const;
    case 'blocks':
      return {
        kind: { case: kind, value: { labelMap, seed, blockSize: Number(blockSize), trainShare: part } },
      } as const;
    case 'labelMaps':
      return { kind: { case: kind, value: { train: labelMap, test: testMap } } } as const;
    case 'all':
      return { kind: { case: kind, value: { labelMap } } } as const;
  }
}

const kinds: readonly { readonly value: SplitChoice['kind']; readonly text: string }[] = [
  { value: 'perClass', text: 'a number of pixels of each class' },
  { value: 'fraction', text: 'a share of each class' },
  { value: 'blocks', text: 'blocks of the scene (honest accuracy)' },
  { value: 'labelMaps', text: 'two label maps' },
  { value: 'all', text: 'all labelled pixels, no test' },
];

export function SplitForm({
  scene,
  split,
  onSplit,
}: {
  readonly scene: Scene;
  readonly split: SplitChoice;
  readonly onSplit: (split: SplitChoice) => void;
}): JSX.Element {
  const change = (more: Partial<SplitChoice>): void => onSplit({ ...split, ...more });
  const { kind } = split;
  const maps = scene.labelMaps.map(({ name, labelledPixels }) => ({
    value: name,
    text: `${name} (${labelledPixels} pixels)`,
  }));
  const all = kind === 'labelMaps' ? maps : [{ value: '', text: 'all together' }, ...maps];
  return (
    <fieldset class="legend">
      <legend>Training and test pixels</legend>
      <Select
        label="Choose"
        value={kind}
        choices={kinds}
        onChange={(value) => change({ kind: value as SplitChoice['kind'] })}
      />
      <Select
        label={kind === 'labelMaps' ? 'Training labels' : 'Labels'}
        value={split.labelMap}
        choices={all}
        onChange={(labelMap) => change({ labelMap })}
      />
      {kind === 'labelMaps' && (
        <Select label="Test labels" value={split.testMap} choices={maps} onChange={(testMap) => change({ testMap })} />
      )}
      {kind === 'perClass' && (
        <>
          <Input
            label="Training pixels of a class"
            type="number"
            min={1}
            value={split.count}
            onChange={(count) => change({ count })}
          />
          <Input
            label="… of a small class"
            type="number"
            min={1}
            value={split.smallCount}
            onChange={(smallCount) => change({ smallCount })}
          />
        </>
      )}
      {kind === 'blocks' && (
        <Input
          label="Side of a block in pixels"
          type="number"
          min={1}
          value={split.blockSize}
          onChange={(blockSize) => change({ blockSize })}
        />
      )}
      {(kind === 'fraction' || kind === 'blocks') && (
        <Input
          label="Share that trains, in per cent"
          type="number"
          min={1}
          max={99}
          value={split.share}
          onChange={(share) => change({ share })}
        />
      )}
    </fieldset>
  );
}
