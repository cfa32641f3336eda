import type { JSX } from 'preact';
import { allPages } from '../api/all-pages.js';
import { scenes } from '../api/clients.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useLoaded } from '../parts/use-loaded.js';
import { ScenePage } from './scene-page.js';

/** List of prepared scenes, and the one that the address names. */
export function ScenesPage({ id }: { readonly id: string }): JSX.Element {
  const list = useLoaded(
    (signal) =>
      allPages(
        (pageToken) => scenes.listScenes({ pageToken }, { signal }),
        (page) => page.scenes,
      ),
    [],
  );
  if (list.value === undefined)
    return list.error === undefined ? <Busy>Loading scenes …</Busy> : <ErrorNotice error={list.error} />;
  const chosen = list.value.find(({ name }) => name === id);
  if (chosen !== undefined) {
    return (
      <>
        <a href="#/scenes">All scenes</a>
        <ScenePage key={id} scene={chosen} reload={list.reload} />
      </>
    );
  }
  return (
    <>
      <h1>Scenes</h1>
      <ErrorNotice error={list.error} />
      {list.value.length === 0 ? (
        <p>
          There is no scene yet. Prepare one: <code>hyperswap scenes prepare FILE --labels FILE</code>
        </p>
      ) : (
        <Table
          caption="Prepared scenes"
          columns={['name', 'pixels', 'bands', 'labels']}
          rows={list.value.map(({ name, raster, labelMaps }) => ({
            key: name,
            cells: [
              <a href={`#/scenes/${encodeURIComponent(name)}`} aria-label={`Open ${name}`}>
                {name}
              </a>,
              `${raster!.height} × ${raster!.width}`,
              raster!.bands,
              labelMaps.map((map) => `${map.name}: ${map.labelledPixels}`).join(', ') || 'none',
            ],
          }))}
        />
      )}
    </>
  );
}
