import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { adapters, scenes } from '../api/clients.js';
import { allPages } from '../api/all-pages.js';
import { Check, Select } from '../parts/field.js';
import { ErrorNotice } from '../parts/notices.js';
import { useAction, useLoaded } from '../parts/use-loaded.js';
import { startMap } from './start-map.js';

/** Form that starts the classification of a scene. */
export function NewMap({ onStarted }: { readonly onStarted: (job: string) => void }): JSX.Element {
  const loaded = useLoaded(async (signal) => {
    const [sceneList, adapterList] = await Promise.all([
      allPages(
        (pageToken) => scenes.listScenes({ pageToken }, { signal }),
        (page) => page.scenes,
      ),
      allPages(
        (pageToken) => adapters.listAdapters({ pageToken }, { signal }),
        (page) => page.adapters,
      ),
    ]);
    return { sceneList, adapterList: adapterList.filter(({ retired }) => !retired).reverse() };
  }, []);
  const [chosenScene, setScene] = useState('');
  const [chosenAdapter, setAdapter] = useState('');
  const [probabilities, setProbabilities] = useState(true);
  const action = useAction();
  const { sceneList = [], adapterList = [] } = loaded.value ?? {};
  const scene = sceneList.find(({ name }) => name === chosenScene) ?? sceneList[0];
  // An adapter classifies scenes of its own PCA.
  const fitting = adapterList.filter(({ pcaDigest }) => pcaDigest === scene?.pcaDigest);
  const references = fitting.map(({ name, version, method }) => ({
    value: `${name}@${version}`,
    text: `${name}@${version} (${method})`,
  }));
  const adapter = references.find(({ value }) => value === chosenAdapter)?.value ?? references[0]?.value ?? '';
  return (
    <details class="card">
      <summary>New map</summary>
      <ErrorNotice error={loaded.error ?? action.error} />
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          action.run(async () => onStarted(await startMap(scene?.name ?? '', adapter, probabilities)));
        }}
      >
        <Select
          label="Scene"
          value={scene?.name ?? ''}
          choices={sceneList.map(({ name }) => ({ value: name, text: name }))}
          onChange={setScene}
        />
        <Select label="Adapter" value={adapter} choices={references} onChange={setAdapter} />
        <Check label="Keep the probabilities of all classes" checked={probabilities} onChange={setProbabilities} />
        {scene !== undefined && references.length === 0 && <p>No adapter fits this scene yet: train one.</p>}
        <button class="primary" disabled={adapter === '' || action.isBusy}>
          Classify
        </button>
      </form>
    </details>
  );
}
