import { failure } from '@hyperswap/errors';
import { maximumBlobBytes } from '@hyperswap/adapter';
import type {
  ExportAdapterResponse,
  ListAdaptersRequest,
  ListAdaptersResponse,
  RegisterAdapterRequest,
  RegisterAdapterResponse,
  WatchAdaptersResponse,
} from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import { headerFirst, pieces, ResponseQueue } from '@hyperswap/rpc';

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
  for await (const { value: chunk } of rest) {
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

const defaultPageSize = 500;
const maximumPageSize = 2000;

/** Some adapters. @throws FIELD_INVALID when the page is too large */
export async function listAdapters(
  registry: AdapterRegistry,
  { pageSize, pageToken }: ListAdaptersRequest,
): Promise<ListAdaptersResponse> {
  if (pageSize > maximumPageSize) {
    throw failure('FIELD_INVALID', { field: 'page_size', reason: `${pageSize} is more than ${maximumPageSize}` });
  }
  const { records, next } = await registry.list(pageToken, pageSize === 0 ? defaultPageSize : pageSize);
  return { adapters: records.map(toAdapterVersion), nextPageToken: next };
}

/** The blob of a version, in chunks. */
export async function* exportAdapter(
  registry: AdapterRegistry,
  reference: string,
): AsyncGenerator<ExportAdapterResponse> {
  const blob = await registry.readBlob(reference);
  for await (const chunk of pieces(blob)) yield { chunk };
}

/** Changes of adapters, of any process, until the client leaves. */
export function watchAdapters(registry: AdapterRegistry, signal: AbortSignal): AsyncIterable<WatchAdaptersResponse> {
  const changes = new ResponseQueue<WatchAdaptersResponse>();
  const unwatch = registry.watch((name, { versions, aliases }) => {
    changes.push({ name, versions: versions.map(({ version }) => version), aliases: { ...aliases } });
  });
  signal.addEventListener('abort', () => {
    unwatch();
    changes.end();
  });
  return changes;
}
