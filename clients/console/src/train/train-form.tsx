/** Form of a training, with its split drawn on the scene. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { MethodKind, type Method } from '../../generated/hyperswap/v1/training_pb.js';
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { trainings } from '../api/clients.js';
import { Input, Select } from '../parts/field.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { useAction, useLoaded } from '../parts/use-loaded.js';
import { drawQuicklook } from '../scenes/quicklook.js';
import { SplitForm, splitMessage, usualSplit, type SplitChoice } from './split-form.js';
import { SplitPreview, type SplitPixels } from './split-preview.js';

export function TrainForm({
  scenes,
  methods,
  first,
  onStarted,
}: {
  /** Scenes with labels, at least one. */
  readonly scenes: readonly Scene[];
  readonly methods: readonly Method[];
  /** Name of the scene that is chosen at first. */
  readonly first: string;
  readonly onStarted: (training: string) => void;
}): JSX.Element {
  const [chosen, setChosen] = useState(first);
  const [method, setMethod] = useState('krona+');
  const [adapter, setAdapter] = useState('');
  const [epochs, setEpochs] = useState('50');
  const [patchSize, setPatchSize] = useState('15');
  const [seed, setSeed] = useState('1');
  const [split, setSplit] = useState<SplitChoice>();
  const action = useAction();
  const scene = scenes.find(({ name }) => name === chosen) ?? scenes[0]!;
  const quicklook = useLoaded((signal) => drawQuicklook(scene, signal), [scene.name, scene.pcaDigest]);
  // The newest label map is the one that a user has just drawn.
  const chosenSplit = split ?? { ...usualSplit, labelMap: scene.labelMaps.at(-1)!.name };
  const found = methods.find(({ name }) => name === method);
  const name = adapter === '' ? scene.name : adapter;
  const request = {
    ...{ scene: scene.name, method, adapter: name, seed: Number(seed), patchSize: Number(patchSize) },
    split: splitMessage(chosenSplit, Number(seed)),
    settings: { epochs },
  };
  // A training of the same scene, split and patch has the same pixels, whatever its method.
  const pixels = useLoaded(
    (signal) => readSplit(request, signal),
    [scene.name, scene.digest, request.patchSize, seed, JSON.stringify(chosenSplit)],
  );
  return (
    <div class="workspace">
      <div class="stage">
        <ErrorNotice error={pixels.error ?? quicklook.error} />
        {pixels.value !== undefined && quicklook.value !== undefined && (
          <SplitPreview scene={scene} quicklook={quicklook.value} split={pixels.value} />
        )}
        {pixels.isLoading && pixels.value === undefined && <Busy>Choosing pixels …</Busy>}
      </div>
      <aside>
        <Select
          label="Scene"
          value={scene.name}
          choices={scenes.map((one) => ({ value: one.name, text: one.name }))}
          onChange={(value) => {
            setChosen(value);
            setSplit(undefined);
          }}
        />
        <Select
          label="Method"
          value={method}
          choices={methods
            .filter(({ kind }) => kind === MethodKind.ADAPTER)
            .map((one) => ({ value: one.name, text: one.name }))}
          onChange={setMethod}
        />
        <p class="hint">{found?.description}</p>
        <SplitForm scene={scene} split={chosenSplit} onSplit={setSplit} />
        <Input
          label="Name of the adapter"
          value={name}
          onChange={setAdapter}
          hint="Each training makes its next version."
        />
        <div class="columns">
          <Input label="Epochs" type="number" min={1} value={epochs} onChange={setEpochs} />
          <Input
            label="Patch in pixels, odd"
            type="number"
            min={1}
            step={2}
            value={patchSize}
            onChange={setPatchSize}
          />
          <Input label="Seed" type="number" min={0} value={seed} onChange={setSeed} />
        </div>
        <button
          type="button"
          class="primary"
          disabled={action.isBusy}
          onClick={() => action.run(async () => onStarted((await trainings.startTraining(request)).training))}
        >
          Start the training
        </button>
        <ErrorNotice error={action.error} />
      </aside>
    </div>
  );
}

type Training = Parameters<typeof trainings.previewSplit>[0]['training'];

/** Reads the pixels that a training would have. */
async function readSplit(training: Training, signal: AbortSignal): Promise<SplitPixels> {
  const pixels: { train: number[]; test: number[] } = { train: [], test: [] };
  let [words, patchSize] = ['', 0];
  for await (const piece of trainings.previewSplit({ training }, { signal })) {
    for (const pixel of piece.trainPixels) pixels.train.push(pixel);
    for (const pixel of piece.testPixels) pixels.test.push(pixel);
    [words, patchSize] = [piece.split, piece.patchSize];
  }
  return { ...pixels, words, patchSize };
}
