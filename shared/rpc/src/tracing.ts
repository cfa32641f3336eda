/** Traces of calls, on both sides: W3C Trace Context travels in their metadata. */
import { InterceptingCall, status as grpcCodes, type Interceptor, type Metadata } from '@grpc/grpc-js';
import { toHyperswapError } from '@hyperswap/errors';
import { injectTrace, inTrace, startSpan, traceOf } from '@hyperswap/telemetry';

/** Wraps each call of a client in a span, and sends the trace context to the service. */
export const traceCalls: Interceptor = (options, nextCall) => {
  const name = methodOf(options.method_definition.path);
  const { place, end } = startSpan(name, { kind: 'client', attributes: attributesOf(name) });
  return new InterceptingCall(nextCall(options), {
    start: (metadata, _, next) => {
      injectTrace(place, (key, value) => {
        metadata.set(key, value);
      });
      next(metadata, {
        onReceiveStatus: (status, nextStatus) => {
          const { code, details } = status;
          end(code === grpcCodes.OK ? undefined : { code: grpcCodes[code], message: details });
          nextStatus(status);
        },
      });
    },
  });
};

interface ServedCall {
  readonly metadata: Metadata;
  getPath(): string;
}

/**
 * Answers a call in a span that belongs to the client's trace.
 *
 * @param run answers the call @returns the error that the call ended with; undefined for none
 */
export async function traceAnswer(call: ServedCall, run: () => Promise<unknown>): Promise<void> {
  const method = methodOf(call.getPath());
  const parent = traceOf(call.metadata.get('traceparent')[0]?.toString());
  const { place, end } = startSpan(method, { kind: 'server', parent, attributes: attributesOf(method) });
  const error = await inTrace(place, run);
  end(error === undefined ? undefined : toHyperswapError(error));
}

/** Returns the name of a method, for example `hyperswap.v1.TileService/ClassifyTiles`. */
function methodOf(path: string): string {
  return path.slice(1);
}

function attributesOf(name: string): Record<string, string> {
  const slash = name.indexOf('/');
  return { 'rpc.system': 'grpc', 'rpc.service': name.slice(0, slash), 'rpc.method': name.slice(slash + 1) };
}
