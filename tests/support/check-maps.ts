/** Checks of a map's files by GDAL (rasterio, pyogrio), rio-cogeo, pystac and shapely. */
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
  /** Value, name, red, green, blue and pixels of each class. */
  readonly attributes: readonly (readonly (number | string)[])[];
  /** Red, green, blue and opacity of the values from 0 on. */
  readonly colors: readonly (readonly number[])[] | null;
  /** `[bands, height, width]` */
  readonly values: readonly (readonly (readonly number[])[])[];
  /** The same of each overview, the finest first. */
  readonly overviews: readonly FoundRaster['values'][];
  /** Result of rio-cogeo; only for TIFF files. */
  readonly cog?: { readonly valid: boolean; readonly errors: readonly string[]; readonly warnings: readonly string[] };
}

export interface FoundLayer {
  /** Values of the classes where the polygons lie, burnt by GDAL. */
  readonly values: readonly (readonly number[])[];
  readonly valid: boolean;
  /** The reference system is that of `labels.tif`. */
  readonly sameCrs: boolean;
  readonly epsg: number | null;
  /** Area of all in the unit of the reference system. */
  readonly area: number;
  /** Columns of the first polygon. */
  readonly columns: Readonly<Record<string, string>>;
  readonly names: readonly string[];
}

export interface FoundMap {
  readonly rasters: Readonly<Record<string, FoundRaster>>;
  /** Schemas that `item.json` fits. */
  readonly schemas?: readonly string[];
  /** Polygons in the reference system of the map, by the name of their file. */
  readonly layers: Readonly<Record<string, FoundLayer>>;
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
