import type { JSX } from 'preact';
import { useLoaded } from '../parts/use-loaded.js';
import { percent } from '../parts/words.js';
import type { OpenMap } from './open-map.js';

/** Classes of a map with their areas; each can be switched off. */
export function Legend({
  map,
  hidden,
  onHidden,
}: {
  readonly map: OpenMap;
  readonly hidden: ReadonlySet<number>;
  readonly onHidden: (hidden: ReadonlySet<number>) => void;
}): JSX.Element {
  const counts = useLoaded(() => map.labels.count(), [map]);
  const all = map.classes.reduce((sum, { value }) => sum + (counts.value?.get(value) ?? 0), 0);
  const toggle = (number: number): void => {
    const next = new Set(hidden);
    if (!next.delete(number)) next.add(number);
    onHidden(next);
  };
  const hectares = map.place?.hectares;
  return (
    <fieldset class="legend">
      <legend>Classes</legend>
      <div class="row">
        <button type="button" onClick={() => onHidden(new Set())}>
          All
        </button>
        <button type="button" onClick={() => onHidden(new Set(map.classes.map(({ number }) => number)))}>
          None
        </button>
      </div>
      <ul>
        {map.classes.map(({ number, name, css, value }) => {
          const pixels = Math.round(counts.value?.get(value) ?? 0);
          return (
            <li key={number}>
              <label class="check">
                <input type="checkbox" checked={!hidden.has(number)} onChange={() => toggle(number)} />
                <span class="swatch" style={{ background: css }} aria-hidden="true" />
                <span class="name">{name}</span>
                <span class="number">
                  {counts.value === undefined ? '…' : percent(all === 0 ? 0 : pixels / all)}
                  {hectares !== undefined && counts.value !== undefined && ` · ${(pixels * hectares).toFixed(1)} ha`}
                  {hectares === undefined && counts.value !== undefined && ` · ${pixels} px`}
                </span>
              </label>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}
