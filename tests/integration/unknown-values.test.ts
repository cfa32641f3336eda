/** Numbers of enumerations that this version does not know, as a newer client may send them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { exchange, readStream } from '@hyperswap/rpc';
import {
  Output,
  Padding,
  PixelContent,
  PixelType,
  type ClassifyTilesHeader,
  type PrepareSceneHeader,
} from '@hyperswap/proto';
import { hasCode } from '../support/errors.js';
import { prepareToy, startServices, toyScene, type Services } from '../support/services.js';
import { send, sceneHeader } from '../support/uploads.js';

const unknown = Number('77');

describe('numbers of enumerations that are not known', () => {
  let services: Services;

  before(async () => {
    services = await startServices();
    await prepareToy(services);
  });

  after(() => services.stop());

  async function drain(stream: AsyncIterable<unknown>): Promise<void> {
    for await (const message of stream) assert.ok(message !== undefined);
  }

  test('in the header of tiles: outputs, content, padding', async () => {
    const usual: ClassifyTilesHeader = {
      adapter: 'toy',
      pixelType: PixelType.PIXEL_TYPE_FLOAT32,
      content: PixelContent.PIXEL_CONTENT_RAW,
      scene: '',
      outputs: [Output.OUTPUT_LABELS],
      wavelengths: [],
      padding: Padding.PADDING_UNSPECIFIED,
    };
    for (const [field, value] of [
      ['outputs', [unknown]],
      ['content', unknown],
      ['padding', unknown],
    ] as const) {
      const header = { ...usual, [field]: value } as ClassifyTilesHeader;
      // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
      async function* requests() {
        yield { part: { $case: 'header' as const, value: header } };
      }
      const answers = exchange(services.tiles, services.tiles.classifyTiles(), requests());
      await assert.rejects(drain(answers), hasCode('FIELD_INVALID', new RegExp(`header.${field}.*77 is none of`)));
    }
  });

  test('in the header of a scene: retention, reduction, pixel type', async () => {
    const { height, width, bands, values } = toyScene();
    for (const field of ['retention', 'reduction'] as const) {
      const header: PrepareSceneHeader = { ...sceneHeader('new', { height, width, bands }), [field]: unknown };
      const source = { header, step: height, pixels: () => Buffer.from(values.buffer), labels: () => Buffer.alloc(0) };
      await assert.rejects(send(services, source), hasCode('FIELD_INVALID', new RegExp(`header.${field}.*77`)));
    }
  });

  test('in requests of maps and patches: outputs, precision', async () => {
    const { sceneJobs, tiles } = services;
    const job = '00000000-0000-4000-8000-000000000000';
    const map = readStream(
      sceneJobs,
      sceneJobs.readMap({ job, outputs: [unknown as never], window: undefined, smoothingReach: 0 }),
    );
    await assert.rejects(drain(map), hasCode('FIELD_INVALID', /outputs/));
    const header = { backbone: '', precision: unknown, adapter: undefined };
    // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
    async function* requests() {
      yield { part: { $case: 'header' as const, value: header } };
    }
    const rows = exchange(tiles, tiles.predict(), requests());
    await assert.rejects(drain(rows), hasCode('FIELD_INVALID', /precision.*77/));
  });
});
