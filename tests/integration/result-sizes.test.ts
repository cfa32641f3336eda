/**
 * Results with the probabilities of many classes, for a client with gRPC's default settings: it refuses messages above
 * 4 MiB.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import {
  Output,
  Padding,
  SceneJobServiceClient,
  SceneServiceClient,
  type SceneJob,
  type Window,
} from '@hyperswap/proto';
import { Backbones } from '@hyperswap/registry';
import { callUnary, readStream } from '@hyperswap/rpc';
import { inMemory } from '@hyperswap/safetensors';
import {
  backboneConfigs,
  encoderShapes,
  initialParameters,
  readBackbone,
  writeBackbone,
  type BackboneConfig,
} from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { startPod, type Pod } from '../support/fleet.js';
import { prepareToy, toyScene } from '../support/services.js';
import { registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

/** Backbone so small that tens of thousands of patches take seconds. */
const config: BackboneConfig = { ...backboneConfigs.mini, width: 24, depth: 1, heads: 2 };
const classes = 255;
const all = [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES];

let home: string;
let pod: Pod;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hyperswap-results-'));
  const folder = path.join(home, 'tiny');
  await writeBackbone(folder, config, inMemory(initialParameters(encoderShapes(config), 1)), 'F32');
  const store = new DirectoryObjectStore(path.join(home, 'store'));
  await new Backbones(store).keep(await readBackbone('tiny', folder), folder);
  pod = await startPod('preprocessing,tile-inference', {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_BACKBONE: 'tiny',
    HYPERSWAP_PRECISION: 'float32',
    HYPERSWAP_LOG_LEVEL: 'silent',
  });
});

after(async () => {
  await pod.kill();
  await rm(home, { recursive: true, force: true });
});

/** Requires that windows cover a rectangle once, in order, and returns the bytes that they hold together. */
function coverOnce(windows: readonly Window[], { row, column, height, width }: Window): void {
  const covered = new Uint8Array(height * width);
  for (const part of windows) {
    for (let y = 0; y < part.height; y++) {
      for (let x = 0; x < part.width; x++) {
        covered[(part.row - row + y) * width + part.column - column + x]! += 1;
      }
    }
  }
  assert.ok(covered.every((times) => times === 1));
}

test('the result of a large tile comes in messages of at most 4 MiB, and the last one says so', async () => {
  const scene = await prepareToy(pod);
  await registerMadeUp(pod, scene, 'many', { patchSize: 3, classes, config });
  const header = { outputs: all, padding: Padding.PADDING_REFLECT };
  const stream = new TileStream(pod.endpoint, scoreHeader(scene.name, 'many', header));
  try {
    const side = 136;
    await stream.send(scoreTile('large', side, 1));
    const windows: Window[] = [];
    const labels: Buffer[] = [];
    for (let more = true; more;) {
      const { id, outcome } = await stream.readResult();
      assert.equal(id, 'large');
      assert.equal(outcome?.$case, 'result');
      const { window, ...result } = outcome.value;
      const pixels = window!.height * window!.width;
      assert.deepEqual([result.labels.length, result.confidence.length], [pixels, pixels]);
      assert.equal(result.probabilities.length, classes * pixels);
      // The class of each pixel is the one whose probability is its confidence.
      for (let pixel = 0; pixel < pixels; pixel += 97) {
        const share = result.probabilities[pixel * classes + result.labels[pixel]! - 1];
        assert.equal(share, result.confidence[pixel]);
      }
      windows.push(window!);
      labels.push(result.labels);
      ({ more } = result);
    }
    assert.ok(windows.length >= 2);
    coverOnce(windows, { row: 0, column: 0, height: side, width: side });
    // The same tile is one message without probabilities, with the same labels.
    const plain = new TileStream(pod.endpoint, scoreHeader(scene.name, 'many', { ...header, outputs: [] }));
    await plain.send(scoreTile('plain', side, 1));
    const { outcome } = await plain.readResult();
    plain.close();
    assert.equal(outcome?.$case, 'result');
    assert.equal(outcome.value.more, false);
    const differing = Buffer.concat(labels).filter((label, pixel) => label !== outcome.value.labels[pixel]).length;
    assert.ok(differing < 20, `${differing} labels differ`);
  } finally {
    stream.close();
  }
});

test('maps and labels of very wide scenes come in parts of their rows', async () => {
  const [height, width] = [5, 17_000];
  const wide = await prepareToy(pod, 'wide', toyScene(height, width, 16));
  await registerMadeUp(pod, wide, 'wide', { patchSize: 3, classes, config });
  const sceneJobs = new SceneJobServiceClient(pod.endpoint, credentials.createInsecure());
  const scenes = new SceneServiceClient(pod.endpoint, credentials.createInsecure());
  try {
    const request = { scene: 'wide', adapter: 'wide', chunkSize: 0, detached: false, probabilities: true };
    let done: SceneJob | undefined;
    for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
      if (event?.$case === 'done') done = event.value;
    }
    const window: Window = { row: 1, column: 3, height: 2, width: width - 3 };
    const windows: Window[] = [];
    const call = sceneJobs.readMap({ job: done!.status!.job, outputs: all, window, smoothingReach: 0 });
    for await (const { event } of readStream(sceneJobs, call)) {
      assert.equal(event?.$case, 'rows');
      const { window: part, labels, confidence, probabilities } = event.value;
      const pixels = part!.height * part!.width;
      assert.deepEqual([labels.length, confidence.length, probabilities.length], [pixels, pixels, classes * pixels]);
      assert.equal(probabilities[labels[0]! - 1], confidence[0]);
      windows.push(part!);
    }
    assert.equal(windows.length, 4);
    coverOnce(windows, window);
    assert.equal((await callUnary(scenes, 'getScene', { name: 'wide' })).scene!.raster!.width, width);
  } finally {
    sceneJobs.close();
    scenes.close();
  }
});
