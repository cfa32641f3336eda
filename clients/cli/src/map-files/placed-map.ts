/** Maps of scenes in the geometry of their sensor, placed by a lookup table: they are kept in memory. */
import type { Scene } from '@hyperswap/proto';
import { placeOnMap, placeWindow, type AffineTransform, type LookupTable, type Window } from '@hyperswap/raster';
import { readStream } from '@hyperswap/rpc';
import { truthOf } from '../labels.js';
import type { Session } from '../session.js';
import { sourceInMemory, type MapSource, type SceneMap } from './map-source.js';

/** Map of a prepared scene, and what is known of the ground there. */
export interface SceneSource {
  readonly source: MapSource;
  /** Reads labels in a window of the map; undefined without labels. */
  readonly truth: ((window: Window) => Promise<Uint8Array>) | undefined;
}

/** Returns a map with its pixels where a lookup table places them. */
export async function placeMap(map: SceneMap, table: LookupTable | undefined): Promise<SceneMap> {
  if (table === undefined) return map;
  const { height, width } = table;
  const planes = [map.labels, map.confidence, map.probabilities];
  const [labels, confidence, probabilities] = (await placeOnMap(table, planes, map.labels.length)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return { ...map, height, width, labels, confidence, probabilities };
}

/** Returns the map of a prepared scene, placed by the scene's lookup table where it has one. */
export async function placedSource(session: Session, scene: Scene, source: MapSource): Promise<SceneSource> {
  const truth = truthOf(session, scene);
  if (scene.lookupTable === undefined) return { source, truth };
  const table = tableOf(session, scene);
  const placed = await placeMap(await inMemory(source), table);
  const { height, width } = scene.raster!;
  const known = await truth?.({ row: 0, column: 0, height, width });
  const [labels] = known === undefined ? [] : await placeOnMap(table, [known], height * width);
  return {
    source: { ...sourceInMemory(placed), adaptive: source.adaptive },
    truth:
      labels &&
      (({ row, height: rows, width: columns }) =>
        Promise.resolve(labels.subarray(row * columns, (row + rows) * columns))),
  };
}

async function inMemory({ rows, ...map }: MapSource): Promise<SceneMap> {
  const pixels = map.height * map.width;
  const [labels, confidence] = [new Uint8Array(pixels), new Uint8Array(pixels)];
  let probabilities = new Uint8Array(0);
  for await (const { window, ...block } of rows) {
    placeWindow(labels, map.width, window, block.labels);
    placeWindow(confidence, map.width, window, block.confidence);
    const classes = block.probabilities.length / block.labels.length;
    if (classes === 0) continue;
    if (probabilities.length === 0) probabilities = new Uint8Array(pixels * classes);
    placeWindow(probabilities, map.width, window, block.probabilities, classes);
  }
  return { ...map, labels, confidence, probabilities };
}

/** Returns the lookup table of a prepared scene, read from the service as it is asked for. */
function tableOf({ scenes, signal }: Session, { name, digest, lookupTable }: Scene): LookupTable {
  const { height, width, georeference } = lookupTable!;
  return {
    height,
    width,
    crs: undefined,
    transform: georeference!.transform as unknown as AffineTransform,
    readRows: async (row, count) => {
      const cells = new Int32Array(count * width);
      const call = scenes.readLookupTable({ scene: name, sceneDigest: digest, row, rows: count });
      for await (const { window, pixels } of readStream(scenes, call, signal)) {
        const { column, height: rows, width: columns, row: first } = window!;
        const values = new Int32Array(new Uint8Array(pixels).buffer);
        for (let y = 0; y < rows; y++) {
          cells.set(values.subarray(y * columns, (y + 1) * columns), (first - row + y) * width + column);
        }
      }
      return cells;
    },
  };
}
