import type { JSX } from 'preact';
import { sceneJobs } from '../api/clients.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useLoaded } from '../parts/use-loaded.js';
import { percent, probabilityText } from '../parts/words.js';
import type { OpenMap } from './open-map.js';

/** Accuracies of two maps on the labels of their scene, and McNemar's test of the difference. */
export function Comparison({
  first,
  second,
  reach,
}: {
  readonly first: OpenMap;
  readonly second: OpenMap;
  readonly reach: number;
}): JSX.Element {
  const request = {
    firstJob: first.id,
    secondJob: second.id,
    labelMap: first.scene?.labelMaps[0]?.name ?? '',
    smoothingReach: reach,
  };
  const { value: found, error } = useLoaded(
    (signal) => sceneJobs.compareMaps(request, { signal }),
    [first.id, second.id, reach],
  );
  const nameOf = ({ job: { adapter } }: OpenMap): string => `${adapter!.name}@${adapter!.version}`;
  return (
    <section class="card" id="comparison">
      <h2>
        Comparison on {found === undefined ? '…' : Number(found.pixels)} labelled pixels of {request.labelMap}
      </h2>
      <ErrorNotice error={error} />
      {found === undefined && error === undefined && <Busy>Comparing …</Busy>}
      {found !== undefined && (
        <>
          <Table
            caption="Accuracy of both maps"
            columns={['map', 'overall', 'average', 'kappa', 'right alone']}
            rows={[
              {
                key: 'first',
                cells: [
                  nameOf(first),
                  percent(found.first?.overallAccuracy),
                  percent(found.first?.averageAccuracy),
                  found.first?.kappa.toFixed(3),
                  Number(found.onlyFirst),
                ],
              },
              {
                key: 'second',
                cells: [
                  nameOf(second),
                  percent(found.second?.overallAccuracy),
                  percent(found.second?.averageAccuracy),
                  found.second?.kappa.toFixed(3),
                  Number(found.onlySecond),
                ],
              },
            ]}
          />
          <p>
            McNemar’s test: chi-squared {found.statistic.toFixed(2)}, probability {probabilityText(found.probability)}{' '}
            that two equally good maps differ so much.{' '}
            {found.probability < 0.05 ? 'The difference is significant.' : 'The difference may be chance.'} The labels
            include training pixels.
          </p>
        </>
      )}
    </section>
  );
}
