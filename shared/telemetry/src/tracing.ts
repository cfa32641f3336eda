/** Spans of OpenTelemetry. Without an exporter they cost next to nothing. */
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';

const tracerName = 'hyperswap';
/** Header of W3C Trace Context. */
const traceparentKey = 'traceparent';

/** Position in a trace: spans that start there become children of its span. */
export type Trace = Context;

export interface SpanSettings {
  /** Role of the span in an exchange of messages. @default internal */
  readonly kind?: 'client' | 'server' | 'producer' | 'consumer' | 'internal';
  readonly attributes?: Attributes;
  /** Place of the span's parent. @default the active one */
  readonly parent?: Trace;
  /** Places of other work that the span is done for. */
  readonly links?: readonly Trace[];
}

const kinds = {
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

/** Returns the active position in a trace. */
export function activeTrace(): Trace {
  return context.active();
}

/** Returns the place that a `traceparent` header names; a new trace for none. */
export function traceOf(header: string | undefined): Trace {
  return header === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { [traceparentKey]: header });
}

/** Returns the `traceparent` header of the active place; undefined outside a trace. */
export function traceparent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier[traceparentKey];
}

/** Gives the headers of a place to a setter, as metadata of a call has one. */
export function injectTrace(place: Trace, set: (key: string, value: string) => void): void {
  propagation.inject(place, undefined, { set: (_, key, value) => set(key, value) });
}

/** Starts a span without making it active. @returns its place, and the function that ends it */
export function startSpan(
  name: string,
  { kind = 'internal', attributes = {}, parent = context.active(), links = [] }: SpanSettings = {},
): { readonly place: Trace; readonly end: (error?: unknown) => void } {
  const spans = links.flatMap((link) => {
    const found = trace.getSpanContext(link);
    return found !== undefined && isSpanContextValid(found) ? [{ context: found }] : [];
  });
  const span = trace.getTracer(tracerName).startSpan(name, { kind: kinds[kind], attributes, links: spans }, parent);
  return { place: trace.setSpan(parent, span), end: (error) => end(span, error) };
}

/** Runs something in a span of its own, which ends with it and has its error. */
export async function withSpan<Result>(
  name: string,
  settings: SpanSettings,
  run: () => Promise<Result>,
): Promise<Result> {
  const { place, end: endSpan } = startSpan(name, settings);
  try {
    const result = await context.with(place, run);
    endSpan();
    return result;
  } catch (error) {
    endSpan(error);
    throw error;
  }
}

/** Runs something in a place of a trace. */
export function inTrace<Result>(place: Trace, run: () => Result): Result {
  return context.with(place, run);
}

/** Returns true if spans of a place are exported. */
export function isRecorded(place: Trace): boolean {
  return trace.getSpan(place)?.isRecording() === true;
}

/** Adds a span for work that has ended. @param startedAt, endedAt milliseconds since 1970 */
export function recordSpan(
  name: string,
  parent: Trace,
  startedAt: number,
  endedAt: number,
  attributes: Attributes = {},
): void {
  trace.getTracer(tracerName).startSpan(name, { startTime: startedAt, attributes }, parent).end(endedAt);
}

function end(span: Span, error: unknown): void {
  if (error !== undefined) {
    const { message = '', code } = error as { readonly message?: string; readonly code?: string };
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    if (code !== undefined) span.setAttribute('error.type', code);
  }
  span.end();
}
