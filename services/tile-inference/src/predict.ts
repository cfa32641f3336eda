import { randomUUID } from 'node:crypto';
import { maximumBlobBytes } from '@hyperswap/adapter';
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { PredictHeader, PredictRequest, PredictResponse } from '@hyperswap/proto';
import type { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { headerFirst, rowPieces, type CallContext } from '@hyperswap/rpc';
import type { BackboneConfig, PrecisionChoice } from '@hyperswap/spectralgpt';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import type { TileProgram } from './engine/program.js';
import { precisionChoice } from './precision.js';

export interface PredictContext {
  readonly backbones: Backbones;
  readonly registry: AdapterRegistry;
  readonly engine: ProgramClient<TileProgram>;
  /** The backbone that is served, and what it runs in, for headers that name none. */
  readonly backbone: string;
  readonly precision: PrecisionChoice;
}

/** What a header asked for, ready. */
interface Prepared {
  readonly config: BackboneConfig;
  readonly backboneDigest: string;
  readonly precision: Precision;
  /** Name of the adapter's binding, for this call alone. */
  readonly adapter: string | undefined;
}

/**
 * One stream of patches. Any backbone and precision may be asked for; it becomes resident and stays so.
 *
 * @throws BACKBONE_NOT_FOUND, ADAPTER_NOT_FOUND, ADAPTER_BACKBONE, ADAPTER_INVALID, PATCHES_SHAPE, FIELD_INVALID
 */
export async function* predict(
  context: PredictContext,
  requests: AsyncIterable<PredictRequest>,
  { signal }: CallContext,
): AsyncGenerator<PredictResponse> {
  const { engine } = context;
  const { header, rest } = await headerFirst(requests);
  const { config, backboneDigest, precision, adapter } = await prepare(context, header);
  try {
    for await (const { value: patches } of rest) {
      throwIfAborted(signal, 'Predicting');
      const images = checkPatches(patches, config);
      const work = { images, backboneDigest, precision, adapter };
      const { columns, values } = await engine.call('predict', work, { transfer: [images.buffer] });
      for (const { count, bytes } of rowPieces(new Uint8Array(values.buffer), 4 * columns)) {
        yield { count, columns, values: bytes };
      }
    }
  } finally {
    if (adapter !== undefined) await engine.call('unbind', { digest: adapter });
  }
}

async function prepare(
  { backbones, registry, engine, backbone: served, precision: usual }: PredictContext,
  { backbone: wanted, precision: wantedPrecision, adapter }: PredictHeader,
): Promise<Prepared> {
  const choice = precisionChoice(wantedPrecision, usual);
  const { backbone, precision } = await backbones.use(wanted === '' ? served : wanted, async (found) => ({
    backbone: found,
    precision: await engine.call('makeResident', { backbone: found, precision: choice }),
  }));
  const ready = { config: backbone.config, backboneDigest: backbone.digest, precision };
  if (adapter === undefined) return { ...ready, adapter: undefined };
  if (adapter.$case === 'blob' && adapter.value.byteLength > maximumBlobBytes) {
    throw failure('FIELD_INVALID', { field: 'blob', reason: `it has more than ${maximumBlobBytes} bytes` });
  }
  const reference = adapter.$case === 'blob' ? 'the adapter' : (await registry.admit(adapter.value)).reference;
  const blob = adapter.$case === 'blob' ? adapter.value : await registry.readBlob(reference);
  const digest = `predict ${randomUUID()}`;
  await engine.call('bind', { reference, digest, blob, backboneDigest: backbone.digest, precision });
  return { ...ready, adapter: digest };
}

/** @throws PATCHES_SHAPE when the bytes are no whole number of patches, or hold NaN or infinite values */
function checkPatches(bytes: Buffer, { components, imageSize }: BackboneConfig): Float32Array {
  const wanted = `[${components}, ${imageSize}, ${imageSize}]`;
  const patchBytes = components * imageSize ** 2 * 4;
  const refuse = (found: string): Error => failure('PATCHES_SHAPE', { file: 'the request', found, wanted });
  if (bytes.byteLength === 0 || bytes.byteLength % patchBytes !== 0) throw refuse(`${bytes.byteLength} bytes`);
  const images = new Float32Array(new Uint8Array(bytes).buffer);
  if (!images.every(Number.isFinite)) throw refuse('NaN or infinite values');
  return images;
}
