import { failure } from '@hyperswap/errors';
import type { RasterInfo } from '@hyperswap/proto';

/** Wavelengths in nanometres that are drawn as red, green and blue. */
const wanted = {
  /** Red, green and blue light. */
  true: [650, 550, 470],
  /** Near infrared, red and green: plants are red. */
  false: [860, 650, 550],
} as const;

export type Composite = keyof typeof wanted;

/** Places of the bands where wavelengths are not known, as shares of all bands. */
const spread = [0.75, 0.5, 0.25];

/** Three bands, from 0, and how they were chosen. */
export interface ChosenBands {
  readonly bands: readonly [number, number, number];
  readonly reason: string;
}

/**
 * Chooses the bands of a picture: those that are named, else the good bands nearest to the wavelengths of a composite,
 * else bands spread over all good ones.
 *
 * @param named three numbers from 1, for example `50,27,17`
 * @throws FIELD_INVALID
 */
export function chooseBands(
  { bands, wavelengths, goodBands }: Pick<RasterInfo, 'bands' | 'wavelengths' | 'goodBands'>,
  composite: Composite,
  named: string | undefined,
): ChosenBands {
  if (named !== undefined) {
    const numbers = named.split(',').map(Number);
    if (numbers.length !== 3 || !numbers.every((band) => Number.isInteger(band) && band >= 1 && band <= bands)) {
      const reason = `${named} is not red, green and blue as three bands from 1 to ${bands}`;
      throw failure('FIELD_INVALID', { field: '--bands', reason });
    }
    return {
      bands: numbers.map((band) => band - 1) as [number, number, number],
      reason: `bands ${numbers.join(', ')}`,
    };
  }
  const good = Array.from({ length: bands }, (_, band) => band).filter((band) => goodBands[band] !== false);
  if (wavelengths.length === 0) {
    const chosen = spread.map((share) => good[Math.floor(share * (good.length - 1))]!) as [number, number, number];
    const numbers = chosen.map((band) => band + 1).join(', ');
    return { bands: chosen, reason: `bands ${numbers}, spread over all, as wavelengths are not known` };
  }
  const chosen = wanted[composite].map((wavelength) =>
    good.reduce((best, band) =>
      Math.abs(wavelengths[band]! - wavelength) < Math.abs(wavelengths[best]! - wavelength) ? band : best,
    ),
  ) as [number, number, number];
  const lengths = chosen.map((band) => `${Math.round(wavelengths[band]!)} nm`).join(', ');
  return { bands: chosen, reason: `${composite} colour: ${lengths}` };
}
