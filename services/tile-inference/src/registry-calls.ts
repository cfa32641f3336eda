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
import { readAdapterFiles, receiveAdapter } from './adapter-files.js';

/**
 * Receives an adapter's files and makes them a version.
 *
 * @throws FIELD_INVALID, ADAPTER_INVALID, PEFT_UNSUPPORTED, NAME_INVALID, and errors of registering
 */
export async function registerAdapter(
  registry: AdapterRegistry,
  requests: AsyncIterable<RegisterAdapterRequest>,
): Promise<RegisterAdapterResponse> {
  const { header, rest } = await headerFirst(requests);
  const { name, signature } = header;
  const fileName = header.fileName === '' ? name : header.fileName;
  const blob = await receiveAdapter(registry, header, fileName, contents(rest));
  const record = await registry.publish(name, fileName, blob, { origin: 'upload', ...(signature && { signature }) });
  return { adapter: toAdapterVersion(record) };
}

async function* contents<Content>(parts: AsyncIterable<{ readonly value: Content }>): AsyncGenerator<Content> {
  for await (const { value } of parts) yield value;
}

/**
 * Returns a page of versions.
 *
 * @throws FIELD_INVALID when the page is too large; NAME_INVALID, ADAPTER_NOT_FOUND for a token that is no version
 */
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

/** Returns the files of a version, in pieces. @throws errors of {@link readAdapterFiles} */
export async function* exportAdapter(
  registry: AdapterRegistry,
  { adapter, format }: ExportAdapterRequest,
): AsyncGenerator<ExportAdapterResponse> {
  for (const [file, bytes] of await readAdapterFiles(registry, adapter, format)) {
    for await (const content of pieces(bytes)) yield { chunk: { file, content } };
  }
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
