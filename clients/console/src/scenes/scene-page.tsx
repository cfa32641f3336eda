/** One scene: picture, labels, spectra, and drawing. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { readLabels, readSpectrum } from '../api/read-scene.js';
import { Select } from '../parts/field.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { SpectrumChart } from '../parts/spectrum-chart.js';
import { useAction, useLoaded } from '../parts/use-loaded.js';
import { placeOf } from '../raster/place.js';
import { classSpectra } from './class-spectra.js';
import { emptyDrawing, LabelEditor, rebased, type Drawing } from './label-editor.js';
import { drawQuicklook } from './quicklook.js';
import { SceneView } from './scene-view.js';

export function ScenePage({ scene, reload }: { readonly scene: Scene; readonly reload: () => void }): JSX.Element {
  const raster = scene.raster!;
  const [shown, setShown] = useState(scene.labelMaps[0]?.name ?? '');
  const [drawing, setDrawing] = useState<Drawing>(emptyDrawing);
  const [pixel, setPixel] = useState<{ row: number; column: number }>();
  const [spectra, setSpectra] = useState<Awaited<ReturnType<typeof classSpectra>>>();
  const action = useAction();
  const quicklook = useLoaded((signal) => drawQuicklook(scene, signal), [scene.pcaDigest, scene.name]);
  const window = quicklook.value?.window;
  const labels = useLoaded(
    (signal) => readLabels(scene, shown, window!, signal),
    window && shown !== '' ? [scene.digest, shown, window] : undefined,
  );
  const spectrum = useLoaded(
    (signal) => readSpectrum(scene, pixel!.row, pixel!.column, signal),
    pixel && [pixel.row, pixel.column],
  );
  const classesBefore = useRef(scene.classes.length);
  useEffect(() => {
    setDrawing((now) => rebased(now, classesBefore.current, scene.classes));
    classesBefore.current = scene.classes.length;
  }, [scene.digest]);
  const { newClasses, tool, shapes, label, side } = drawing;
  const colors = useMemo(
    () => [...scene.classes, ...newClasses].map(({ color = 0x888888 }) => color),
    [scene, newClasses],
  );
  const size = useMemo(() => ({ height: raster.height, width: raster.width }), [raster.height, raster.width]);
  const place = placeOf(raster.georeference);
  const degrees = pixel && place?.longitudeLatitude(pixel.column + 0.5, pixel.row + 0.5);
  const maps = [
    { value: '', text: 'none' },
    ...scene.labelMaps.map(({ name, labelledPixels }) => ({ value: name, text: `${name} (${labelledPixels} pixels)` })),
  ];
  return (
    <article>
      <h1>{scene.name}</h1>
      <p class="facts">
        {raster.height} × {raster.width} pixels, {raster.bands} bands
        {place !== undefined && place.name !== '' && ` · ${place.name}`} · {scene.classes.length} classes
        {scene.attribution !== '' && ` · ${scene.attribution}`}
      </p>
      <div class="workspace">
        <div class="stage">
          <ErrorNotice error={quicklook.error ?? labels.error} />
          {quicklook.value === undefined && quicklook.error === undefined && <Busy>Drawing the scene …</Busy>}
          {quicklook.value !== undefined && (
            <>
              <SceneView
                {...{ size, colors, tool, shapes }}
                name={scene.name}
                quicklook={quicklook.value}
                labels={shown === '' ? undefined : labels.value}
                onPixel={(row, column) => setPixel({ row, column })}
                onShape={(kind, corners) =>
                  setDrawing({ ...drawing, shapes: [...shapes, { kind, corners, label, side }] })
                }
              />
              <p class="hint">
                Red, green, blue: {quicklook.value.words}.{' '}
                {quicklook.value.window.height * quicklook.value.window.width < raster.height * raster.width &&
                  'The scene is large: its centre is drawn. '}
                Click a pixel for its spectrum.
              </p>
            </>
          )}
          {pixel !== undefined && (
            <section class="card" aria-live="polite">
              <h2>
                Spectrum at row {pixel.row}, column {pixel.column}
              </h2>
              {degrees !== undefined && (
                <p>
                  {degrees[1].toFixed(5)}°, {degrees[0].toFixed(5)}°
                </p>
              )}
              <ErrorNotice error={spectrum.error} />
              {spectrum.value === undefined ? (
                !spectrum.isLoading && <p>The pixel has no data.</p>
              ) : (
                <SpectrumChart
                  title="Spectrum of the pixel"
                  raster={raster}
                  spectra={[{ name: 'pixel', color: '#0b5c5a', values: spectrum.value }]}
                />
              )}
            </section>
          )}
          {spectra !== undefined && (
            <section class="card">
              <h2>Mean spectrum of each class of {shown}</h2>
              <SpectrumChart title={`Spectra of the classes of ${shown}`} raster={raster} spectra={spectra} />
            </section>
          )}
        </div>
        <aside>
          <div class="form">
            <Select
              label="Labels"
              value={shown}
              choices={maps}
              onChange={(value) => {
                setShown(value);
                setSpectra(undefined);
              }}
            />
            <button
              type="button"
              disabled={shown === '' || action.isBusy}
              onClick={() =>
                action.run(async () => setSpectra(await classSpectra(scene, shown, new AbortController().signal)))
              }
            >
              {action.isBusy ? 'Reading spectra …' : 'Spectra of the classes'}
            </button>
            <ErrorNotice error={action.error} />
          </div>
          <LabelEditor
            scene={scene}
            drawing={drawing}
            onDrawing={setDrawing}
            onSaved={(labelMap) => {
              setShown(labelMap);
              reload();
            }}
            onReload={reload}
          />
          <p>
            <a href={`#/train/${encodeURIComponent(scene.name)}`}>Train on this scene</a>
          </p>
        </aside>
      </div>
    </article>
  );
}
