import { entry } from './entry.js';

/** Errors of tiles and of the queue that they wait in. */
export const tileErrors = {
  TILE_BYTES: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', found: 'number', wanted: 'number', shape: 'text' },
    ({ tile, found, wanted, shape }) =>
      `Tile ${tile} has ${found} bytes; ${shape} need ${wanted}. Send the window and the pixels around it row by row, the bands of a pixel together, little-endian.`,
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
      `Tile ${tile} has ${height} × ${width} pixels and a halo of ${halo}; at most ${maximumSide} × ${maximumSide} and ${maximumHalo} are allowed. Send smaller tiles.`,
    { field: 'tile.window' },
  ),
  TILE_BANDS: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', adapter: 'text', found: 'number', wanted: 'number' },
    ({ tile, adapter, found, wanted }) =>
      `Tile ${tile} has ${found} bands; adapter ${adapter} takes ${wanted}. Send the scene that the adapter was trained for, or train an adapter for this scene.`,
    { field: 'header.bands' },
  ),
  TILE_PIXELS_NOT_FINITE: entry(
    'INVALID_ARGUMENT',
    { tile: 'text', row: 'number', column: 'number' },
    ({ tile, row, column }) =>
      `Tile ${tile} has a NaN or infinite value at row ${row}, column ${column} of its pixels. Replace such values before you send the tile.`,
    { field: 'tile.pixels' },
  ),
  TENSOR_INVALID: entry(
    'INVALID_ARGUMENT',
    { tensor: 'text', reason: 'text' },
    ({ tensor, reason }) =>
      `Tensor ${tensor}: ${reason}. ModelMetadata returns the names, types and shapes that the model takes.`,
    { field: ({ tensor }) => `tensor ${tensor}` },
  ),
  PCA_MISMATCH: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text', scene: 'text' },
    ({ adapter, scene }) =>
      `Adapter ${adapter} was trained with another PCA than that of the prepared scene ${scene}. Send raw pixels, or train an adapter on this scene.`,
  ),
  ADAPTER_NEEDS_SCENE: entry(
    'FAILED_PRECONDITION',
    { adapter: 'text' },
    ({ adapter }) =>
      `Adapter ${adapter} classifies whole scenes only: its features are diffused along the walks of a scene, which tiles and patches do not hold. Classify a prepared scene with it, or train an adapter without the setting diffuse.`,
  ),
  QUEUE_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { waiting: 'number', limit: 'number', unit: 'text', retryAfterMilliseconds: 'number' },
    ({ waiting, limit, unit, retryAfterMilliseconds }) =>
      `${waiting} ${unit} wait, and the queue takes ${limit}. Try again in ${retryAfterMilliseconds} ms.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
};
