import { ResponseQueue } from './response-queue.js';

/** What is told can be lost while the bus is away: so often it is looked at. */
const lookMilliseconds = 2_000;

/** Where news of something that goes on elsewhere come from. */
export interface NewsSource<News> {
  /** How it stands; undefined where that is nothing to tell. @throws what it failed with, which ends the news */
  readonly look: () => Promise<News | undefined>;
  /** Calls back with news, or without when a look is worth it; returns the way to stop. */
  readonly listen: (onNews: (news?: News) => void) => () => void;
}

/** News of something that goes on elsewhere, how it stands first, until the client leaves or the caller has heard enough. */
export async function* follow<News>({ look, listen }: NewsSource<News>, signal: AbortSignal): AsyncGenerator<News> {
  const told = new ResponseQueue<News>();
  const lookNow = (): void => {
    look().then(
      (news) => {
        if (news !== undefined) told.push(news);
      },
      (error: unknown) => told.fail(error),
    );
  };
  const leave = (): void => told.end();
  const ignore = listen((news) => (news === undefined ? lookNow() : told.push(news)));
  const timer = setInterval(lookNow, lookMilliseconds);
  signal.addEventListener('abort', leave, { once: true });
  lookNow();
  try {
    yield* told;
  } finally {
    clearInterval(timer);
    ignore();
    signal.removeEventListener('abort', leave);
  }
}
