import type { JSX } from 'preact';
import { Output } from '../../generated/hyperswap/v1/tile_pb.js';
import { sceneJobs } from '../api/clients.js';
import { readSpectrum } from '../api/read-scene.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { SpectrumChart } from '../parts/spectrum-chart.js';
import { useLoaded } from '../parts/use-loaded.js';
import { percent } from '../parts/words.js';
import type { OpenMap } from './open-map.js';

/** Pixel that a user asked for. */
export interface PixelPlace {
  readonly row: number;
  readonly column: number;
}

/** Class, confidence, probabilities and spectrum of a pixel. */
export function PixelFacts({
  map,
  pixel,
  reach,
}: {
  readonly map: OpenMap;
  readonly pixel: PixelPlace;
  readonly reach: number;
}): JSX.Element {
  const { row, column } = pixel;
  const { value: facts, error } = useLoaded(
    (signal) => readPixel(map, pixel, reach, signal),
    [map, row, column, reach],
  );
  const { place, scene } = map;
  const degrees = place?.longitudeLatitude(column + 0.5, row + 0.5);
  const [x, y] = place?.coordinates(column + 0.5, row + 0.5) ?? [];
  const found = map.classes[(facts?.label ?? 0) - 1];
  return (
    <section class="card" aria-live="polite" id="pixel">
      <h2>
        Pixel at row {row}, column {column}
      </h2>
      {x !== undefined && y !== undefined && (
        <p>
          {place?.name} {x.toFixed(1)}, {y.toFixed(1)}
          {degrees !== undefined && ` · ${degrees[1].toFixed(5)}°, ${degrees[0].toFixed(5)}°`}
        </p>
      )}
      <ErrorNotice error={error} />
      {facts === undefined && error === undefined && <Busy>Reading the pixel …</Busy>}
      {facts !== undefined && (
        <>
          <p>
            <span class="swatch" style={{ background: found?.css ?? 'transparent' }} aria-hidden="true" />
            <strong>{found?.name ?? 'no data'}</strong>, confidence {percent(facts.confidence)}
          </p>
          {facts.probabilities.length > 0 && (
            <ul class="bars" aria-label="Probabilities">
              {facts.probabilities.map(({ name, css, share }) => (
                <li key={name}>
                  <span class="name">{name}</span>
                  <meter class="bar" min={0} max={1} value={share} title={name} style={{ accentColor: css }} />
                  <span class="number">{percent(share)}</span>
                </li>
              ))}
            </ul>
          )}
          {facts.spectrum !== undefined && scene !== undefined && (
            <SpectrumChart
              title={`Spectrum at row ${row}, column ${column}`}
              raster={scene.raster!}
              spectra={[{ name: 'spectrum', color: '#0b5c5a', values: facts.spectrum }]}
            />
          )}
        </>
      )}
    </section>
  );
}

interface Facts {
  readonly label: number;
  readonly confidence: number;
  /** The five largest. */
  readonly probabilities: readonly { readonly name: string; readonly css: string; readonly share: number }[];
  readonly spectrum: readonly number[] | undefined;
}

async function readPixel(
  map: OpenMap,
  { row, column }: PixelPlace,
  smoothingReach: number,
  signal: AbortSignal,
): Promise<Facts> {
  const { id, job, scene, classes } = map;
  const window = { row, column, height: 1, width: 1 };
  const outputs = [Output.LABELS, Output.CONFIDENCE, ...(job.probabilities ? [Output.PROBABILITIES] : [])];
  const spectrum =
    scene === undefined ? undefined : await readSpectrum(scene, row, column, signal).catch(() => undefined);
  for await (const { event } of sceneJobs.readMap({ job: id, outputs, window, smoothingReach }, { signal })) {
    if (event.case !== 'rows') continue;
    const { labels, confidence, probabilities } = event.value;
    const shares = classes.map(({ name, css, number }) => ({
      name,
      css,
      share: (probabilities[number - 1] ?? 0) / 255,
    }));
    return {
      label: labels[0] ?? 0,
      confidence: (confidence[0] ?? 0) / 255,
      probabilities: probabilities.length === 0 ? [] : shares.sort((a, b) => b.share - a.share).slice(0, 5),
      spectrum,
    };
  }
  throw new Error('The map has no such pixel.');
}
