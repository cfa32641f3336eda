/**
 * TIFF, GeoTIFF, BigTIFF and Cloud Optimized GeoTIFF: TIFF 6.0, read here rather than by the library geotiff, which
 * decodes big-endian files with predictors and samples of 12 bits wrongly, and takes what a damaged file claims for
 * true.
 */
import { emptyArray, memoryType, type NumericArray } from '../array.js';
import type { ArrayDescription } from '../arrays/array-reader.js';
import { chooseArray } from '../arrays/choose-array.js';
import type { RasterFormat, ReadOptions } from '../raster-format.js';
import type { RasterClass, RasterInfo, RasterReader } from '../raster-info.js';
import type { RandomAccess } from '../source/random-access.js';
import { requireWindow, type Window } from '../window.js';
import { TiffBlocks } from './tiff/blocks.js';
import { isTiff, readDirectories, tags, type TiffDirectory } from './tiff/directory.js';
import { readBandFacts } from './tiff/gdal-metadata.js';
import { readGeoreference } from './tiff/georeference.js';
import { readImage, type TiffImage } from './tiff/image.js';

const paletteColors = 3;

export const tiffFormat: RasterFormat = { name: 'TIFF', sniff: isTiff, open: openTiff };

/**
 * Opens the image of a file, or a stack of its pages where they are all of one size and type.
 *
 * @throws FILE_FORMAT, VARIABLE_MISSING
 */
export async function openTiff(source: RandomAccess, options: ReadOptions): Promise<RasterReader> {
  const pages: TiffImage[] = [];
  for (const directory of await readDirectories(source)) {
    // Overviews (1) and masks (4) belong to another page.
    const kind = await directory.number(tags.newSubfileType, 0);
    if ((kind & 5) === 0 || pages.length === 0) pages.push(await readImage(source, directory));
  }
  const first = pages[0]!;
  const isStack = pages.every(
    ({ height, width, type }) => height === first.height && width === first.width && type === first.type,
  );
  const variables: ArrayDescription[] = isStack
    ? [
        describe(
          '',
          first,
          pages.reduce((sum, { samples }) => sum + samples, 0),
        ),
      ]
    : pages.map((page, index) => describe(`page${index + 1}`, page, page.samples));
  const chosen = isStack
    ? variables[0]!
    : chooseArray(source.name, { arrays: variables, open: never, close: never }, options);
  const images = isStack ? pages : [pages[variables.indexOf(chosen)]!];
  const image = images[0]!;
  const bands = images.reduce((sum, { samples }) => sum + samples, 0);
  const nodata = parseNodata(await image.directory.text(tags.gdalNodata), image);
  const info: RasterInfo = {
    height: image.height,
    width: image.width,
    bands,
    type: memoryType(image.type),
    nodata,
    ...readBandFacts(await image.directory.text(tags.gdalMetadata), bands),
    ...(await readGeoreference(image.directory)),
    classes: await readPalette(image.directory),
    variables,
    variable: chosen.name,
  };
  const parts = images.flatMap((page) => {
    const blocks = new TiffBlocks(source, page, nodata ?? 0);
    return Array.from({ length: page.samples }, (_, sample) => ({ page, blocks, sample }));
  });
  return {
    info,
    readWindow: (window, chosenBands) => readWindow(source.name, info, parts, window, chosenBands),
    close: async () => {
      for (const blocks of new Set(parts.map((part) => part.blocks))) await blocks.close();
      await source.close();
    },
  };
}

function never(): never {
  throw new Error('pages are not opened by name');
}

function describe(name: string, { height, width, type }: TiffImage, bands: number): ArrayDescription {
  return { name, shape: [height, width, bands], type };
}

/** One band: its page, and its place there. */
interface BandPart {
  readonly page: TiffImage;
  readonly blocks: TiffBlocks;
  readonly sample: number;
}

async function readWindow(
  file: string,
  info: RasterInfo,
  parts: readonly BandPart[],
  window: Window,
  chosen?: readonly number[],
): Promise<NumericArray> {
  const { row, column, height, width } = requireWindow(file, info, window);
  const bands = chosen ?? parts.map((_, band) => band);
  const result = emptyArray(info.type, height * width * bands.length);
  // Bands that share blocks are copied together, so that each block is decoded once.
  const groups = new Map<string, { readonly part: BandPart; readonly places: [from: number, to: number][] }>();
  bands.forEach((band, to) => {
    const part = parts[band]!;
    const key = `${parts.findIndex(({ page }) => page === part.page)} ${part.page.planar ? part.sample : ''}`;
    const group = groups.get(key) ?? { part, places: [] };
    groups.set(key, group);
    group.places.push([part.page.planar ? 0 : part.sample, to]);
  });
  for (const { part, places } of groups.values()) {
    const { page, blocks } = part;
    const { blockHeight, blockWidth } = page;
    const columns = Math.ceil(page.width / blockWidth);
    const plane = page.planar ? part.sample * columns * Math.ceil(page.height / blockHeight) : 0;
    for (let y = Math.floor(row / blockHeight); y * blockHeight < row + height; y++) {
      for (let x = Math.floor(column / blockWidth); x * blockWidth < column + width; x++) {
        const [top, left] = [y * blockHeight, x * blockWidth];
        const [from, to] = [Math.max(row, top), Math.min(row + height, top + blockHeight)];
        const [start, end] = [Math.max(column, left), Math.min(column + width, left + blockWidth)];
        const block = await blocks.read(plane + y * columns + x, from - top, to - from);
        for (let r = from; r < to; r++) {
          const source = ((r - top - block.firstRow) * block.width + start - left) * block.samples;
          const target = ((r - row) * width + start - column) * bands.length;
          copyPixels(block.values, source, block.samples, result, target, bands.length, end - start, places);
        }
      }
    }
  }
  return result;
}

function copyPixels(
  values: NumericArray,
  source: number,
  sourceStep: number,
  result: NumericArray,
  target: number,
  targetStep: number,
  count: number,
  places: readonly [from: number, to: number][],
): void {
  if (sourceStep === targetStep && places.length === sourceStep && places.every(([from, to]) => from === to)) {
    result.set(values.subarray(source, source + count * sourceStep), target);
    return;
  }
  for (let pixel = 0; pixel < count; pixel++) {
    for (const [from, to] of places)
      result[target + pixel * targetStep + to] = values[source + pixel * sourceStep + from]!;
  }
}

/** Value of GDAL's tag, as the samples have it: of float32 the nearest. */
function parseNodata(text: string | undefined, { type }: TiffImage): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = /^-?nan$/i.test(text.trim()) ? Number.NaN : Number(text);
  if (Number.isNaN(value) && !/nan/i.test(text)) return undefined;
  return type === 'f4' ? Math.fround(value) : value;
}

/** Colours of a palette (TIFF 6.0, section 5): all reds, then greens, then blues, in 16 bits. */
async function readPalette(directory: TiffDirectory): Promise<RasterClass[] | undefined> {
  if ((await directory.number(tags.photometric, 1)) !== paletteColors) return undefined;
  const map = await directory.numbers(tags.colorMap);
  const size = map.length / 3;
  if (!Number.isInteger(size) || size > 256) return undefined;
  const channel = (index: number, value: number): number => map[index * size + value]! >> 8;
  return Array.from({ length: size }, (_, value) => ({
    value,
    color: (channel(0, value) << 16) | (channel(1, value) << 8) | channel(2, value),
  }));
}
