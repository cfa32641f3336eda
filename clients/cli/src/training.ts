import { failure } from '@hyperswap/errors';
import type { PretrainingFinished, StartTrainingRequest, TrainingFinished } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { keepWatching } from './keep-watching.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

/** Starts a training, shows how far it is, and waits for its end; leaving early cancels it. */
export async function trainAdapter(
  session: Session,
  request: StartTrainingRequest,
  progress: Progress,
): Promise<TrainingFinished> {
  const { trainer, signal } = session;
  const { training } = await callUnary(trainer, 'startTraining', request, { signal });
  const result = await watch(session, training, `${request.method}: `, progress);
  if (result.$case === 'finished') return result.value;
  throw failure('INTERNAL', { reason: 'the training ended as a pretraining' });
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
  const { trainer, signal } = session;
  const watchOnce = async (heard: () => void): Promise<Result> => {
    for await (const { event } of readStream(trainer, trainer.watchTraining({ training }), signal)) {
      heard();
      if (event === undefined) continue;
      if (event.$case !== 'progress') return event;
      const { stage, done, total, loss, epoch } = event.value;
      const note = loss === undefined ? '' : `${epoch > 0 ? `epoch ${epoch}, ` : ''}loss ${loss.toFixed(3)}`;
      progress.update(`${prefix}${stage}`, done, total, note);
    }
    throw failure('INTERNAL', { reason: 'the training ended without a result' });
  };
  try {
    return await keepWatching(watchOnce, signal);
  } catch (error) {
    if (signal.aborted) await callUnary(trainer, 'cancelTraining', { training }).catch(() => undefined);
    throw error;
  }
}
