/** Place on Earth as GeoTIFF keeps it: OGC 19-008r4 (GeoTIFF 1.1). */
import type { AffineTransform } from '../../raster-info.js';
import type { CrsDescription } from '../../crs.js';
import type { TiffField } from './tiff-file.js';

const modelPixelScale = 33550;
const modelTiepoint = 33922;
const modelTransformation = 34264;
const geoKeyDirectory = 34735;
const geoAsciiParameters = 34737;

const keys = {
  modelType: 1024,
  rasterType: 1025,
  citation: 1026,
  geographic: 2048,
  projected: 3072,
  projectedCitation: 3073,
};
const pixelIsArea = 1;
const userDefined = 32767;
/** Characters of a WKT that GDAL reads. */
const longestWkt = 2380;

/**
 * Returns the fields of a place. A reference system without an EPSG code is written as its WKT in the citation, in the
 * form of ESRI's software, which GDAL reads as well.
 */
export function geoFields(transform: AffineTransform | undefined, crs: CrsDescription | undefined): TiffField[] {
  if (transform === undefined) return [];
  return [...transformFields(transform), ...keyFields(crs)];
}

function transformFields([a, b, c, d, e, f]: AffineTransform): TiffField[] {
  if (b === 0 && d === 0 && a > 0 && e < 0) {
    return [
      { tag: modelPixelScale, type: 'double', values: [a, -e, 0] },
      { tag: modelTiepoint, type: 'double', values: [0, 0, 0, c, f, 0] },
    ];
  }
  return [{ tag: modelTransformation, type: 'double', values: [a, b, 0, c, d, e, 0, f, 0, 0, 0, 0, 0, 0, 0, 1] }];
}

function keyFields(crs: CrsDescription | undefined): TiffField[] {
  const values: number[][] = [];
  let text = '';
  const add = (key: number, value: number): void => void values.push([key, 0, 1, value]);
  const addText = (key: number, value: string): void => {
    values.push([key, geoAsciiParameters, value.length + 1, text.length]);
    text += `${value}|`;
  };
  const isCoded = crs?.epsg !== undefined && crs.epsg < userDefined;
  const isGeographic = crs?.kind === 'geographic';
  if (crs !== undefined) add(keys.modelType, isCoded ? (isGeographic ? 2 : 1) : userDefined);
  add(keys.rasterType, pixelIsArea);
  if (crs !== undefined && isCoded) {
    if (isText(crs.name)) addText(keys.citation, crs.name);
    add(isGeographic ? keys.geographic : keys.projected, crs.epsg!);
  } else if (crs?.wkt !== undefined && crs.wkt.length < longestWkt && isText(crs.wkt)) {
    addText(keys.projectedCitation, `ESRI PE String = ${crs.wkt}`);
  }
  const directory = [[1, 1, 1, values.length], ...values].flat();
  return [
    { tag: geoKeyDirectory, type: 'short', values: directory },
    ...(text === '' ? [] : [{ tag: geoAsciiParameters, type: 'ascii', value: text } as const]),
  ];
}

/** Returns true if a text can stand among the others, which "|" ends. */
function isText(text: string): boolean {
  return /^[\x20-\x7b}~]+$/.test(text);
}
