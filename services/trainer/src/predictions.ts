/** Predictions of a training for its test pixels, stored with its result until its retention ends. */
import type { ReadPredictionsResponse } from '@hyperswap/proto';
import type { ObjectStore } from '@hyperswap/storage';

/** Pixels, as row · width + column, and the class predicted for each, from 1. */
export interface Predictions {
  readonly pixels: readonly number[];
  readonly labels: Uint8Array;
}

/** Pixels of one message: at most 5 bytes each, far below 4 MiB. */
const messagePixels = 200_000;

/** Key of the object: 4 bytes little-endian a pixel, then 1 byte a label. @param objects of the job */
export function predictionsKey(objects: string): string {
  return `${objects}predictions`;
}

/** Writes the predictions of a training. */
export async function writePredictions(store: ObjectStore, key: string, predictions: Predictions): Promise<void> {
  const pixels = Buffer.from(Uint32Array.from(predictions.pixels).buffer);
  await store.put(key, Buffer.concat([pixels, predictions.labels]));
}

/** Returns the predictions of a training in pieces. @throws OBJECT_NOT_FOUND when the training made none */
export async function* readPredictions(store: ObjectStore, key: string): AsyncGenerator<ReadPredictionsResponse> {
  const content = new Uint8Array(await store.get(key));
  const count = content.byteLength / 5;
  const pixels = new Uint32Array(content.buffer, 0, count);
  const labels = Buffer.from(content.buffer, 4 * count, count);
  for (let start = 0; start < count; start += messagePixels) {
    const end = start + messagePixels;
    yield { pixels: [...pixels.subarray(start, end)], predictions: labels.subarray(start, end) };
  }
}
