import { failure } from '@hyperswap/errors';
import type { RasterReader } from '../raster-info.js';
import { validPixels } from '../valid-pixels.js';
import type { SensorBands } from './compare-bands.js';
import { resamplingWeights } from './resampling-weights.js';

/**
 * Returns a raster with its spectra resampled to the bands of another sensor, as float32. Pixels without data are NaN.
 *
 * @param file named in errors
 * @throws FIELD_INVALID when the raster has no wavelengths, or they do not reach those of the target
 */
export function resampleRaster(file: string, raster: RasterReader, target: SensorBands): RasterReader {
  const { info } = raster;
  const { wavelengths, fullWidths, goodBands } = info;
  if (wavelengths === undefined) {
    const reason = `the wavelengths of ${file} are not known: name a table of them with --wavelengths`;
    throw failure('FIELD_INVALID', { field: '--resample', reason });
  }
  const all = resamplingWeights(file, { wavelengths, ...(fullWidths && { fullWidths }), goodBands }, target);
  return {
    info: {
      ...info,
      bands: target.wavelengths.length,
      type: 'f4',
      wavelengths: target.wavelengths,
      fullWidths: target.fullWidths,
      goodBands: target.goodBands,
      nodata: Number.NaN,
      zeroIsNodata: undefined,
    },
    readWindow: async (window, chosen) => {
      const values = await raster.readWindow(window);
      const valid = validPixels(values, info);
      const weights = chosen?.map((band) => all[band]!) ?? all;
      const result = new Float32Array(valid.length * weights.length).fill(Number.NaN);
      for (let pixel = 0; pixel < valid.length; pixel++) {
        if (valid[pixel] === 0) continue;
        const from = pixel * info.bands;
        const to = pixel * weights.length;
        weights.forEach(({ bands, weights: shares }, band) => {
          let sum = 0;
          for (let k = 0; k < bands.length; k++) sum += shares[k]! * values[from + bands[k]!]!;
          result[to + band] = sum;
        });
      }
      return result;
    },
    close: () => raster.close(),
    lookupTable: raster.lookupTable,
  };
}
