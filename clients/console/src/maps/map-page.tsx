/** One map: its layers, its legend, the pixel under the cursor, a comparison, its files. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { SceneJob } from '../../generated/hyperswap/v1/scene_job_pb.js';
import { Select, Slider } from '../parts/field.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { useAction, useLoaded } from '../parts/use-loaded.js';
import { percent, timeText } from '../parts/words.js';
import { confidenceScale } from '../raster/colors.js';
import { drawQuicklook } from '../scenes/quicklook.js';
import { Comparison } from './comparison.js';
import { Legend } from './legend.js';
import { MapView } from './map-view.js';
import { download, openMap, readTruth } from './open-map.js';
import { PixelFacts, type PixelPlace } from './pixel-facts.js';

const files = ['labels.tif', 'confidence.tif', 'labels.qml'];

export function MapPage({
  job,
  others,
}: {
  readonly job: SceneJob;
  readonly others: readonly SceneJob[];
}): JSX.Element {
  const [reach, setReach] = useState(0);
  const [shows, setShows] = useState<'classes' | 'confidence'>('classes');
  const [beside, setBeside] = useState('');
  const [swipe, setSwipe] = useState(50);
  const [opacity, setOpacity] = useState(100);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [pixel, setPixel] = useState<PixelPlace>();
  const action = useAction();
  const id = job.status!.job;
  const map = useLoaded((signal) => openMap(job, reach, signal), [id, reach]);
  const found = map.value;
  const truth = useLoaded((signal) => readTruth(found!, signal), found && [found]);
  const below = useLoaded((signal) => drawQuicklook(found!.scene!, signal), found?.scene && [found.scene]);
  const otherJob = others.find(({ status }) => status!.job === beside);
  const other = useLoaded((signal) => openMap(otherJob!, reach, signal), otherJob && [beside, reach]);
  const right = beside === 'truth' ? truth.value : otherJob && other.value;
  const choices = useMemo(
    () => [
      { value: '', text: 'nothing' },
      ...(truth.value === undefined ? [] : [{ value: 'truth', text: 'the ground truth' }]),
      ...others.map(({ status, adapter }) => ({
        value: status!.job,
        text: `${adapter!.name}@${adapter!.version} (${timeText(status!.createdAt)})`,
      })),
    ],
    [truth.value, others],
  );
  if (found === undefined) {
    return map.error === undefined ? <Busy>Opening the map …</Busy> : <ErrorNotice error={map.error} />;
  }
  return (
    <article>
      <h1>{found.title}</h1>
      <p class="facts">
        {job.height} × {job.width} pixels
        {found.place !== undefined && found.place.name !== '' && ` · ${found.place.name}`}
        {job.adapter?.metrics !== undefined &&
          ` · overall accuracy of the adapter ${percent(job.adapter.metrics.overallAccuracy)}`}
      </p>
      <div class="workspace">
        <div class="stage">
          <MapView
            {...{ map: found, shows, swipe, opacity, hidden }}
            other={right}
            below={below.value?.picture}
            onPixel={(row, column) => setPixel({ row, column })}
          />
          {right !== undefined && (
            <Slider label="Left: this map. Right: the other. Divider at" value={swipe} onChange={setSwipe} />
          )}
          {shows === 'confidence' && (
            <p class="scale">
              low
              {confidenceScale.map((color) => (
                <span key={color} class="swatch" style={{ background: color }} aria-hidden="true" />
              ))}
              high confidence
            </p>
          )}
          {pixel === undefined ? (
            <p class="hint">Click a pixel for its class, its probabilities and its spectrum.</p>
          ) : (
            <PixelFacts map={found} pixel={pixel} reach={reach} />
          )}
        </div>
        <aside>
          <div class="form">
            <Select
              label="Layer"
              value={shows}
              choices={[
                { value: 'classes', text: 'classes' },
                { value: 'confidence', text: 'confidence' },
              ]}
              onChange={(value) => setShows(value === 'confidence' ? 'confidence' : 'classes')}
            />
            <Select label="Compare with" value={beside} choices={choices} onChange={setBeside} />
            <Select
              label="Smoothing"
              value={String(reach)}
              choices={[0, 3, 5, 10].map((value) => ({
                value: String(value),
                text: value === 0 ? 'none' : `over ${value} pixels`,
              }))}
              onChange={(value) => setReach(Number(value))}
            />
            <Slider label="Opacity" value={opacity} onChange={setOpacity} />
          </div>
          <Legend map={found} hidden={hidden} onHidden={setHidden} />
          <section class="card">
            <h2>Files</h2>
            <p class="row">
              {[...files, ...(job.probabilities ? ['probabilities.tif'] : [])].map((file) => (
                <button
                  key={file}
                  type="button"
                  onClick={() => action.run(() => download(id, file, reach, `${job.scene}-${file}`))}
                >
                  {file}
                </button>
              ))}
            </p>
            <ErrorNotice error={action.error ?? other.error ?? truth.error} />
          </section>
        </aside>
      </div>
      {otherJob !== undefined && other.value !== undefined && (
        <Comparison first={found} second={other.value} reach={reach} />
      )}
    </article>
  );
}
