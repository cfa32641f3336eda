import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { JobState } from '../../generated/hyperswap/v1/job_pb.js';
import type { SceneJob } from '../../generated/hyperswap/v1/scene_job_pb.js';
import { allPages } from '../api/all-pages.js';
import { sceneJobs } from '../api/clients.js';
import { Busy, ErrorNotice, ProgressBar } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useLoaded } from '../parts/use-loaded.js';
import { percent, stateText, timeText } from '../parts/words.js';
import { MapPage } from './map-page.js';
import { NewMap } from './new-map.js';

/** Polling interval of unfinished maps in milliseconds. */
const lookAgain = 1000;

/** List of maps, and the one that the address names. */
export function MapsPage({ id, go }: { readonly id: string; readonly go: (path: string) => void }): JSX.Element {
  const {
    value: jobs,
    error,
    reload,
  } = useLoaded(
    (signal) =>
      allPages(
        (pageToken) => sceneJobs.listSceneJobs({ pageToken }, { signal }),
        (page) => page.jobs,
      ),
    [],
  );
  const isWaiting = jobs?.some(isUnderWay) === true;
  useEffect(() => {
    if (!isWaiting) return undefined;
    const timer = setTimeout(reload, lookAgain);
    return () => clearTimeout(timer);
  }, [jobs, isWaiting]);
  if (jobs === undefined) return error === undefined ? <Busy>Loading maps …</Busy> : <ErrorNotice error={error} />;
  const done = jobs.filter(({ status }) => status?.state === JobState.DONE);
  const chosen = jobs.find(({ status }) => status?.job === id);
  if (chosen !== undefined && chosen.status?.state === JobState.DONE) {
    const others = done.filter(
      (other) => other !== chosen && other.scene === chosen.scene && sameClasses(other, chosen),
    );
    return (
      <>
        <a href="#/maps">All maps</a>
        <MapPage key={id} job={chosen} others={others} />
      </>
    );
  }
  const started = (job: string): void => {
    reload();
    go(`maps/${job}`);
  };
  return (
    <>
      <h1>Maps</h1>
      <ErrorNotice error={error} />
      {chosen !== undefined && <Waiting job={chosen} />}
      <NewMap onStarted={started} />
      {jobs.length === 0 && <p>There is no map yet. Train an adapter, and classify a scene with it.</p>}
      {jobs.length > 0 && (
        <Table
          caption="Classifications, the newest first"
          columns={['scene', 'adapter', 'accuracy', 'state', 'started']}
          rows={jobs.map(({ status, scene, adapter }) => ({
            key: status!.job,
            cells: [
              status?.state === JobState.DONE ? (
                <a
                  href={`#/maps/${status.job}`}
                  aria-label={`Open the map of ${scene} by ${adapter!.name}@${adapter!.version}`}
                >
                  {scene}
                </a>
              ) : (
                scene
              ),
              `${adapter!.name}@${adapter!.version}`,
              percent(adapter!.metrics?.overallAccuracy),
              stateText(status?.state),
              timeText(status?.createdAt),
            ],
          }))}
        />
      )}
    </>
  );
}

function Waiting({ job: { scene, status } }: { readonly job: SceneJob }): JSX.Element {
  const { progress, error } = status!;
  if (error !== undefined) return <ErrorNotice error={{ ...error, needsToken: false }} />;
  return (
    <ProgressBar
      label={`Map of ${scene} (${stateText(status?.state)}):`}
      done={Number(progress?.done ?? 0)}
      total={Number(progress?.total ?? 0)}
    />
  );
}

function isUnderWay({ status }: SceneJob): boolean {
  return [JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING].includes(status!.state);
}

function sameClasses({ adapter: a }: SceneJob, { adapter: b }: SceneJob): boolean {
  const names = (classes: readonly { name: string }[]): string => classes.map(({ name }) => name).join('\n');
  return names(a!.classes) === names(b!.classes);
}
