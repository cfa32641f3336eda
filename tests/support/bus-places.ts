/** Every bus, for tests of all of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EmbeddedBus, NatsBus, type Bus, type DamageListener } from '@hyperswap/messaging';
import { connect } from 'nats';
import { serversMissing, startNats } from './servers.js';
import { temporaryFolder } from './temporary-folder.js';

/** Lease of work items in milliseconds: short, so that a lost item comes back while the test waits. */
export const leaseMilliseconds = 1000;

/** Returns a signal that is aborted later; unlike `AbortSignal.timeout` it keeps the process waiting. */
export function abortedAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  void setTimeout(milliseconds).then(() => {
    controller.abort();
  });
  return controller.signal;
}

let nats: Awaited<ReturnType<typeof startNats>> | undefined;

after(() => nats?.stop());

interface BusPlace {
  /** Reason to skip the implementation on this machine. */
  readonly skip?: string;
  /** Fresh store of the bus, and a function that opens one more connection to it. */
  readonly place: (onDamaged?: DamageListener) => Promise<() => Promise<Bus>>;
  /** Writes what is no JSON as the next revision of key `b` of a bucket, and values under names that are no keys. */
  readonly spoil: (bucket: string) => Promise<void>;
}

let directory = '';
/** Places by the name of their bus. */
export const busPlaces: Record<string, BusPlace> = {
  embedded: {
    place: async (onDamaged) => {
      const folder = await temporaryFolder('bus');
      directory = folder;
      // One process keeps its work in the directory; others share its state.
      let work: 'kept' | 'private' = 'kept';
      return () => {
        const bus = EmbeddedBus.open({ directory: folder, work, leaseMilliseconds, onDamaged });
        work = 'private';
        return bus;
      };
    },
    spoil: async (bucket) => {
      await writeFile(path.join(directory, bucket, 'b', '2.json'), '{"torn":');
      await writeFile(path.join(directory, bucket, '.DS_Store'), 'x');
      await mkdir(path.join(directory, bucket, 'Thumbs'));
      await writeFile(path.join(directory, bucket, 'Thumbs', '1.json'), '1');
    },
  },
  nats: {
    skip: serversMissing,
    // One server for all tests: names differ, so that data of one test does not affect the next.
    place: async (onDamaged) => {
      nats ??= await startNats();
      const { url } = nats;
      return () => NatsBus.open({ url, leaseMilliseconds, onDamaged });
    },
    spoil: async (bucket) => {
      const connection = await connect({ servers: nats!.url });
      const kv = await connection.jetstream().views.kv(`hyperswap-${bucket}`);
      await kv.put('b', '{"torn":');
      for (const key of ['Thumbs', 'a/b', '_']) await kv.put(key, '1');
      await connection.close();
    },
  },
};
let names = 0;
/** Returns a name that no other test has. */
export const fresh = (stem: string): string => `${stem}-${(names += 1)}`;
