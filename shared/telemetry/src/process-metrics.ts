import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { observe } from './metrics.js';

const nanoseconds = 1e9;
/** Sampling interval of the event loop in milliseconds; Node includes it in its measurement. */
const resolution = 20;
/**
 * Window of the event-loop delay. A reading covers one to two windows, so that several readers do not reset each
 * other's data.
 */
const windowMilliseconds = 10_000;

/** Observes memory and event-loop delay of this process. @returns the function that stops it */
export function observeProcess(): () => void {
  // The second one covers the current window, the first one also the window before.
  let delays = [0, 1].map(() => monitorEventLoopDelay({ resolution }));
  for (const delay of delays) delay.enable();
  const timer = setInterval(() => {
    const [older, younger] = delays as [IntervalHistogram, IntervalHistogram];
    older.reset();
    delays = [younger, older];
  }, windowMilliseconds).unref();
  const stops = [
    observe('memory', () => {
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
      return [
        [rss, { kind: 'rss' }],
        [heapUsed, { kind: 'heap' }],
        [arrayBuffers, { kind: 'array_buffers' }],
      ];
    }),
    observe('eventLoop', () => {
      const [delay] = delays as [IntervalHistogram, IntervalHistogram];
      const quantiles = [
        ['0.5', delay.percentile(50)],
        ['0.99', delay.percentile(99)],
        ['1', delay.max],
      ] as const;
      return quantiles.map(
        ([quantile, value]) => [Math.max(0, value / nanoseconds - resolution / 1000), { quantile }] as const,
      );
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    clearInterval(timer);
    for (const delay of delays) delay.disable();
  };
}
