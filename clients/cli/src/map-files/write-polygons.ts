import { failure } from '@hyperswap/errors';
import { mapPolygons, polygonsGeoJson, type MapPlace } from '@hyperswap/map';
import {
  writeGeoPackage,
  writeShapefile,
  type MapClass,
  type OutputFolder,
  type PolygonLayer,
} from '@hyperswap/raster';

/** Formats of polygons. GeoJSON is in longitude and latitude, the others in the reference system of the map. */
export const polygonFormats = ['geojson', 'gpkg', 'shp'] as const;
export type PolygonFormat = (typeof polygonFormats)[number];

/** Files of all formats. */
export const polygonFiles = [
  ...['polygons.geojson', 'polygons.gpkg'],
  ...['shp', 'shx', 'dbf', 'prj', 'cpg'].map((ending) => `polygons.${ending}`),
];

/** Pixels of a map that polygons are made of at most: they take about 6 bytes a pixel of memory. */
const largestPolygonMap = 100_000_000;

export interface PolygonsToWrite {
  readonly labels: Uint8Array;
  readonly width: number;
  readonly classes: readonly MapClass[];
  /** Pixels of the smallest polygon. */
  readonly minimumPixels: number;
  readonly place: MapPlace;
  readonly format: PolygonFormat;
}

/** Writes the polygons of a map. @returns names of the files @throws FILE_UNWRITABLE */
export async function writePolygons(
  folder: OutputFolder,
  { place, format, ...map }: PolygonsToWrite,
): Promise<string[]> {
  const { transform, hectares, description } = place;
  const layer: PolygonLayer = {
    polygons: () => mapPolygons({ ...map, transform, hectares }),
    crs: description,
    hasHectares: hectares !== undefined,
  };
  switch (format) {
    case 'geojson': {
      const file = await folder.create('polygons.geojson');
      for (const text of joined(polygonsGeoJson(layer.polygons(), place.toLongitudeLatitude!))) {
        await file.append(Buffer.from(text));
      }
      return ['polygons.geojson'];
    }
    case 'gpkg':
      await folder.writeBy('polygons.gpkg', (file) => writeGeoPackage(file, layer));
      return ['polygons.gpkg'];
    case 'shp': {
      const [shp, shx, dbf] = [
        await folder.create('polygons.shp'),
        await folder.create('polygons.shx'),
        await folder.create('polygons.dbf'),
      ];
      await writeShapefile({ shp, shx, dbf }, layer);
      await folder.write('polygons.cpg', 'UTF-8');
      const wkt = description?.wkt;
      if (wkt !== undefined) await folder.write('polygons.prj', wkt);
      return ['shp', 'shx', 'dbf', 'cpg', ...(wkt === undefined ? [] : ['prj'])].map((ending) => `polygons.${ending}`);
    }
  }
}

/** Checks that polygons can be made, before anything long begins. @throws MAP_NOT_PLACED, FIELD_INVALID */
export function checkPolygons({
  polygons,
  polygonFormat,
  size,
  scene,
  place,
}: {
  readonly polygons: number | undefined;
  readonly polygonFormat: PolygonFormat;
  readonly scene: string;
  readonly place: MapPlace | undefined;
  readonly size: { readonly height: number; readonly width: number };
}): void {
  if (polygons === undefined) return;
  if (place === undefined || (polygonFormat === 'geojson' && place.toLongitudeLatitude === undefined)) {
    throw failure('MAP_NOT_PLACED', { scene, crs: place?.description?.name ?? '' });
  }
  const pixels = size.height * size.width;
  if (pixels <= largestPolygonMap) return;
  const reason = `polygons need a map of at most ${largestPolygonMap} pixels; this one has ${pixels}. Leave the option out, and make polygons from labels.tif with a GIS`;
  throw failure('FIELD_INVALID', { field: '--polygons', reason });
}

/** Joins short texts, so that few are written. */
function* joined(texts: Iterable<string>): Generator<string> {
  let parts: string[] = [];
  let length = 0;
  for (const text of texts) {
    parts.push(text);
    length += text.length;
    if (length < 1 << 20) continue;
    yield parts.join('');
    [parts, length] = [[], 0];
  }
  yield parts.join('');
}
