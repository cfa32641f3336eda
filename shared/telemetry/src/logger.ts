import { isSpanContextValid, trace } from '@opentelemetry/api';
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/**
 * JSON lines on standard error; standard output belongs to the command's result. Lines of traced work have its
 * `trace_id` and `span_id`.
 */
export function createLogger(level: string, service: string): Logger {
  return pino({ level, base: { service }, mixin: traceIds }, pino.destination({ dest: 2, sync: true }));
}

function traceIds(): Record<string, string> {
  const context = trace.getActiveSpan()?.spanContext();
  if (context === undefined || !isSpanContextValid(context)) return {};
  return { trace_id: context.traceId, span_id: context.spanId };
}
