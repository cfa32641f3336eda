/** Classifications of whole scenes as jobs, and the chunks that they are cut into. */
import { jsonCodec, type JobKind } from '@hyperswap/jobs';
import { JobProgress, type JobProgress as JobProgressMessage } from '@hyperswap/proto';
import type { AgreementCounts } from '@hyperswap/map';
import type { Window } from '@hyperswap/raster';
import { z } from 'zod';

const sceneJobSchema = z.object({
  scene: z.string(),
  /** Digest of the scene's content that the job began with: chunks of another content are refused. */
  sceneDigest: z.string(),
  /** `name@7`: resolved when the job was admitted, so that all chunks run the same version. */
  adapter: z.string(),
  /** Classes of the adapter. */
  classes: z.number().int().positive(),
  height: z.number().int().positive(),
  width: z.number().int().positive(),
  /** Side of a chunk in pixels. */
  chunkSize: z.number().int().positive(),
  /** The probabilities of all classes are kept. */
  probabilities: z.boolean(),
  /** Adaptive mode: share of pixels that shall have the label of the exact map. */
  agreement: z.number().optional(),
  /** Reach of the adapter's diffusion in pixels: chunks hold logits until the end. */
  diffusion: z.number().positive().optional(),
});

const count = z.number().int().nonnegative();

const resultSchema = z.object({
  /** Adaptive mode: counts of all chunks together. */
  counts: z.object({ pixels: count, classified: count, interpolated: count, sampled: count, wrong: count }).optional(),
});

/** Request of a job, with all that decides its map. */
export type SceneJob = Readonly<z.infer<typeof sceneJobSchema>>;

/** Result of a job, beside its chunks. */
export interface SceneJobResult {
  /** Adaptive mode: counts of all chunks together. */
  readonly counts?: AgreementCounts | undefined;
}

/** Classification of a whole scene. Its parts are chunks of the map; its result says that all of them are there. */
export const classificationKind: JobKind<SceneJob, SceneJobResult, JobProgressMessage> = {
  name: 'classification',
  subject: ({ scene, adapter }) => `${scene} by ${adapter}`,
  request: jsonCodec(sceneJobSchema),
  result: jsonCodec(resultSchema),
  progress: JobProgress,
  parts: chunkCount,
};

export function chunkCount({ height, width, chunkSize }: Pick<SceneJob, 'height' | 'width' | 'chunkSize'>): number {
  return Math.ceil(height / chunkSize) * Math.ceil(width / chunkSize);
}

/** The pixels of a chunk; chunks go row by row, the last of a row or column may be smaller. */
export function chunkWindow({ height, width, chunkSize }: SceneJob, index: number): Window {
  const perRow = Math.ceil(width / chunkSize);
  const row = Math.floor(index / perRow) * chunkSize;
  const column = (index % perRow) * chunkSize;
  return { row, column, height: Math.min(chunkSize, height - row), width: Math.min(chunkSize, width - column) };
}

/**
 * Key of a chunk's result: labels, confidence, then probabilities where they are kept, then counts in adaptive mode.
 *
 * @param objects of the job
 */
export function chunkKey(objects: string, index: number): string {
  return `${objects}chunks/${index}`;
}
