import { failure } from '@hyperswap/errors';
import { maximumBlobBytes } from '@hyperswap/adapter';
import type {
  ExportAdapterRequest,
  ExportAdapterResponse,
  ListAdaptersRequest,
  ListAdaptersResponse,
  RegisterAdapterRequest,
  RegisterAdapterResponse,
  WatchAdaptersResponse,
} from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import { headerFirst, pageSizeOf, pieces, ResponseQueue, toErrorStatus } from '@hyperswap/rpc';

/** Receives a blob and makes it a version. @throws FIELD_INVALID without a header first, ADAPTER_INVALID, NAME_INVALID, ADAPTER_EXISTS */
export async function registerAdapter(
  registry: AdapterRegistry,
  requests: AsyncIterable<RegisterAdapterRequest>,
): Promise<RegisterAdapterResponse> {
  const { header, rest } = await headerFirst(requests);
  const { name, signature } = header;
  const fileName = header.fileName === '' ? name : header.fileName;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const { value } of rest) {
    const { content: chunk } = value;
    bytes += chunk.byteLength;
    if (bytes > maximumBlobBytes) {
      const reason = `it has more than the ${maximumBlobBytes} bytes allowed`;
      throw failure('ADAPTER_INVALID', { file: fileName, reason });
    }
    chunks.push(chunk);
  }
  const record = await registry.publish(name, fileName, Buffer.concat(chunks), {
    origin: 'upload',
    ...(signature && { signature }),
  });
  return { adapter: toAdapterVersion(record) };
}

/** Returns a page of versions. @throws FIELD_INVALID when the page is too large; NAME_INVALID, ADAPTER_NOT_FOUND for a token that is no version */
export async function listAdapters(
  registry: AdapterRegistry,
  request: ListAdaptersRequest,
): Promise<ListAdaptersResponse> {
  const { records, next, damaged } = await registry.list(
    request.pageToken,
    pageSizeOf(request, { usual: 500, most: 2000 }),
  );
  return {
    adapters: records.map(toAdapterVersion),
    nextPageToken: next,
    damaged: damaged.map(({ name, error }) => ({ name, error: toErrorStatus(error) })),
  };
}

/** The blob of a version, in chunks. */
export async function* exportAdapter(
  registry: AdapterRegistry,
  { adapter }: ExportAdapterRequest,
): AsyncGenerator<ExportAdapterResponse> {
  const blob = await registry.readBlob(adapter);
  for await (const content of pieces(blob)) yield { chunk: { file: 'adapter.safetensors', content } };
}

/** Changes of adapters, of any process, until the client leaves. */
export function watchAdapters(registry: AdapterRegistry, signal: AbortSignal): AsyncIterable<WatchAdaptersResponse> {
  const changes = new ResponseQueue<WatchAdaptersResponse>();
  const unwatch = registry.watch((name, { versions, aliases }) => {
    changes.replace(name, { name, versions: versions.map(({ version }) => version), aliases: { ...aliases } });
  });
  signal.addEventListener('abort', () => {
    unwatch();
    changes.end();
  });
  return changes;
}
