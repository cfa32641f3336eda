import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { failure, validateName } from '@hyperswap/errors';
import {
  Positions,
  TokenPooling,
  type Backbone as BackboneMessage,
  type ImportBackboneRequest,
  type ImportBackboneResponse,
} from '@hyperswap/proto';
import { backboneFiles, type Backbones } from '@hyperswap/registry';
import { headerFirst } from '@hyperswap/rpc';
import { readBackbone, type BackboneDescription } from '@hyperswap/spectralgpt';

/** Maximum size of an uploaded backbone, far above huge in float32 (2.6 GB). */
const maximumBackboneBytes = 8 * 1024 ** 3;

/** Converts a backbone to its protobuf message. */
export function toBackboneMessage({ name, digest, parameters, config }: BackboneDescription): BackboneMessage {
  const { width, depth, heads, imageSize, components, tokenSize, tokenComponents } = config;
  const size = { width, depth, heads, imageSize, components, tokenSize, tokenComponents };
  const isJoint = config.positions === 'joint';
  return {
    name,
    digest,
    parameters,
    ...size,
    positions: isJoint ? Positions.POSITIONS_JOINT : Positions.POSITIONS_SEPARATE,
    pooling: config.pooling === 'all' ? TokenPooling.TOKEN_POOLING_ALL : TokenPooling.TOKEN_POOLING_SKIP_FIRST,
  };
}

/**
 * Receives a backbone's files into a temporary folder, checks them there, and stores them.
 *
 * @throws FIELD_INVALID, NAME_INVALID, BACKBONE_INVALID; BACKBONE_EXISTS if the name has other weights or another
 *   config: nothing is changed then
 */
export async function importBackbone(
  backbones: Backbones,
  requests: AsyncIterable<ImportBackboneRequest>,
): Promise<ImportBackboneResponse> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-import-'));
  const open = new Map<string, WriteStream>();
  try {
    const name = await receive(requests, directory, open);
    const backbone = await readBackbone(name, directory);
    if (await backbones.isStored(name)) {
      const { digest } = await backbones.describe(name);
      if (digest !== backbone.digest) throw failure('BACKBONE_EXISTS', { backbone: name });
    } else {
      await backbones.keep(backbone, directory);
    }
    return { backbone: toBackboneMessage(backbone) };
  } finally {
    for (const stream of open.values()) stream.destroy();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes uploaded files into the folder. @returns the name */
async function receive(
  requests: AsyncIterable<ImportBackboneRequest>,
  directory: string,
  open: Map<string, WriteStream>,
): Promise<string> {
  const { header, rest } = await headerFirst(requests);
  const name = validateName('Backbone name', header.name);
  let bytes = 0;
  for await (const { value: chunk } of rest) {
    const { file, content } = chunk;
    if (!(backboneFiles as readonly string[]).includes(file)) {
      throw failure('FIELD_INVALID', {
        field: 'chunk.file',
        reason: `${file} is none of ${backboneFiles.join(', ')}`,
      });
    }
    bytes += content.byteLength;
    if (bytes > maximumBackboneBytes) {
      throw failure('FIELD_INVALID', { field: file, reason: `it is larger than ${maximumBackboneBytes} bytes` });
    }
    const stream = open.get(file) ?? createWriteStream(path.join(directory, file));
    open.set(file, stream);
    if (!stream.write(content)) await once(stream, 'drain');
  }
  for (const stream of open.values()) {
    stream.end();
    await finished(stream);
  }
  return name;
}
