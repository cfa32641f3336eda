import { failure, isId } from '@hyperswap/errors';
import { changeValue, type Bus, type KeyValue } from '@hyperswap/messaging';
import { jobRecordSchema, type JobRecord } from './job-record.js';

/** A record with its job's id. */
export interface KnownJob {
  readonly id: string;
  readonly record: JobRecord;
}

/** Records of the jobs of one kind. One watch of the bucket serves all listeners in this process. */
export class JobRecords {
  private readonly bucket: KeyValue<unknown>;
  private readonly listeners = new Map<string, Set<(record: JobRecord) => void>>();
  private readonly unwatch: () => void;

  constructor(
    bus: Bus,
    private readonly kind: string,
  ) {
    this.bucket = bus.keyValue<unknown>(`jobs-${kind}`);
    this.unwatch = this.bucket.watch(({ key, value }) => {
      const record = this.read(value);
      if (record !== undefined) for (const listener of this.listeners.get(key) ?? []) listener(record);
    });
  }

  /** @throws JOB_NOT_FOUND also for what is no id of a job of this kind */
  async find(id: string): Promise<JobRecord> {
    const record = await this.get(id);
    if (record === undefined) throw this.notFound(id);
    return record;
  }

  async get(id: string): Promise<JobRecord | undefined> {
    return isId(id) ? this.read((await this.bucket.get(id))?.value) : undefined;
  }

  /** All of this kind, the oldest first. A record that cannot be read is left out. */
  async list(): Promise<KnownJob[]> {
    const entries = await this.bucket.list();
    const known = entries.flatMap(({ key, value }) => {
      const record = isId(key) ? this.read(value) : undefined;
      return record === undefined ? [] : [{ id: key, record }];
    });
    return known.sort((a, b) => a.record.createdAt - b.record.createdAt || (a.id < b.id ? -1 : 1));
  }

  async create(id: string, record: JobRecord): Promise<void> {
    await this.bucket.update(id, record, 0);
  }

  /**
   * Changes a record, again when another process was faster.
   *
   * @param next returns the very same record when there is nothing to change
   * @returns the record that is there now
   * @throws JOB_NOT_FOUND
   */
  async change(id: string, next: (record: JobRecord) => JobRecord): Promise<JobRecord> {
    if (!isId(id)) throw this.notFound(id);
    const changed = await changeValue(this.bucket, id, (value) => {
      const record = this.read(value);
      if (record === undefined) throw this.notFound(id);
      const wanted = next(record);
      return wanted === record ? value : { ...wanted, changedAt: Date.now() };
    });
    return changed as JobRecord;
  }

  async delete(id: string): Promise<void> {
    if (isId(id)) await this.bucket.delete(id);
  }

  /** Calls back for each change of a job's record; returns the way to stop. */
  listen(id: string, onChange: (record: JobRecord) => void): () => void {
    const listeners = this.listeners.get(id) ?? new Set();
    this.listeners.set(id, listeners.add(onChange));
    return () => {
      listeners.delete(onChange);
      if (listeners.size === 0 && this.listeners.get(id) === listeners) this.listeners.delete(id);
    };
  }

  close(): void {
    this.unwatch();
  }

  private read(value: unknown): JobRecord | undefined {
    const record = jobRecordSchema.safeParse(value).data;
    return record?.kind === this.kind ? record : undefined;
  }

  private notFound(job: string): Error {
    return failure('JOB_NOT_FOUND', { kind: this.kind, job: job.slice(0, 64) });
  }
}
