import { failure } from '@hyperswap/errors';
import { maximumHalo, maximumTileSide } from '@hyperswap/scene';
import type { AdmittedAdapter } from '../binding-table.js';
import { firstNotFinite, type CheckedTile } from '../check-tile.js';
import { tensorError, type InputTensor } from './input-tensor.js';
import { countParameter } from './parameters.js';

/** Patches of one request at most. */
export const maximumPatches = 4096;
/** Names of the inputs that a model takes. */
export const inputNames = { patches: 'patches', tile: 'tile' } as const;

/** Pixels of a request, ready for the engine, and the shape of what is answered for them. */
export interface CheckedInput {
  readonly tile: CheckedTile;
  /** One size a dimension: `[patches]`, or those of the tile's window. */
  readonly resultShape: readonly number[];
}

/**
 * Checks the input of a request against its model.
 *
 * - `patches` `[n, side, side, bands]`: one label for the centre of each.
 * - `tile` `[rows, columns, bands]` or `[1, rows, columns, bands]`: one label for each pixel, without the `halo` that a
 *   parameter of the tensor says. Pixels that are missing around the edge are mirrored.
 *
 * Values are pixels as the sensor gave them, or scores of `scene`, a prepared scene.
 *
 * @throws TENSOR_INVALID, PCA_MISMATCH, FIELD_INVALID
 */
export function checkInput(
  tensor: InputTensor,
  adapter: AdmittedAdapter,
  scene?: { readonly name: string; readonly pcaDigest: string },
): CheckedInput {
  const { name, pixelType, values } = tensor;
  if (scene !== undefined && scene.pcaDigest !== adapter.pcaDigest) {
    throw failure('PCA_MISMATCH', { adapter: adapter.reference, scene: scene.name });
  }
  const raw = scene === undefined;
  const bands = raw ? adapter.bands : adapter.components;
  const { window, margins, rowStep, resultShape } = placeOf(tensor, adapter.patchSize, bands);
  if (pixelType === 'float32') {
    const place = firstNotFinite(new Float32Array(values));
    if (place >= 0) throw tensorError(name, `value ${place} is NaN or infinite`);
  }
  const tile = { window, margins, pixels: values, pixelType, bands, raw, rowStep };
  return { tile, resultShape };
}

type Place = Pick<CheckedTile, 'window' | 'margins'> & { readonly rowStep: number; readonly resultShape: number[] };

function placeOf(tensor: InputTensor, side: number, bands: number): Place {
  const { name } = tensor;
  if (name === inputNames.patches) return placeOfPatches(tensor, side, bands);
  if (name === inputNames.tile) return placeOfTile(tensor, bands);
  throw tensorError(name, `there is no such input; send ${Object.values(inputNames).join(' or ')}`);
}

/** Patches lie one below the other, as a tile whose window has one column and a row for each. */
function placeOfPatches({ name, shape }: InputTensor, side: number, bands: number): Place {
  const [count = 0, ...patch] = shape;
  if (patch.join() !== [side, side, bands].join()) {
    throw tensorError(name, `its shape is [${shape.join(', ')}]; this model takes [n, ${side}, ${side}, ${bands}]`);
  }
  if (count > maximumPatches)
    throw tensorError(name, `it has ${count} patches; send at most ${maximumPatches} at once`);
  const before = side >> 1;
  const after = side - 1 - before;
  return {
    window: { row: 0, column: 0, height: count, width: 1 },
    margins: { top: before, left: before, bottom: after, right: after },
    rowStep: side,
    resultShape: [count],
  };
}

function placeOfTile({ name, shape, parameters }: InputTensor, bands: number): Place {
  const isBatch = shape.length === 4;
  const [rows, columns, found] = isBatch ? shape.slice(1) : shape;
  if (shape.length < 3 || shape.length > 4 || (isBatch && shape[0] !== 1) || found !== bands) {
    const wanted = `[rows, columns, ${bands}] or [1, rows, columns, ${bands}]`;
    throw tensorError(name, `its shape is [${shape.join(', ')}]; this model takes ${wanted}`);
  }
  const halo = countParameter(parameters, 'halo', maximumHalo) ?? 0;
  const [height, width] = [rows! - 2 * halo, columns! - 2 * halo];
  if (height < 1 || width < 1) throw tensorError(name, `a halo of ${halo} pixels leaves nothing of it`);
  if (Math.max(height, width) > maximumTileSide) {
    throw tensorError(name, `it has ${height} × ${width} pixels; send at most ${maximumTileSide} × ${maximumTileSide}`);
  }
  return {
    window: { row: 0, column: 0, height, width },
    margins: { top: halo, left: halo, bottom: halo, right: halo },
    rowStep: 1,
    resultShape: isBatch ? [1, height, width] : [height, width],
  };
}
