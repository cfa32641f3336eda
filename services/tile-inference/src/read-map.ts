import { failure } from '@hyperswap/errors';
import { Output, type MapRows, type ReadMapRequest, type ReadMapResponse } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';
import { requireKnown, ResponseQueue, windowPieces, type CallContext } from '@hyperswap/rpc';
import type { ConfidentMap } from '@hyperswap/map';
import { mapBlocks, type MapBlock } from './finished-map.js';
import type { FinishedJob, SceneJobs } from './scene-jobs.js';
import { smoothedMap } from './smoothed-map.js';

/** Returns the outputs of a request; none means labels and confidence. @throws FIELD_INVALID */
export function wantedOutputs(outputs: readonly Output[], field: string): ReadonlySet<Output> {
  for (const output of outputs) requireKnown(Output, output, field);
  return new Set(outputs.length === 0 ? [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE] : outputs);
}

/**
 * Returns the map of a job that is done, from top to bottom, as blocks of full rows, or as parts of a row that does not
 * fit a message.
 *
 * @throws JOB_NOT_FOUND, JOB_NOT_DONE, FIELD_INVALID when the window or an output cannot be had
 */
export async function* readMap(
  jobs: SceneJobs,
  { job: id, outputs, window: wanted, smoothingReach }: ReadMapRequest,
  { signal }: CallContext,
): AsyncGenerator<ReadMapResponse> {
  const planes = wantedOutputs(outputs, 'outputs');
  const job = await jobs.findDone(id);
  const { height, width } = job;
  const window: Window = wanted ?? { row: 0, column: 0, height, width };
  if (window.row + window.height > height || window.column + window.width > width) {
    throw failure('FIELD_INVALID', {
      field: 'window',
      reason: `it must be a part of the map of ${height} × ${width} pixels`,
    });
  }
  if (planes.has(Output.OUTPUT_PROBABILITIES) && !job.probabilities) {
    const reason = 'the job did not keep probabilities: classify the scene with "probabilities"';
    throw failure('FIELD_INVALID', { field: 'outputs', reason });
  }
  const smoothed = yield* smoothing(jobs, job, smoothingReach, signal);
  for await (const block of mapBlocks(jobs.store, job, window)) {
    const own = smoothed === undefined ? block : withRows(block, smoothed, width);
    for (const rows of cutRows(own, job, window, planes)) yield { event: { $case: 'rows', value: rows } };
  }
}

/** Smooths where it is asked for, and reports the progress. */
async function* smoothing(
  jobs: SceneJobs,
  job: FinishedJob,
  reach: number,
  signal: AbortSignal,
): AsyncGenerator<ReadMapResponse, ConfidentMap | undefined> {
  if (reach === 0) return undefined;
  const progress = new ResponseQueue<ReadMapResponse>();
  const onProgress = (done: number, total: number): void => {
    progress.replace('progress', { event: { $case: 'progress', value: { stage: 'smoothing', done, total } } });
  };
  const smoothed = smoothedMap(job, reach, { store: jobs.store, signal, onProgress });
  smoothed.then(
    () => progress.end(),
    (error: unknown) => progress.fail(error),
  );
  yield* progress;
  return smoothed;
}

function withRows(block: MapBlock, { labels, confidence }: ConfidentMap, width: number): MapBlock {
  const start = block.window.row * width;
  const end = start + block.labels.length;
  return { ...block, labels: labels.subarray(start, end), confidence: confidence.subarray(start, end) };
}

/** Cuts the wanted part of a block into messages. */
function* cutRows(
  { window: block, labels, confidence, probabilities }: MapBlock,
  { width, classes }: FinishedJob,
  wanted: Window,
  planes: ReadonlySet<Output>,
): Generator<MapRows> {
  const top = Math.max(block.row, wanted.row);
  const bottom = Math.min(block.row + block.height, wanted.row + wanted.height);
  const pixelBytes = 2 + (planes.has(Output.OUTPUT_PROBABILITIES) ? classes : 0);
  const part = { row: top, column: wanted.column, height: bottom - top, width: wanted.width };
  for (const { window } of windowPieces(part, pixelBytes)) {
    const cut = (plane: Uint8Array, values: number): Buffer => {
      const part = Buffer.alloc(window.height * window.width * values);
      for (let y = 0; y < window.height; y++) {
        const start = ((window.row - block.row + y) * width + window.column) * values;
        part.set(plane.subarray(start, start + window.width * values), y * window.width * values);
      }
      return part;
    };
    yield {
      window,
      labels: planes.has(Output.OUTPUT_LABELS) ? cut(labels, 1) : Buffer.alloc(0),
      confidence: planes.has(Output.OUTPUT_CONFIDENCE) ? cut(confidence, 1) : Buffer.alloc(0),
      probabilities: planes.has(Output.OUTPUT_PROBABILITIES) ? cut(probabilities, classes) : Buffer.alloc(0),
    };
  }
}
