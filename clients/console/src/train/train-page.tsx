import type { JSX } from 'preact';
import { allPages } from '../api/all-pages.js';
import { scenes, trainings } from '../api/clients.js';
import { Busy, ErrorNotice } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useLoaded } from '../parts/use-loaded.js';
import { stateText, timeText } from '../parts/words.js';
import { TrainForm } from './train-form.js';
import { TrainingRun } from './training-run.js';

/** Identifier of a job. */
const isJob = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** Form of a training and list of trainings, or the training that the address names. */
export function TrainPage({ id, go }: { readonly id: string; readonly go: (path: string) => void }): JSX.Element {
  const { value, error } = useLoaded(
    async (signal) => {
      const [sceneList, { methods }, runs] = await Promise.all([
        allPages(
          (pageToken) => scenes.listScenes({ pageToken }, { signal }),
          (page) => page.scenes,
        ),
        trainings.listMethods({}, { signal }),
        allPages(
          (pageToken) => trainings.listTrainings({ pageToken }, { signal }),
          (page) => page.trainings,
        ),
      ]);
      return { sceneList, methods, runs };
    },
    [id],
  );
  if (isJob.test(id)) {
    return (
      <>
        <a href="#/train">All trainings</a>
        <TrainingRun key={id} id={id} go={go} />
      </>
    );
  }
  if (value === undefined) return error === undefined ? <Busy>Loading …</Busy> : <ErrorNotice error={error} />;
  const labelled = value.sceneList.filter(({ labelMaps }) => labelMaps.length > 0);
  return (
    <>
      <h1>Train</h1>
      {labelled.length === 0 ? (
        <p>No scene has labels yet. Draw some under “Scenes”.</p>
      ) : (
        <TrainForm
          key={id}
          scenes={labelled}
          methods={value.methods}
          first={id}
          onStarted={(training) => go(`train/${training}`)}
        />
      )}
      {value.runs.length > 0 && (
        <Table
          caption="Trainings, the newest first"
          columns={['adapter', 'scene', 'method', 'state', 'started']}
          rows={value.runs.map(({ status, adapter, scene, method }) => ({
            key: status!.job,
            cells: [
              <a href={`#/train/${status!.job}`} aria-label={`Open the training of ${adapter} by ${method}`}>
                {adapter}
              </a>,
              scene,
              method,
              stateText(status?.state),
              timeText(status?.createdAt),
            ],
          }))}
        />
      )}
    </>
  );
}
