/** Checks of a map's files by GDAL (rasterio), rio-cogeo, pystac and shapely. */
import path from 'node:path';
import { repository } from './fixtures.js';
import { Python } from './python.js';

export interface FoundRaster {
  readonly driver: string;
  readonly epsg: number | null;
  readonly crs: Readonly<Record<string, string | number | boolean>> | null;
  readonly transform: readonly number[];
  readonly nodata: number | null;
  readonly types: readonly string[];
  readonly descriptions: readonly string[];
  readonly scales: readonly number[];
  readonly tags: Readonly<Record<string, string>>;
  /** Names of the values from 0 on. */
  readonly categories: readonly string[];
  /** Red, green, blue and opacity of the values 0 to 3. */
  readonly colors: readonly (readonly number[])[] | null;
  /** `[bands, height, width]` */
  readonly values: readonly (readonly (readonly number[])[])[];
  /** The same of each overview, the finest first. */
  readonly overviews: readonly FoundRaster['values'][];
  /** Result of rio-cogeo; only for TIFF files. */
  readonly cog?: { readonly valid: boolean; readonly errors: readonly string[]; readonly warnings: readonly string[] };
}

export interface FoundMap {
  readonly rasters: Readonly<Record<string, FoundRaster>>;
  /** Schemas that `item.json` fits. */
  readonly schemas?: readonly string[];
  readonly polygons?: {
    /** Classes where the polygons lie, burnt by GDAL. */
    readonly values: readonly (readonly number[])[];
    readonly valid: boolean;
    readonly counterclockwise: boolean;
    readonly holes: number;
  };
}

const parity = path.join(repository, 'tests', 'parity');

/** Python with the reference tools, or the reason why there is none. */
export const mapTools = await Python.with(path.join(parity, 'requirements-maps.txt'));

/** Reads the files of folders. */
export async function checkMaps(...folders: string[]): Promise<FoundMap[]> {
  const program = path.join(parity, 'check_maps.py');
  const schemas = path.join(repository, 'tests', 'fixtures', 'stac');
  return JSON.parse(await (mapTools as Python).run(program, [schemas, ...folders])) as FoundMap[];
}
