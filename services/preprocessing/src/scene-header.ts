import { failure, validateName } from '@hyperswap/errors';
import { checkClasses, completeClasses } from '@hyperswap/map';
import {
  PixelType,
  Reduction,
  Retention,
  type Georeference,
  type LookupTable,
  type PrepareSceneHeader,
  type RasterInfo,
} from '@hyperswap/proto';
import { requireKnown } from '@hyperswap/rpc';
import {
  arraysPrefix,
  sceneLayout,
  type RasterDescription,
  type SceneLayout,
  type StoredType,
  type UploadedScene,
} from '@hyperswap/scene';

/** Spectral components that SpectralGPT takes. */
const components = 12;
const maximumWidth = 65_536;
const maximumHeight = 1_048_576;
/** The PCA takes the cube of it in time, and the square in memory. */
const maximumBands = 2048;
/** Bytes of the rows of one message. */
export const maximumRowBytes = 16 * 1024 * 1024;
const maximumLabelMaps = 16;
const maximumAttribution = 2000;
const maximumWkt = 16_384;
/** Cells of a lookup table: maps that it makes are kept in memory by clients. */
const maximumCells = 2 ** 28;
const cellBytes = 4;

/** Type of values as they travel. */
export interface SentType {
  readonly name: RasterDescription['pixelType'];
  readonly bytes: number;
  /** Type as which they are stored. */
  readonly stored: StoredType;
}

const sentTypes = new Map<PixelType, SentType>([
  [PixelType.PIXEL_TYPE_UINT8, { name: 'uint8', bytes: 1, stored: 'uint8' }],
  [PixelType.PIXEL_TYPE_UINT16, { name: 'uint16', bytes: 2, stored: 'uint16' }],
  [PixelType.PIXEL_TYPE_INT16, { name: 'int16', bytes: 2, stored: 'int16' }],
  [PixelType.PIXEL_TYPE_UINT32, { name: 'uint32', bytes: 4, stored: 'float32' }],
  [PixelType.PIXEL_TYPE_INT32, { name: 'int32', bytes: 4, stored: 'float32' }],
  [PixelType.PIXEL_TYPE_FLOAT32, { name: 'float32', bytes: 4, stored: 'float32' }],
  [PixelType.PIXEL_TYPE_FLOAT64, { name: 'float64', bytes: 8, stored: 'float32' }],
]);

/** Type of values in the contract, by its name here. */
export function pixelTypeOf(name: RasterDescription['pixelType']): PixelType {
  for (const [type, sent] of sentTypes) if (sent.name === name) return type;
  return PixelType.PIXEL_TYPE_UNSPECIFIED;
}

/** Header that was checked. */
export interface CheckedHeader {
  readonly layout: SceneLayout;
  readonly sent: SentType;
  /** Bytes of a row of pixels as it travels. */
  readonly sentRowBytes: number;
}

/**
 * Checks all that a header says, before anything is stored.
 *
 * @param maximumBytes that pixels and labels may have together
 * @throws FIELD_INVALID, NAME_INVALID, CLASSES_INVALID, TOO_FEW_BANDS
 */
export function checkHeader(header: PrepareSceneHeader, maximumBytes: number): CheckedHeader {
  validateName('Scene name', header.name);
  const { raster } = header;
  if (raster === undefined) throw invalid('header.raster', 'it is missing');
  const sent = sentTypes.get(raster.pixelType);
  if (sent === undefined) throw invalid('header.raster.pixel_type', 'it is missing or unknown');
  const { height, width, bands } = raster;
  requireSize('height', height, maximumHeight);
  requireSize('width', width, maximumWidth);
  requireSize('bands', bands, maximumBands);
  const sentRowBytes = width * bands * sent.bytes;
  if (sentRowBytes > maximumRowBytes) {
    throw invalid('header.raster', `a row has ${sentRowBytes} bytes, more than the ${maximumRowBytes} of a message`);
  }
  const { lookupTable } = header;
  checkLookupTable(lookupTable);
  const cells = lookupTable === undefined ? 0 : lookupTable.height * lookupTable.width;
  const bytes = height * (sentRowBytes + width * header.labelMaps.length) + cellBytes * cells;
  if (bytes > maximumBytes) {
    const reason = `it has ${bytes} bytes, more than the ${maximumBytes} allowed (HYPERSWAP_MAXIMUM_SCENE_BYTES)`;
    throw invalid('header.raster', reason);
  }
  requireKnown(Retention, header.retention, 'header.retention');
  requireKnown(Reduction, header.reduction, 'header.reduction');
  checkBands(header.name, raster, header.reduction);
  checkScaling(raster);
  checkGeoreference('header.raster', raster.georeference);
  checkLabelMaps(header.labelMaps);
  if (header.pcaOf !== '') {
    validateName('Scene name', header.pcaOf);
    if (header.reduction === Reduction.REDUCTION_NONE)
      throw invalid('header.pca_of', 'there is no PCA with the reduction "none"');
  }
  checkClasses(header.classes);
  if (header.attribution.length > maximumAttribution) {
    throw invalid('header.attribution', `it has more than ${maximumAttribution} characters`);
  }
  return { layout: sceneLayout({ height, width, bands, type: sent.stored }), sent, sentRowBytes };
}

/**
 * Returns the scene that a header describes.
 *
 * @param id of the upload
 * @param objects beginning of the keys of its job's objects
 */
export function toUploadedScene(header: PrepareSceneHeader, id: string, objects: string): UploadedScene {
  const raster = header.raster!;
  const { name: pixelType, stored } = sentTypes.get(raster.pixelType)!;
  const { height, width, bands, wavelengths, fullWidths, goodBands, nodata, zeroIsNodata, scale, offset } = raster;
  return {
    name: header.name,
    layout: sceneLayout({ height, width, bands, type: stored }),
    raster: {
      pixelType,
      wavelengths: [...wavelengths],
      fullWidths: [...fullWidths],
      goodBands: [...goodBands],
      nodata,
      zeroIsNodata,
      scale,
      offset,
      georeference: raster.georeference && describeGeoreference(raster.georeference),
    },
    labelMaps: [...header.labelMaps],
    lookupTable: header.lookupTable && {
      height: header.lookupTable.height,
      width: header.lookupTable.width,
      georeference: describeGeoreference(header.lookupTable.georeference!),
    },
    classes: completeClasses(header.classes, header.classes.length),
    attribution: header.attribution,
    components,
    reduction: header.reduction === Reduction.REDUCTION_NONE ? 'none' : 'pca',
    pcaOf: header.pcaOf === '' ? undefined : header.pcaOf,
    replace: header.retention === Retention.RETENTION_REPLACE,
    arrays: arraysPrefix(header.name, id),
    labels: labelsPrefix(objects),
  };
}

/** Returns where label maps are as they were sent. @param objects beginning of the keys of the job's objects */
export function labelsPrefix(objects: string): string {
  return `${objects}labels`;
}

function requireSize(field: string, size: number, most: number): void {
  if (size >= 1 && size <= most) return;
  throw invalid(`header.raster.${field}`, `${size} is not from 1 to ${most}`);
}

function checkBands(scene: string, raster: RasterInfo, reduction: Reduction): void {
  const { bands, goodBands } = raster;
  for (const [field, list] of [
    ['wavelengths', raster.wavelengths],
    ['full_widths', raster.fullWidths],
    ['good_bands', goodBands],
  ] as const) {
    if (list.length !== 0 && list.length !== bands) {
      throw invalid(
        `header.raster.${field}`,
        `it has ${list.length} values for ${bands} bands: give one a band, or none`,
      );
    }
  }
  for (const [field, list] of [
    ['wavelengths', raster.wavelengths],
    ['full_widths', raster.fullWidths],
  ] as const) {
    const place = list.findIndex((value) => !(value > 0 && Number.isFinite(value)));
    if (place >= 0)
      throw invalid(`header.raster.${field}`, `${list[place]} of band ${place} is no length in nanometres`);
  }
  const good = goodBands.length === 0 ? bands : goodBands.filter(Boolean).length;
  if (reduction === Reduction.REDUCTION_NONE) {
    if (bands === components && good === components) return;
    const reason = `"none" needs a scene of exactly ${components} bands, all good; this one has ${bands}, ${good} of them good`;
    throw invalid('header.reduction', reason);
  }
  if (good < components) throw failure('TOO_FEW_BANDS', { scene, bands: good, components });
}

function checkScaling({ scale, offset }: RasterInfo): void {
  if (scale !== undefined && (!Number.isFinite(scale) || scale === 0)) {
    throw invalid('header.raster.scale', `${scale} is no factor`);
  }
  if (offset !== undefined && !Number.isFinite(offset)) throw invalid('header.raster.offset', `${offset} is no number`);
}

function describeGeoreference(given: Georeference): NonNullable<RasterDescription['georeference']> {
  return { ...given, transform: [...given.transform] };
}

function checkLookupTable(table: LookupTable | undefined): void {
  if (table === undefined) return;
  const { height, width, georeference } = table;
  if (height < 1 || width < 1 || width > maximumWidth || height * width > maximumCells) {
    const reason = `its map has ${height} × ${width} cells; at most ${maximumCells} are allowed, ${maximumWidth} a row`;
    throw invalid('header.lookup_table', reason);
  }
  if (georeference === undefined) throw invalid('header.lookup_table.georeference', 'it is missing');
  checkGeoreference('header.lookup_table', georeference);
}

function checkGeoreference(field: string, georeference: Georeference | undefined): void {
  if (georeference === undefined) return;
  const { crsWkt, transform } = georeference;
  if (crsWkt.length > maximumWkt) {
    throw invalid(`${field}.georeference.crs_wkt`, `it has more than ${maximumWkt} characters`);
  }
  if (transform.length !== 6 || !transform.every((value) => Number.isFinite(value))) {
    throw invalid(`${field}.georeference.transform`, 'it must be six numbers');
  }
}

function checkLabelMaps(names: readonly string[]): void {
  if (names.length > maximumLabelMaps) {
    throw invalid('header.label_maps', `they are ${names.length}, more than ${maximumLabelMaps}`);
  }
  for (const [place, name] of names.entries()) {
    validateName('Label map name', name);
    if (name === 'zarr.json') throw invalid('header.label_maps', 'zarr.json is the name of another object');
    if (names.indexOf(name) < place) throw invalid('header.label_maps', `${name} is named twice`);
  }
}

function invalid(field: string, reason: string): Error {
  return failure('FIELD_INVALID', { field, reason });
}
