import { failure } from '@hyperswap/errors';
import type { PretrainingFinished, StartTrainingRequest, TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { keepWatching } from './keep-watching.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Starts a training, shows its progress, and waits for its end; an early exit cancels it. */
export async function trainAdapter(
  session: Session,
  request: StartTrainingRequest,
  progress: Progress,
): Promise<TrainingFinished> {
  return (await runTraining(session, request, progress)).result;
}

/** The same, with the job's id, for its predictions. */
export async function runTraining(
  session: Session,
  request: StartTrainingRequest,
  progress: Progress,
): Promise<{ readonly training: string; readonly result: TrainingFinished }> {
  const { trainings, signal } = session;
  const { training } = await callUnary(trainings, 'startTraining', request, { signal });
  const result = await watch(session, training, `${request.method}: `, progress);
  if (result.$case === 'finished') return { training, result: result.value };
  throw failure('INTERNAL', { reason: 'the training ended as a pretraining' });
}

/** Reads the predictions of a training for its test pixels. */
export async function readPredictions(
  { trainings, signal }: Session,
  training: string,
): Promise<{ pixels: number[]; predictions: Uint8Array }> {
  const pixels: number[] = [];
  const predictions: Buffer[] = [];
  for await (const piece of readStream(trainings, trainings.readPredictions({ training }), signal)) {
    for (const pixel of piece.pixels) pixels.push(pixel);
    predictions.push(piece.predictions);
  }
  return { pixels, predictions: Buffer.concat(predictions) };
}

/** Waits for a pretraining. */
export async function watchPretraining(
  session: Session,
  training: string,
  progress: Progress,
): Promise<PretrainingFinished> {
  const result = await watch(session, training, '', progress);
  if (result.$case === 'pretrainingFinished') return result.value;
  throw failure('INTERNAL', { reason: 'the pretraining ended as a training' });
}

type Result =
  { $case: 'finished'; value: TrainingFinished } | { $case: 'pretrainingFinished'; value: PretrainingFinished };

async function watch(session: Session, training: string, prefix: string, progress: Progress): Promise<Result> {
  const { trainings, signal } = session;
  const watchOnce = async (heard: () => void): Promise<Result> => {
    for await (const { event } of readStream(trainings, trainings.watchTraining({ training }), signal)) {
      heard();
      if (event === undefined) continue;
      if (event.$case !== 'progress') return event;
      const { progress: stageProgress, loss, epoch } = event.value;
      const { stage, done, total } = stageProgress!;
      const note = loss === undefined ? '' : `${epoch > 0 ? `epoch ${epoch}, ` : ''}loss ${loss.toFixed(3)}`;
      progress.update(`${prefix}${stage}`, done, total, note);
    }
    throw failure('INTERNAL', { reason: 'the training ended without a result' });
  };
  try {
    return await keepWatching(watchOnce, signal);
  } catch (error) {
    if (signal.aborted) await callUnary(trainings, 'cancelTraining', { training }).catch(() => undefined);
    throw error;
  }
}
