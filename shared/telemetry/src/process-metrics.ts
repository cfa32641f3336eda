import { monitorEventLoopDelay } from 'node:perf_hooks';
import { observe } from './metrics.js';

const nanoseconds = 1e9;

/** Observes memory and event-loop delay of this process. @returns the function that stops it */
export function observeProcess(): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
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
      const quantiles = [
        ['0.5', delay.percentile(50)],
        ['0.99', delay.percentile(99)],
        ['1', delay.max],
      ] as const;
      delay.reset();
      return quantiles.map(([quantile, value]) => [value / nanoseconds, { quantile }] as const);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    delay.disable();
  };
}
