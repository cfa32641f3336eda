import type { z } from 'zod';
import type { JobEnd } from './job-status.js';

/** Conversion of a value to bytes and back. Messages of ts-proto have this shape; see {@link jsonCodec} for others. */
export interface Codec<Value> {
  encode(value: Value): { finish(): Uint8Array };
  /** @throws when the bytes are no such value */
  decode(bytes: Uint8Array): Value;
}

/**
 * Kind of job: its name, its messages, and its limits. One constant, shared by the code that starts, watches and runs
 * such jobs.
 */
export interface JobKind<Request, Result, Progress> {
  /**
   * Lower-case letters and hyphens: part of the name of its bucket and of the keys of its objects, and shown in errors.
   */
  readonly name: string;
  /** Queue of its items. Kinds that name the same queue share its workers, and take turns. @default the name */
  readonly queue?: string;
  /** Returns a short description of a job for operators, such as `krona+ on indian-pines`. */
  subject(request: Request): string;
  readonly request: Codec<Request>;
  readonly result: Codec<Result>;
  readonly progress: Codec<Progress>;
  /** Number of parts that a job is cut into, at least 1. Without it, a job is done in one piece. */
  parts?(request: Request): number;
}

/** A job as its handler sees it. */
export interface Job<Request> {
  readonly id: string;
  readonly request: Request;
  /** Beginning of the keys of all objects of the job, with a slash at its end: they are cleared away with the job. */
  readonly objects: string;
}

export interface JobContext<Progress> {
  /**
   * Aborted when the job is cancelled, when this process drains, or when this process paused for longer than its lease
   * and another worker took the job over. The handler then ends soon with any error.
   */
  readonly signal: AbortSignal;
  /** Reports progress to watchers. Reports in quick succession are merged: watchers get the newest. */
  readonly report: (progress: Progress) => void;
  /** True if an earlier attempt may have left something to continue from or to clean up. */
  readonly isRepeated: boolean;
}

/**
 * Handler of the jobs of a kind. Each call may be repeated, after a failure or by another process, so it must be
 * idempotent.
 */
export interface JobHandler<Request, Result, Progress> {
  /**
   * Runs a job; for a kind with parts, combines the finished parts.
   *
   * @returns the result, which is written to the store
   * @throws errors of the catalogue: retryable ones are tried again, QUEUE_FULL and DRAINING without limit, others fail
   * the job
   */
  run(job: Job<Request>, context: JobContext<Progress>): Promise<Result>;
  /** Runs one part, from 0; only for kinds with parts. It stores its output in objects of the job. */
  runPart?(job: Job<Request>, part: number, context: JobContext<Progress>): Promise<void>;
  /**
   * Removes intermediate data after the end of a job. It is not called when a job with parts fails: finished parts
   * stay, because the job may be queued again and then continues with them. When the job itself is deleted, all of its
   * objects are deleted.
   *
   * @param part clear only this part: a worker that had paused finished it after the job's end
   */
  clear?(job: Job<Request>, end: JobEnd, part?: number): Promise<void>;
}

/** Codec of values that are JSON, checked by a schema when they are read. */
export function jsonCodec<Value>(schema: z.ZodType<Value>): Codec<Value> {
  return {
    encode: (value) => ({ finish: () => Buffer.from(JSON.stringify(value)) }),
    decode: (bytes) => schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))),
  };
}
