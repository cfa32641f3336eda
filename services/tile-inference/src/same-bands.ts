import { failure } from '@hyperswap/errors';
import { describeBands, haveSameBands } from '@hyperswap/raster';
import type { AdmittedAdapter } from './binding-table.js';

/**
 * Refuses pixels of other bands than those that an adapter was trained on, where the wavelengths of both are known.
 *
 * @param pixels that are to be classified, in words
 * @param wavelengths of their bands in nanometres; empty when unknown
 * @throws ADAPTER_WAVELENGTHS with both lists, shortened
 */
export function requireSameBands(
  pixels: string,
  wavelengths: readonly number[],
  { reference, wavelengths: wanted = [] }: Pick<AdmittedAdapter, 'reference' | 'wavelengths'>,
): void {
  if (haveSameBands(wavelengths, wanted)) return;
  const [found, own] = [describeBands(wavelengths), describeBands(wanted)];
  throw failure('ADAPTER_WAVELENGTHS', { adapter: reference, pixels, found, wanted: own });
}
