import { ResponseQueue } from './response-queue.js';

/** Events can be lost while the bus is away: the state is looked at this often. */
const lookMilliseconds = 2_000;

/** Source of news of something that goes on elsewhere. */
export interface NewsSource<News> {
  /** Returns the state now; undefined where there is nothing to tell. @throws what it failed with, which ends the news */
  readonly look: () => Promise<News | undefined>;
  /** Calls back with news, or without when a look is worth it. @returns the way to stop */
  readonly listen: (onNews: (news?: News) => void) => () => void;
}

/**
 * Yields news of something that goes on elsewhere, its state now first, until the signal aborts or the caller leaves.
 * A caller that reads slowly gets the newest news only.
 */
export async function* follow<News>({ look, listen }: NewsSource<News>, signal: AbortSignal): AsyncGenerator<News> {
  const queue = new ResponseQueue<News>();
  const tell = (news: News): void => queue.replace('news', news);
  let looking = false;
  let mustLookAgain = false;
  const lookOnce = async (): Promise<void> => {
    const news = await look();
    if (news !== undefined) tell(news);
  };
  /** Looks, and once more when that was asked for in the meantime. */
  const lookNow = (): void => {
    mustLookAgain = looking;
    if (looking) return;
    looking = true;
    lookOnce()
      .catch((error: unknown) => queue.fail(error))
      .finally(() => {
        looking = false;
        if (mustLookAgain) lookNow();
      });
  };
  const leave = (): void => queue.end();
  const ignore = listen((news) => (news === undefined ? lookNow() : tell(news)));
  const timer = setInterval(lookNow, lookMilliseconds);
  signal.addEventListener('abort', leave, { once: true });
  lookNow();
  try {
    yield* queue;
  } finally {
    clearInterval(timer);
    ignore();
    signal.removeEventListener('abort', leave);
  }
}
