/** A collector of OpenTelemetry over HTTP with JSON. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/** A span as a collector receives it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Begin and end in nanoseconds since 1970, as decimal strings. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** Name of the program that sent it. */
  readonly service: string;
  /** Number of the process that sent it. */
  readonly processId: string;
  readonly links?: readonly { readonly traceId: string }[];
}

interface AttributeValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
}

interface TracesRequest {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly { readonly key: string; readonly value: AttributeValue }[];
    };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<CollectedSpan, 'service' | 'processId'>[] }[];
  }[];
}

interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
}

export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  readonly metricNames = new Set<string>();
  private readonly server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      this.take(request.url ?? '', JSON.parse(Buffer.concat(pieces).toString()));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });

  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    collector.server.listen(0, '127.0.0.1');
    await once(collector.server, 'listening');
    return collector;
  }

  /** Environment of a process that exports here, often. */
  get environment(): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
    };
  }

  /** Spans of the trace that a span of some name began. */
  traceFrom(root: string): CollectedSpan[] {
    const first = this.spans.find(({ name, parentSpanId }) => name === root && parentSpanId === undefined);
    return this.spans.filter(({ traceId }) => traceId === first?.traceId);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(url: string, body: unknown): void {
    if (url === '/v1/traces') {
      for (const { resource, scopeSpans } of (body as TracesRequest).resourceSpans) {
        const attribute = (name: string): AttributeValue =>
          resource.attributes.find(({ key }) => key === name)?.value ?? {};
        const service = attribute('service.name').stringValue ?? '';
        const processId = String(attribute('process.pid').intValue ?? '');
        for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => ({ ...span, service, processId })));
      }
    } else {
      const { resourceMetrics } = body as MetricsRequest;
      for (const { name } of resourceMetrics
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics)) {
        this.metricNames.add(name);
      }
    }
  }
}
