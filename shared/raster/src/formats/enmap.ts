/**
 * EnMAP L2A surface reflectance ("EnMAP HSI Level 1B, 1C and 2A Product Specification", DLR): a GeoTIFF of all bands,
 * and an XML file that tells their wavelengths, gains and quality. Either is opened by the other's name, in any case.
 */
import { failure } from '@hyperswap/errors';
import type { RasterFormat } from '../raster-format.js';
import type { RasterInfo } from '../raster-info.js';
import type { RandomAccess } from '../source/random-access.js';
import { openTiff } from './tiff.js';

const maximumMetadataBytes = 64 * 1024 ** 2;
const imageName = /-SPECTRAL_IMAGE(_COG)?\.TIFF?$/i;
const metadataName = /-METADATA\.XML$/i;
/** Mean of bands without any data. */
const emptyMean = -1_000_000;

export const enmapFormat: RasterFormat = {
  name: 'EnMAP L2A',
  sniff: (_, name, beside) => partnerOf(name, beside) !== undefined,
  open: async (source, options) => {
    const partner = await source.sibling(partnerOf(source.name, await source.siblings())!);
    const [image, metadata] = metadataName.test(source.name) ? [partner, source] : [source, partner];
    try {
      const raster = await openTiff(image, options);
      const info = { ...raster.info, ...(await readMetadata(metadata, raster.info)) };
      return {
        ...raster,
        info,
        close: async () => {
          await raster.close();
          await metadata.close();
        },
      };
    } catch (error) {
      await partner.close();
      throw error;
    }
  },
};

/** Name of the image of a metadata file among the files beside it, or of the metadata of an image. */
function partnerOf(name: string, beside: readonly string[]): string | undefined {
  const [own, others] = metadataName.test(name) ? [metadataName, imageName] : [imageName, metadataName];
  if (!own.test(name)) return undefined;
  const scene = name.replace(own, '').toLowerCase();
  return beside.find((other) => others.test(other) && other.replace(others, '').toLowerCase() === scene);
}

async function readMetadata(source: RandomAccess, { bands, nodata }: RasterInfo): Promise<Partial<RasterInfo>> {
  const invalid = (reason: string): Error => failure('FILE_FORMAT', { file: source.name, expected: 'EnMAP', reason });
  if (source.size > maximumMetadataBytes) throw invalid(`it has more than ${maximumMetadataBytes} bytes`);
  const xml = Buffer.from(await source.read(0, source.size)).toString('utf8');
  const described = elements(section(section(xml, 'specific'), 'bandCharacterisation'));
  if (described.length !== bands) throw invalid(`it describes ${described.length} bands, the image has ${bands}`);
  const numbers = (name: string): number[] | undefined => {
    const values = described.map((band) => Number.parseFloat(section(band, name)));
    return values.every(Number.isFinite) ? values : undefined;
  };
  const wavelengths = numbers('wavelengthCenterOfBand');
  if (wavelengths === undefined) throw invalid('it does not have the wavelength of every band');
  const [gains, offsets] = [numbers('GainOfBand'), numbers('OffsetOfBand')];
  if (gains?.some((gain) => gain !== gains[0]) || offsets?.some((offset) => offset !== offsets[0])) {
    throw invalid('its bands have different gains or offsets, which are not read');
  }
  const statistics = elements(section(section(xml, 'product'), 'bandStatistics'));
  const isEmpty = (band: string | undefined): boolean =>
    band !== undefined &&
    Number.parseFloat(section(band, 'mean')) <= emptyMean &&
    Number.parseFloat(section(band, 'stdDeviation')) === 0;
  const background = Number.parseFloat(section(section(xml, 'specific'), 'backgroundValue'));
  return {
    wavelengths,
    fullWidths: numbers('FWHMOfBand'),
    ...(gains && { scale: gains[0] }),
    ...(offsets && { offset: offsets[0] }),
    nodata: Number.isFinite(background) ? background : nodata,
    ...(statistics.length === bands && { goodBands: statistics.map((band) => !isEmpty(band)) }),
  };
}

/** Content of the first element of a name; empty when there is none. */
function section(xml: string, name: string): string {
  const start = new RegExp(`<${name}(?:\\s[^>]*)?>`).exec(xml);
  if (start === null) return '';
  const from = start.index + start[0].length;
  const end = xml.indexOf(`</${name}>`, from);
  return end < 0 ? '' : xml.slice(from, end);
}

/** Contents of the `bandID` elements, by their number. */
function elements(xml: string): string[] {
  return [...xml.matchAll(/<bandID\s+number="(\d+)"[^>]*>([\s\S]*?)<\/bandID>/g)]
    .map(([, number, content]) => ({ number: Number(number), content: content! }))
    .sort((a, b) => a.number - b.number)
    .map(({ content }) => content);
}
