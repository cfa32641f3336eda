/** Options of the commands that write maps. */
import { Option, type Command } from 'commander';
import { smoothing, smoothingReach, wholeNumber } from '../commands/options.js';
import { failure } from '@hyperswap/errors';
import type { MapFileOptions } from './write-map-files.js';
import { polygonFormats, type PolygonFormat } from './write-polygons.js';

export interface MapFlags {
  readonly smooth: string;
  readonly probabilities?: boolean;
  readonly polygons?: string;
  readonly polygonFormat: PolygonFormat;
  readonly format: 'tif' | 'envi';
}

/** Files for the folder of `--out`. */
export const outContents =
  'folder for labels.tif and confidence.tif (Cloud Optimized GeoTIFF), labels.qml for QGIS, map.png, report.html, map.json and item.json (STAC)';

/** Adds the options to a command. */
export function addMapOptions(command: Command): Command {
  return command
    .option('--smooth <pixels>', smoothing, '0')
    .option('--probabilities', 'also write probabilities.tif, one band a class')
    .option('--polygons <pixels>', 'also write the regions as polygons, without regions of fewer pixels')
    .addOption(
      new Option('--polygon-format <format>', 'geojson: in longitude and latitude; gpkg, shp: in the scene’s system')
        .choices(polygonFormats)
        .default('geojson'),
    )
    .addOption(
      new Option('--format <format>', 'envi: also write an ENVI classification')
        .choices(['tif', 'envi'])
        .default('tif'),
    );
}

/** Reads the options. @throws FIELD_INVALID */
export function mapOptions({
  smooth,
  probabilities = false,
  polygons,
  polygonFormat,
  format,
}: MapFlags): MapFileOptions & {
  readonly reach: number;
} {
  const minimum = polygons === undefined ? undefined : wholeNumber('--polygons', polygons);
  if (minimum === 0) throw failure('FIELD_INVALID', { field: '--polygons', reason: 'a region has at least 1 pixel' });
  return { reach: smoothingReach(smooth), probabilities, polygons: minimum, polygonFormat, envi: format === 'envi' };
}
