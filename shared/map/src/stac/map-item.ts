/** STAC item of a map: STAC 1.1.0 with the extensions classification 1.1.0, projection 2.0.0 and processing 1.2.0. */
import type { ClassValues, MapClass } from '@hyperswap/raster';
import type { MapPlace } from '../place.js';
import { stacClasses } from './classes.js';

export interface MapItem {
  readonly id: string;
  readonly title: string;
  /** Time of the classification. */
  readonly made: Date;
  readonly height: number;
  readonly width: number;
  readonly place: MapPlace | undefined;
  readonly classes: readonly MapClass[];
  /** Value of pixels without data, and type of the values, in the raster of the labels. */
  readonly values: Pick<ClassValues, 'nodata' | 'type'>;
  /** Steps that led to the map, in words. */
  readonly lineage: string;
  /** Versions of programs by name. */
  readonly software: Readonly<Record<string, string>>;
  /** Names of the files that are there. */
  readonly files: readonly string[];
}

const cog = 'image/tiff; application=geotiff; profile=cloud-optimized';

/** Files of a map that an item names. */
const assets: Readonly<Record<string, { key: string; title: string; type: string; roles: string[] }>> = {
  'labels.tif': { key: 'labels', title: 'Land cover', type: cog, roles: ['data'] },
  'confidence.tif': { key: 'confidence', title: 'Probability of the class in 255ths', type: cog, roles: ['data'] },
  'probabilities.tif': {
    key: 'probabilities',
    title: 'Probability of each class in 255ths, one band a class',
    type: cog,
    roles: ['data'],
  },
  'polygons.geojson': {
    key: 'polygons',
    title: 'Land cover as polygons',
    type: 'application/geo+json',
    roles: ['data'],
  },
  'polygons.gpkg': {
    key: 'polygons',
    title: 'Land cover as polygons',
    type: 'application/geopackage+sqlite3',
    roles: ['data'],
  },
  'polygons.shp': { key: 'polygons', title: 'Land cover as polygons', type: 'application/vnd.shp', roles: ['data'] },
  'map.png': { key: 'thumbnail', title: 'Picture with legend', type: 'image/png', roles: ['thumbnail', 'overview'] },
  'labels.qml': { key: 'style', title: 'Style for QGIS', type: 'application/xml', roles: ['metadata'] },
  'labels.tif.aux.xml': {
    key: 'categories',
    title: 'Class names for GDAL',
    type: 'application/xml',
    roles: ['metadata'],
  },
  'report.html': { key: 'report', title: 'Report', type: 'text/html', roles: ['metadata'] },
};

/** Returns the item. Without a known reference system it has no geometry. */
export function mapItem(item: MapItem): object {
  const { id, title, made, height, width, place, lineage, software, files } = item;
  const footprint = place && footprintOf(place, height, width);
  return {
    type: 'Feature',
    stac_version: '1.1.0',
    stac_extensions: [
      'https://stac-extensions.github.io/classification/v1.1.0/schema.json',
      'https://stac-extensions.github.io/processing/v1.2.0/schema.json',
      ...(place === undefined ? [] : ['https://stac-extensions.github.io/projection/v2.0.0/schema.json']),
    ],
    id,
    geometry: footprint?.geometry ?? null,
    ...(footprint && { bbox: footprint.bbox }),
    properties: {
      title,
      datetime: made.toISOString(),
      created: made.toISOString(),
      'processing:lineage': lineage,
      'processing:software': software,
      ...(place && projection(place, height, width)),
    },
    links: [],
    assets: Object.fromEntries(
      files.flatMap((file) => {
        const known = assets[file];
        if (known === undefined) return [];
        const { key, ...facts } = known;
        return [[key, { href: `./${file}`, ...facts, ...bandsOf(key, item) }]];
      }),
    ),
  };
}

function bandsOf(key: string, { classes, values }: Pick<MapItem, 'classes' | 'values'>): object {
  if (key === 'labels') {
    return {
      'classification:classes': stacClasses(classes),
      bands: [{ name: 'labels', description: 'Class of each pixel', data_type: values.type, nodata: values.nodata }],
    };
  }
  if (key === 'confidence') return { bands: [{ name: 'confidence', data_type: 'uint8', nodata: 0 }] };
  if (key === 'probabilities') return { bands: classes.map(({ name }) => ({ name, data_type: 'uint8' })) };
  return {};
}

function projection({ description, transform }: MapPlace, height: number, width: number): object {
  return {
    'proj:code': description?.epsg === undefined ? null : `EPSG:${description.epsg}`,
    'proj:shape': [height, width],
    'proj:transform': transform,
  };
}

/** Returns the outline of a map in longitude and latitude. */
function footprintOf(
  { transform, toLongitudeLatitude }: MapPlace,
  height: number,
  width: number,
): { readonly geometry: object; readonly bbox: readonly number[] } | undefined {
  if (toLongitudeLatitude === undefined) return undefined;
  const [a, b, c, d, e, f] = transform;
  const corners = [
    [0, 0],
    [0, height],
    [width, height],
    [width, 0],
  ].map(([x, y]) => toLongitudeLatitude(a * x! + b * y! + c, d * x! + e * y! + f));
  if (!corners.flat().every(Number.isFinite)) return undefined;
  if (a * e - b * d > 0) corners.reverse();
  const axis = (index: 0 | 1): number[] => corners.map((corner) => corner[index]);
  return {
    geometry: { type: 'Polygon', coordinates: [[...corners, corners[0]!]] },
    bbox: [Math.min(...axis(0)), Math.min(...axis(1)), Math.max(...axis(0)), Math.max(...axis(1))],
  };
}
