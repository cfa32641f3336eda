/** Counts at the end of each chunk of an adaptive job. */
import { throwIfAborted } from '@hyperswap/errors';
import { addCounts, noCounts, type AgreementCounts } from '@hyperswap/map';
import type { ObjectStore } from '@hyperswap/storage';
import { chunkCount, chunkKey, chunkWindow, type SceneJob } from './scene-job.js';

const fields = ['pixels', 'classified', 'interpolated', 'sampled', 'wrong'] as const;
const byteLength = 4 * fields.length;
/** Chunks that are read at once. */
const readsAtOnce = 16;

/** Returns counts as they are stored: 32-bit integers, little-endian. */
export function encodeCounts(counts: AgreementCounts): Buffer {
  const bytes = Buffer.alloc(byteLength);
  fields.forEach((field, index) => bytes.writeUInt32LE(counts[field], 4 * index));
  return bytes;
}

function decodeCounts(bytes: Buffer): AgreementCounts {
  const [pixels, classified, interpolated, sampled, wrong] = fields.map((_, index) => bytes.readUInt32LE(4 * index));
  return {
    pixels: pixels!,
    classified: classified!,
    interpolated: interpolated!,
    sampled: sampled!,
    wrong: wrong!,
  };
}

/**
 * Adds the counts of all chunks of a job.
 *
 * @param objects of the job
 * @throws CANCELLED
 */
export async function countsOfJob(
  store: ObjectStore,
  objects: string,
  job: SceneJob,
  signal: AbortSignal,
): Promise<AgreementCounts> {
  const chunks = chunkCount(job);
  let sum = noCounts;
  for (let first = 0; first < chunks; first += readsAtOnce) {
    throwIfAborted(signal, 'Adding the counts of chunks');
    const indices = Array.from({ length: Math.min(readsAtOnce, chunks - first) }, (_, offset) => first + offset);
    const parts = await Promise.all(
      indices.map((index) => {
        const { height, width } = chunkWindow(job, index);
        const planes = 2 + (job.probabilities ? job.classes : 0);
        return store.getRange(chunkKey(objects, index), planes * height * width, byteLength);
      }),
    );
    sum = parts.map(decodeCounts).reduce(addCounts, sum);
  }
  return sum;
}
