/** One training: live loss and accuracy, its result, and the way to stop it. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { TrainingFinished, TrainingProgress } from '../../generated/hyperswap/v1/training_pb.js';
import { trainings } from '../api/clients.js';
import { isCancelled, shownError, type ShownError } from '../api/error-text.js';
import { LineChart } from '../parts/line-chart.js';
import { startMap } from '../maps/start-map.js';
import { ErrorNotice, ProgressBar } from '../parts/notices.js';
import { Table } from '../parts/table.js';
import { useAction } from '../parts/use-loaded.js';
import { percent } from '../parts/words.js';

interface Run {
  readonly progress?: TrainingProgress | undefined;
  /** Loss by epoch. */
  readonly losses: readonly (readonly [epoch: number, loss: number])[];
  readonly finished?: TrainingFinished | undefined;
  readonly error?: ShownError | undefined;
}

export function TrainingRun({ id, go }: { readonly id: string; readonly go: (path: string) => void }): JSX.Element {
  const [run, setRun] = useState<Run>({ losses: [] });
  const cancelling = useAction();
  useEffect(() => {
    const stop = new AbortController();
    const watch = async (): Promise<void> => {
      for await (const { event } of trainings.watchTraining({ training: id }, { signal: stop.signal })) {
        if (event.case === 'progress') {
          const progress = event.value;
          setRun(({ losses }) => ({ progress, losses: withLoss(losses, progress) }));
        } else if (event.case === 'finished') {
          const finished = event.value;
          setRun(({ losses }) => ({
            finished,
            losses: losses.length > 0 ? losses : finished.lossByEpoch.map((loss, index) => [index + 1, loss] as const),
          }));
        }
      }
    };
    watch().catch((error: unknown) => {
      if (!stop.signal.aborted)
        setRun(({ losses }) => ({
          losses,
          error: isCancelled(error)
            ? { code: 'CANCELLED', message: 'The training was cancelled.', needsToken: false }
            : shownError(error),
        }));
    });
    return () => stop.abort();
  }, [id]);
  const { progress, losses, finished, error } = run;
  const accuracies = finished?.validationAccuracyByEpoch ?? [];
  return (
    <article>
      <h1>Training</h1>
      <ErrorNotice error={error ?? cancelling.error} />
      {finished === undefined && error === undefined && (
        <>
          <ProgressBar
            label={progress?.progress?.stage ?? 'waiting'}
            done={Number(progress?.progress?.done ?? 0)}
            total={Number(progress?.progress?.total ?? 0)}
          />
          <button
            type="button"
            disabled={cancelling.isBusy}
            onClick={() =>
              cancelling.run(async () => {
                await trainings.cancelTraining({ training: id });
              })
            }
          >
            Cancel the training
          </button>
        </>
      )}
      <LineChart
        title="Loss by epoch"
        across="epoch"
        up="loss"
        upFrom={0}
        lines={losses.length === 0 ? [] : [{ name: 'loss', color: '#0b5c5a', points: losses }]}
      />
      <LineChart
        title="Accuracy on validation pixels by epoch"
        across="epoch"
        up="accuracy"
        lines={
          accuracies.length === 0
            ? []
            : [
                {
                  name: 'accuracy',
                  color: '#8a4b08',
                  points: accuracies.map((value, index) => [index + 1, value] as const),
                },
              ]
        }
      />
      {finished !== undefined && <Result finished={finished} go={go} />}
    </article>
  );
}

function withLoss(losses: Run['losses'], { epoch, loss }: TrainingProgress): Run['losses'] {
  return loss === undefined || epoch === 0 ? losses : [...losses.filter(([known]) => known !== epoch), [epoch, loss]];
}

function Result({
  finished,
  go,
}: {
  readonly finished: TrainingFinished;
  readonly go: (path: string) => void;
}): JSX.Element {
  const { adapter, metrics, trainPixels, testPixels, split } = finished;
  const classifying = useAction();
  return (
    <section id="result">
      <h2>{adapter === undefined ? 'Done' : `Done: ${adapter.name}@${adapter.version}`}</h2>
      <p>
        {split}: {Number(trainPixels)} training pixels, {Number(testPixels)} test pixels, patches of{' '}
        {finished.patchSize} pixels, {Number(finished.parameters)} learned values.
      </p>
      {metrics === undefined ? (
        <p>All labelled pixels were trained on, so that nothing was tested.</p>
      ) : (
        <>
          <p>
            Overall accuracy <strong>{percent(metrics.overallAccuracy)}</strong>, average{' '}
            {percent(metrics.averageAccuracy)}, kappa {metrics.kappa.toFixed(3)}.
          </p>
          <Table
            caption="Test pixels of each class"
            columns={['class', 'pixels', 'found', 'right']}
            rows={metrics.perClass.map(({ name, pixels, recall, precision }) => ({
              key: name,
              cells: [name, pixels, percent(recall), percent(precision)],
            }))}
          />
        </>
      )}
      {adapter !== undefined && (
        <p class="row">
          <button
            type="button"
            class="primary"
            disabled={classifying.isBusy}
            onClick={() =>
              classifying.run(async () =>
                go(`maps/${await startMap(adapter.scene, `${adapter.name}@${adapter.version}`, true)}`),
              )
            }
          >
            Classify {adapter.scene}
          </button>
          <a href={`#/adapters/${encodeURIComponent(`${adapter.name}@${adapter.version}`)}`}>Open the adapter</a>
        </p>
      )}
      <ErrorNotice error={classifying.error} />
    </section>
  );
}
