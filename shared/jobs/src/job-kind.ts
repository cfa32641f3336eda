import type { z } from 'zod';
import type { JobEnd } from './job-status.js';

/** Conversion of a value to bytes and back. Messages of ts-proto have this shape; see {@link jsonCodec} for others. */
export interface Codec<Value> {
  encode(value: Value): { finish(): Uint8Array };
  /** @throws when the bytes are no such value */
  decode(bytes: Uint8Array): Value;
}

/** A sort of job: its name, its messages, and its limits. One constant, shared by those who start, watch and do such jobs. */
export interface JobKind<Request, Result, Progress> {
  /** Lower-case letters and hyphens: part of the name of its bucket and of the keys of its objects, and shown in errors. */
  readonly name: string;
  /** Queue of its items. Kinds that name the same queue share its workers, and take turns. @default the name */
  readonly queue?: string;
  /** Says in a few words what a job is about, as `krona+ on indian-pines`, for operators. */
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
   * Aborted when the job is cancelled, when this process drains, or when another worker took the job over since this process stood
   * still. The handler then ends soon with any error.
   */
  readonly signal: AbortSignal;
  /** Tells watchers. Reports that follow each other quickly are joined: watchers get the newest. */
  readonly report: (progress: Progress) => void;
  /** True if an earlier attempt may have left something to continue from or to clean up. */
  readonly isRepeated: boolean;
}

/** The way jobs of a kind are done. Each call may be repeated, after a failure or by another process: it must not mind. */
export interface JobHandler<Request, Result, Progress> {
  /**
   * Does a job; of a kind with parts, puts the finished parts together.
   *
   * @returns the result, which is written to the store
   * @throws errors of the catalogue: retryable ones are tried again, QUEUE_FULL and DRAINING without limit, others fail the job
   */
  run(job: Job<Request>, context: JobContext<Progress>): Promise<Result>;
  /** Does one part, from 0; only for kinds with parts. What it makes goes into objects of the job. */
  runPart?(job: Job<Request>, part: number, context: JobContext<Progress>): Promise<void>;
  /**
   * Removes what was made on the way to the end of a job. Not called when a job with parts fails: those that are done stay, since
   * the job may be queued again and then goes on with them. With the job itself all of its objects are cleared away anyway.
   *
   * @param part only this part: a worker that stood still finished it after the job's end
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
