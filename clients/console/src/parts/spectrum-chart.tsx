import type { JSX } from 'preact';
import type { RasterInfo } from '../../generated/hyperswap/v1/scene_pb.js';
import { LineChart, type Line } from './line-chart.js';

/** Spectrum of a pixel or a class. */
export interface Spectrum {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
  /** Standard deviation of each band. */
  readonly deviations?: readonly number[];
}

/**
 * Chart of spectra over wavelength, or over the number of the band where wavelengths are not known. Bad bands are left
 * out.
 */
export function SpectrumChart({
  title,
  spectra,
  raster: { wavelengths, goodBands },
}: {
  readonly title: string;
  readonly spectra: readonly Spectrum[];
  readonly raster: Pick<RasterInfo, 'wavelengths' | 'goodBands'>;
}): JSX.Element | null {
  const place = (band: number): number => wavelengths[band] ?? band + 1;
  const isGood = (_: number, band: number): boolean => goodBands[band] !== false;
  const lines = spectra.map(({ name, color, values, deviations }): Line => {
    const bands = values.map((_, band) => band).filter(isGood);
    return {
      name,
      color,
      points: bands.map((band) => [place(band), values[band]!]),
      ...(deviations && {
        spread: bands.map((band) => [
          place(band),
          values[band]! - deviations[band]!,
          values[band]! + deviations[band]!,
        ]),
      }),
    };
  });
  return <LineChart {...{ title, lines }} across={wavelengths.length > 0 ? 'wavelength in nm' : 'band'} up="value" />;
}
