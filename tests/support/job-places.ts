/** Runners of jobs on every bus, for tests of all of them. */
import { after } from 'node:test';
import { JobRunner, jsonCodec, type JobKind, type JobRunnerContext, type JobState } from '@hyperswap/jobs';
import { EmbeddedBus, NatsBus, type Bus } from '@hyperswap/messaging';
import { DirectoryObjectStore, type ObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import { z } from 'zod';
import { serversMissing, startNats } from './servers.js';
import { temporaryFolder } from './temporary-folder.js';

/** Lease of work items in milliseconds: short, so that a lost item comes back while a test waits. */
const leaseMilliseconds = 1_000;

interface Request {
  readonly text: string;
  readonly parts?: number;
}

const progressSchema = z.object({ step: z.number() });
export type TestKind = JobKind<Request, string, { step: number }>;

let kinds = 0;
/** Returns a kind, and so a queue and a bucket, that no other test has. @param isCut jobs consist of parts */
export function freshKind(isCut = false): TestKind {
  const kind = {
    name: `kind-${(kinds += 1)}`,
    subject: ({ text }: Request) => `a job about ${text}`,
    request: jsonCodec(z.object({ text: z.string(), parts: z.number().optional() })),
    result: jsonCodec(z.string()),
    progress: jsonCodec(progressSchema),
  };
  return isCut ? { ...kind, parts: (request) => request.parts ?? 1 } : kind;
}

interface JobPlace {
  readonly store: ObjectStore;
  /** Runner of a second process: with its own connection if the bus has connections. */
  readonly runner: (more?: Partial<JobRunnerContext>) => Promise<JobRunner>;
  /** Connection that damages stored data. */
  readonly bus: () => Promise<Bus>;
}

let nats: Awaited<ReturnType<typeof startNats>> | undefined;
const closing: (() => Promise<unknown>)[] = [];

after(async () => {
  for (const close of closing.reverse()) await close();
  await nats?.stop();
});

async function makePlace(open: () => Promise<Bus>): Promise<JobPlace> {
  const store = new DirectoryObjectStore(await temporaryFolder('jobs'));
  return {
    store,
    bus: open,
    runner: async (more = {}) => {
      const bus = await open();
      const runner = new JobRunner({
        bus,
        store,
        logger: createLogger('silent', 'test'),
        leaseMilliseconds,
        keepMilliseconds: 3_600_000,
        jobLimit: 100,
        ...more,
      });
      closing.push(() => runner.stop());
      return runner;
    },
  };
}

/** Places by the name of their bus. */
export const jobPlaces: Record<string, { readonly skip?: string; readonly place: () => Promise<JobPlace> }> = {
  embedded: {
    place: async () => {
      const directory = await temporaryFolder('bus');
      const bus = await EmbeddedBus.open({ directory, work: 'kept', leaseMilliseconds });
      closing.push(() => bus.close());
      return makePlace(() => Promise.resolve(bus));
    },
  },
  nats: {
    skip: serversMissing,
    place: async () => {
      nats ??= await startNats();
      const { url } = nats;
      return makePlace(async () => {
        const bus = await NatsBus.open({ url, leaseMilliseconds });
        closing.push(() => bus.close());
        return bus;
      });
    },
  },
};

/** Signal that is never aborted. */
export const forever: AbortSignal = new AbortController().signal;

/** Waits for the result of a job. */
export async function resultOf(runner: JobRunner, kind: TestKind, id: string): Promise<string> {
  for await (const news of runner.watch(kind, id, forever)) if (news.news === 'result') return news.result;
  throw new Error('the job ended without a result');
}

/** Returns the state of a job. */
export async function stateOf(runner: JobRunner, kind: TestKind, id: string): Promise<JobState> {
  return (await runner.get(kind, id)).status.state;
}

/** Waits until the signal is aborted. @throws its reason */
export async function untilAborted(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
    if (signal.aborted) resolve(undefined);
  });
  signal.throwIfAborted();
  throw new Error('unreachable');
}
