/**
 * Regions of interest of ENVI: the XML files of ENVI 5 ("ROI files", NV5) with polygons and points, and the text that
 * "Output ROIs to ASCII" writes, one pixel a line. The binary files of ENVI Classic are not documented; ENVI writes
 * them as XML.
 */
import { failure } from '@hyperswap/errors';
import { attributesOf, elementsOf, textOf } from '../../xml.js';
import type { Feature, FeatureCollection, Position } from './feature.js';

const title = /^\s*;\s*ENVI Output of ROIs/i;
const maximumFeatures = 5_000_000;

/** Tells regions of interest as XML or text. */
export function isEnviRoi(head: Uint8Array): boolean {
  const text = Buffer.from(head)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  return title.test(text) || /^\s*(<\?xml[^>]*\?>\s*)?(<!--[\s\S]*?-->\s*)?<RegionsOfInterest[\s>]/.test(text);
}

/** Reads regions; each names a class. @throws LABELS_VALUES naming the region or line */
export function parseEnviRoi(file: string, bytes: Uint8Array): FeatureCollection {
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: file, reason });
  const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '');
  return title.test(text) ? parseText(text, invalid) : parseXml(text, invalid);
}

interface Region {
  readonly name: string;
  readonly color: number | undefined;
}

function parseXml(text: string, invalid: (reason: string) => Error): FeatureCollection {
  const features: Feature[] = [];
  const classes: Region[] = [];
  const systems = new Set<string>();
  for (const { attributes, content } of elementsOf(text, 'Region')) {
    const { name = '', color } = attributesOf(attributes);
    const fail = (reason: string): Error =>
      invalid(`region ${name === '' ? String(classes.length + 1) : name} ${reason}`);
    if (name === '') throw fail('has no name');
    classes.push({ name, color: colorOf(color?.split(',')) });
    for (const { content: geometry } of elementsOf(content, 'GeometryDef')) {
      const system = elementsOf(geometry, 'CoordSysStr').map((found) => textOf(found.content).trim())[0] ?? '';
      systems.add(/^(none)?$/i.test(system) ? '' : system);
      const lists = (xml: string): Position[][] =>
        elementsOf(xml, 'Coordinates').map((found) => positionsOf(found.content, fail));
      const polygons = elementsOf(geometry, 'Polygon').map((polygon) => lists(polygon.content));
      const points = ['Point', 'MultiPoint'].flatMap((kind) =>
        elementsOf(geometry, kind).flatMap((point) => lists(point.content).flat()),
      );
      if (polygons.length === 0 && points.length === 0)
        throw fail('has a geometry that is neither polygons nor points');
      const properties = { name };
      if (polygons.length > 0) features.push({ properties, shape: { kind: 'polygons', polygons } });
      if (points.length > 0) features.push({ properties, shape: { kind: 'points', points } });
    }
  }
  if (classes.length === 0) throw invalid('it holds no region');
  if (systems.size > 1) throw invalid('its regions have different reference systems');
  const [wkt = ''] = systems;
  return { features, crs: wkt === '' ? 'pixels' : { wkt }, labelProperty: 'name', classes };
}

function positionsOf(text: string, fail: (reason: string) => Error): Position[] {
  const numbers = text
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  if (numbers.length < 2 || numbers.length % 2 === 1 || !numbers.every(Number.isFinite)) {
    throw fail('has coordinates that are no pairs of numbers');
  }
  return Array.from(
    { length: numbers.length / 2 },
    (_, index) => [numbers[2 * index]!, numbers[2 * index + 1]!] as const,
  );
}

function parseText(text: string, invalid: (reason: string) => Error): FeatureCollection {
  const regions: { name: string; color: number | undefined; count: number }[] = [];
  const points: Position[] = [];
  text.split(/\r\n|\n|\r/).forEach((line, index) => {
    const [, key, value = ''] = /^\s*;\s*ROI (name|rgb value|npts):\s*(.*?)\s*$/i.exec(line) ?? [];
    if (key?.toLowerCase() === 'name') regions.push({ name: value, color: undefined, count: 0 });
    const region = regions.at(-1);
    if (key?.toLowerCase() === 'rgb value' && region) region.color = colorOf(value.replace(/[{}]/g, '').split(','));
    if (key?.toLowerCase() === 'npts' && region) region.count = Number(value);
    if (line.trim() === '' || line.trimStart().startsWith(';')) return;
    const [id, x, y] = line
      .trim()
      .split(/[\s,]+/)
      .map(Number);
    if (![id, x, y].every(Number.isFinite)) throw invalid(`line ${index + 1} is no "ID X Y"`);
    if (points.length === maximumFeatures) throw invalid(`it has more than ${maximumFeatures} pixels`);
    // ENVI counts pixels from 1.
    points.push([x! - 0.5, y! - 0.5]);
  });
  const total = regions.reduce((sum, { count }) => sum + count, 0);
  if (regions.length === 0 || total !== points.length) {
    throw invalid(`its regions claim ${total} pixels, it lists ${points.length}`);
  }
  let first = 0;
  const features = regions.map(({ name, count }): Feature => {
    const own = points.slice(first, (first += count));
    return { properties: { name }, shape: own.length === 0 ? undefined : { kind: 'points', points: own } };
  });
  return { features, crs: 'pixels', labelProperty: 'name', classes: regions };
}

function colorOf(channels: readonly string[] | undefined): number | undefined {
  const numbers = channels?.map(Number) ?? [];
  const isColor =
    numbers.length === 3 && numbers.every((value) => Number.isInteger(value) && value >= 0 && value < 256);
  return isColor ? (numbers[0]! << 16) | (numbers[1]! << 8) | numbers[2]! : undefined;
}
