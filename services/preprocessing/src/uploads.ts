import { randomUUID } from 'node:crypto';
import { failure, isId } from '@hyperswap/errors';
import { changeValue, type Bus, type KeyValue } from '@hyperswap/messaging';
import { PrepareSceneHeader } from '@hyperswap/proto';
import { z } from 'zod';

/**
 * Upload of a scene that is not complete: the value in the bucket `uploads`, under the id of the job that it is to
 * become.
 */
const uploadSchema = z.object({
  /** Bytes of the header in base64, without `resume_job`. */
  header: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  /** Time at which rows were stored last. */
  changedAt: z.number(),
  /** Call that may store rows: the latest that continued the upload. */
  holder: z.string(),
  /** Number of stored rows of pixels, updated every few seconds. */
  rows: z.number(),
  /** Version of the file that the service reads itself; absent where a client sends the pixels. */
  sourceVersion: z.string().optional(),
});

type UploadRecord = Readonly<z.infer<typeof uploadSchema>>;

/** Upload that is not complete. */
export interface OpenUpload {
  readonly id: string;
  readonly header: PrepareSceneHeader;
  readonly createdAt: Date;
  readonly changedAt: Date;
  /** Number of stored rows of pixels, updated every few seconds. */
  readonly rows: number;
}

/** Permission of one call to store rows of an upload. */
export interface UploadHold {
  readonly id: string;
  readonly holder: string;
}

/** Time after which the rows of an upload are noted again. */
const noteMilliseconds = 2_000;
const retryAfterMilliseconds = 10_000;

/** Uploads that are not complete, of all processes. */
export class Uploads {
  private readonly bucket: KeyValue<UploadRecord>;

  constructor(
    bus: Bus,
    private readonly limit: number,
  ) {
    this.bucket = bus.keyValue('uploads', (stored) => uploadSchema.parse(stored));
  }

  /** Begins an upload. @param sourceVersion version of the file that the service reads itself @throws UPLOADS_FULL */
  async begin(header: PrepareSceneHeader, sourceVersion?: string): Promise<UploadHold> {
    const { limit } = this;
    if ((await this.bucket.list()).length >= limit) throw failure('UPLOADS_FULL', { limit, retryAfterMilliseconds });
    const [id, holder, now] = [randomUUID(), randomUUID(), Date.now()];
    const record = { header: encode(header), createdAt: now, changedAt: now, holder, rows: 0, sourceVersion };
    await this.bucket.update(id, record, 0);
    return { id, holder };
  }

  /**
   * Continues an upload; a call that continued it before may not store rows any more.
   *
   * @returns undefined when there is no such upload
   * @throws FIELD_INVALID when the header is another; SCENE_SOURCE_UNREADABLE when the file is another that the service
   * read itself
   */
  async continue(id: string, header: PrepareSceneHeader, sourceVersion?: string): Promise<UploadHold | undefined> {
    if ((await this.find(id)) === undefined) return undefined;
    const holder = randomUUID();
    await changeValue(this.bucket, id, (record) => {
      if (record === undefined) throw failure('UPLOAD_NOT_FOUND', { job: id });
      if (record.header !== encode(header)) {
        throw failure('FIELD_INVALID', {
          field: 'header.resume_job',
          reason: 'the other fields of the header differ from those of the upload that it names',
        });
      }
      if (header.source && record.sourceVersion !== sourceVersion) {
        const reason = 'it changed after some of its rows were read; begin its preparation again';
        throw failure('SCENE_SOURCE_UNREADABLE', { source: header.source, reason });
      }
      return { ...record, holder, changedAt: Date.now() };
    });
    return { id, holder };
  }

  /**
   * Requires that a call may still store rows, and notes how many there are.
   *
   * @throws CANCELLED when the upload was cancelled, cleared away or continued by another call
   */
  async require({ id, holder }: UploadHold, rows: number): Promise<void> {
    const found = (await this.bucket.get(id))?.value;
    if (found?.holder !== holder) throw failure('CANCELLED', { what: 'The upload' });
    if (found.changedAt + noteMilliseconds > Date.now()) return;
    await changeValue(this.bucket, id, (record) => {
      if (record?.holder !== holder) throw failure('CANCELLED', { what: 'The upload' });
      return { ...record, rows, changedAt: Date.now() };
    });
  }

  async find(id: string): Promise<OpenUpload | undefined> {
    const found = isId(id) ? await this.bucket.get(id) : undefined;
    return found && toUpload(found.key, found.value);
  }

  /** Lists all, the oldest first. */
  async list(): Promise<OpenUpload[]> {
    const uploads = (await this.bucket.list()).map(({ key, value }) => toUpload(key, value));
    return uploads.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  }

  /** Deletes the record of an upload that is complete or no longer wanted. */
  async forget(id: string): Promise<void> {
    await this.bucket.delete(id);
  }
}

function toUpload(id: string, { header, createdAt, changedAt, rows }: UploadRecord): OpenUpload {
  return {
    id,
    header: PrepareSceneHeader.decode(Buffer.from(header, 'base64')),
    createdAt: new Date(createdAt),
    changedAt: new Date(changedAt),
    rows,
  };
}

function encode(header: PrepareSceneHeader): string {
  const bytes = PrepareSceneHeader.encode({ ...header, resumeJob: '' }).finish();
  return Buffer.from(bytes).toString('base64');
}
