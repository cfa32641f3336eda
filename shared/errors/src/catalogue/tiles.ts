import { entry } from './entry.js';

/** Errors of tiles and of the queue that they wait in. */
export const tileErrors = {
  TILE_BYTES: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', found: 'number', wanted: 'number', shape: 'text' },
    ({ tile, found, wanted, shape }) =>
      `Tile ${tile} carries ${found} bytes, but ${shape} needs ${wanted}: send the window and its halo, row by row, bands last, little-endian.`,
    { field: 'tile.pixels' },
  ),
  TILE_HALO: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', reason: 'text' },
    ({ tile, reason }) => `Tile ${tile}: ${reason}.`,
    { field: 'tile.halo' },
  ),
  TILE_SIZE: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', height: 'number', width: 'number', halo: 'number', maximumSide: 'number', maximumHalo: 'number' },
    ({ tile, height, width, halo, maximumSide, maximumHalo }) =>
      `Tile ${tile} is of ${height} × ${width} pixels with a halo of ${halo}; allowed are ${maximumSide} × ${maximumSide} and ${maximumHalo}: cut the scene into smaller tiles.`,
    { field: 'tile.window' },
  ),
  TILE_BANDS: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', adapter: 'text', found: 'number', wanted: 'number' },
    ({ tile, adapter, found, wanted }) =>
      `Tile ${tile} has ${found} bands, but adapter ${adapter} was trained on ${wanted}: send the scene it belongs to, or train an adapter for this one.`,
    { field: 'header.bands' },
  ),
  TILE_PIXELS_NOT_FINITE: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', row: 'number', column: 'number' },
    ({ tile, row, column }) =>
      `Tile ${tile} holds NaN or infinite values, the first at row ${row}, column ${column} of its pixels: fill them before sending.`,
    { field: 'tile.pixels' },
  ),
  PCA_MISMATCH: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', scene: 'text' },
    ({ adapter, scene }) =>
      `Adapter ${adapter} was trained on another PCA than prepared scene ${scene} holds: classify the raw scene file, or train an adapter on this scene.`,
  ),
  QUEUE_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { waiting: 'number', limit: 'number', retryAfterMilliseconds: 'number' },
    ({ waiting, limit, retryAfterMilliseconds }) =>
      `${waiting} patches wait already and the queue takes ${limit}: try again in ${retryAfterMilliseconds} ms, or add a pod.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
};
