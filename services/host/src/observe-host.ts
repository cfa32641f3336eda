import { observe, observeProcess, type Reading } from '@hyperswap/telemetry';
import type { Executor } from '@hyperswap/tensor';

/** The engine answers between two steps. A step that takes longer is not waited for: the gauge has no value then. */
const answerMilliseconds = 500;

/** Observes the process and its engine. @returns the function that stops it */
export function observeHost(executor: Executor | undefined): () => void {
  const stops = [observeProcess()];
  if (executor !== undefined) stops.push(observe('tensors', () => liveTensors(executor)));
  return () => {
    for (const stop of stops) stop();
  };
}

async function liveTensors(executor: Executor): Promise<Reading[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Reading[]>((resolve) => {
    timer = setTimeout(() => resolve([]), answerMilliseconds);
  });
  const answer = executor.describe().then(
    ({ liveTensors: tensors }): Reading[] => [[tensors]],
    () => [],
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
