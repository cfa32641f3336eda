import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { diskFailure } from './disk-failure.js';

/** An item of a queue as its file holds it. */
export interface QueuedItem<Content> {
  readonly id: string;
  /** Place in the queue, from 1. */
  readonly sequence: number;
  readonly content: Content;
  /** Number of deliveries. */
  readonly deliveries: number;
}

const itemSchema = z.object({
  id: z.string(),
  sequence: z.number().int().positive(),
  content: z.unknown(),
  deliveries: z.number().int().nonnegative(),
});

/** Files of a work queue, one an item. A file is renamed into its place, so that it is either complete or absent. */
export class ItemFiles<Content> {
  private made: Promise<unknown> | undefined;

  /** @param directory that belongs to this process alone */
  constructor(private readonly directory: string) {}

  /** Reads all items in order. A file that is not an item, or cannot be read, stays and is skipped. */
  async read(): Promise<QueuedItem<Content>[]> {
    const names = await readdir(this.directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] as string[];
      throw error;
    });
    const items: QueuedItem<Content>[] = [];
    for (const name of names.filter((found) => found.endsWith('.json'))) {
      const text = await readFile(path.join(this.directory, name), 'utf8').catch(() => '');
      const item = itemSchema.safeParse(parseJson(text)).data;
      if (item !== undefined) items.push(item as QueuedItem<Content>);
    }
    return items.sort((a, b) => a.sequence - b.sequence);
  }

  /** Writes an item, or its new count of deliveries. @throws STORE_FULL */
  async write(item: QueuedItem<Content>): Promise<void> {
    this.made ??= mkdir(this.directory, { recursive: true });
    const staged = `${this.file(item)}.new`;
    try {
      await this.made;
      await writeFile(staged, JSON.stringify(item));
      await rename(staged, this.file(item));
    } catch (cause) {
      this.made = undefined;
      throw diskFailure(item.id, cause);
    }
  }

  async remove(item: QueuedItem<Content>): Promise<void> {
    await rm(this.file(item), { force: true });
  }

  private file({ sequence }: QueuedItem<Content>): string {
    return path.join(this.directory, `${sequence}.json`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
