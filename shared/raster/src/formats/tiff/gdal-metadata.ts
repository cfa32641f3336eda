/**
 * GDAL's metadata in tag 42112: `<GDALMetadata><Item name="…" sample="0" role="…" domain="…">…</Item></GDALMetadata>`.
 */
import { nanometresOf } from '../../spectrum/nanometres.js';

/** Facts of bands; each list has one value a band. */
export interface BandFacts {
  readonly wavelengths?: readonly number[];
  readonly fullWidths?: readonly number[];
  readonly scale?: number;
  readonly offset?: number;
}

/** Characters of the text that are looked at. */
const maximumLength = 8 * 1024 ** 2;

/** Reads facts of bands; those that are not given for every band are left out. */
export function readBandFacts(text: string | undefined, bands: number): BandFacts {
  if (text === undefined || text.length > maximumLength) return {};
  const found = new Map<string, Map<number, string>>();
  for (const [, attributes = '', value = ''] of text.matchAll(/<Item\s([^>]*)>([^<]*)<\/Item>/g)) {
    const name = /name="([^"]*)"/.exec(attributes)?.[1]?.toLowerCase();
    const sample = Number(/sample="(\d+)"/.exec(attributes)?.[1] ?? Number.NaN);
    if (name === undefined || Number.isNaN(sample)) continue;
    const values = found.get(name) ?? new Map<number, string>();
    found.set(name, values.set(sample, value.trim()));
  }
  const numbers = (name: string, factor = 1): number[] | undefined => {
    const values = found.get(name);
    const list = Array.from({ length: bands }, (_, band) => Number.parseFloat(values?.get(band) ?? '') * factor);
    return list.every(Number.isFinite) ? list : undefined;
  };
  const described = Array.from({ length: bands }, (_, band) =>
    Number.parseFloat(/([\d.]+)\s*nm/i.exec(found.get('description')?.get(band) ?? '')?.[1] ?? ''),
  );
  const unit = found.get('wavelength_units')?.get(0) ?? found.get('wavelength_unit')?.get(0);
  const named = numbers('wavelength');
  const wavelengths =
    numbers('central_wavelength_um', 1000) ??
    (named && nanometresOf(named, unit)) ??
    (described.every(Number.isFinite) ? described : undefined);
  const widths = numbers('fwhm');
  const fullWidths = numbers('fwhm_um', 1000) ?? (widths && named && nanometresOf(widths, unit, named));
  const [scales, offsets] = [numbers('scale'), numbers('offset')];
  const same = (list: number[] | undefined): number | undefined =>
    list?.every((value) => value === list[0]) ? list[0] : undefined;
  const [scale, offset] = [same(scales), same(offsets)];
  return {
    ...(wavelengths && { wavelengths }),
    ...(fullWidths && { fullWidths }),
    ...(scale !== undefined && { scale }),
    ...(offset !== undefined && { offset }),
  };
}
