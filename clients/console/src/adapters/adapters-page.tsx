/** Adapters: versions, where they come from, aliases, and metrics side by side. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { AdapterVersion } from '../../generated/hyperswap/v1/adapter_pb.js';
import { adapters } from '../api/clients.js';
import { allPages } from '../api/all-pages.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useLoaded } from '../parts/use-loaded.js';
import { percent, timeText } from '../parts/words.js';
import { AdapterPage } from './adapter-page.js';
import { SideBySide } from './side-by-side.js';

/** Returns the reference of a version, as `name@7`. */
function referenceOf({ name, version }: AdapterVersion): string {
  return `${name}@${version}`;
}

export function AdaptersPage({ id }: { readonly id: string }): JSX.Element {
  const list = useLoaded(
    (signal) =>
      allPages(
        (pageToken) => adapters.listAdapters({ pageToken }, { signal }),
        (page) => page.adapters,
      ),
    [],
  );
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  if (list.value === undefined) {
    return list.error === undefined ? <Busy>Loading adapters …</Busy> : <ErrorNotice error={list.error} />;
  }
  const versions = list.value;
  const found = versions.find((version) => referenceOf(version) === id);
  if (found !== undefined) {
    return (
      <>
        <a href="#/adapters">All adapters</a>
        <AdapterPage
          key={id}
          adapter={found}
          versions={versions.filter(({ name }) => name === found.name)}
          reload={list.reload}
        />
      </>
    );
  }
  const toggle = (reference: string): void => {
    const next = new Set(chosen);
    if (!next.delete(reference)) next.add(reference);
    setChosen(next);
  };
  return (
    <>
      <h1>Adapters</h1>
      <ErrorNotice error={list.error} />
      {versions.length === 0 && <p>There is no adapter yet. Train one.</p>}
      {versions.length > 0 && (
        <Table
          caption="Versions of all adapters. Mark two or more to compare them."
          columns={['compare', 'version', 'method', 'scene', 'overall', 'aliases', 'made']}
          rows={versions.map((version) => {
            const reference = referenceOf(version);
            return {
              key: reference,
              cells: [
                <input
                  type="checkbox"
                  aria-label={`Compare ${reference}`}
                  checked={chosen.has(reference)}
                  onChange={() => toggle(reference)}
                />,
                <a href={`#/adapters/${encodeURIComponent(reference)}`} aria-label={`Open ${reference}`}>
                  {reference}
                </a>,
                version.method,
                version.scene,
                percent(version.metrics?.overallAccuracy),
                version.aliases.join(', ') || '–',
                version.retired ? 'retired' : timeText(version.publishedAt),
              ],
            };
          })}
        />
      )}
      {chosen.size >= 2 && <SideBySide versions={versions.filter((version) => chosen.has(referenceOf(version)))} />}
    </>
  );
}
