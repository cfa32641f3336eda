/** Several NumPy arrays in a zip archive, written by `numpy.savez` or `numpy.savez_compressed`. */
import { failure } from '@hyperswap/errors';
import { arrayRaster } from '../arrays/array-raster.js';
import type { ArrayDescription } from '../arrays/array-reader.js';
import { bytesOf, elementCount } from '../array.js';
import { ContiguousArray } from '../arrays/contiguous-array.js';
import type { RasterFormat } from '../raster-format.js';
import type { RandomAccess } from '../source/random-access.js';
import { isZip, listZip, type ZipEntry } from '../source/zip.js';
import { readNpyHeader } from './npy.js';

/** First bytes of an array: more than an ordinary header has. */
const headBytes = 4096;
const maximumArrays = 1000;

export const npzFormat: RasterFormat = {
  name: 'NumPy .npz',
  sniff: isZip,
  open: async (source, options) => {
    const entries = (await listZip(source)).filter(({ name }) => name.endsWith('.npy'));
    if (entries.length === 0 || entries.length > maximumArrays) {
      const reason = `it is a zip archive of ${entries.length} .npy arrays; 1 to ${maximumArrays} are read`;
      throw failure('FILE_FORMAT', { file: source.name, expected: 'NumPy', reason });
    }
    const arrays = await Promise.all(entries.map(describe));
    let opened: RandomAccess | undefined;
    const open = async (wanted: string): Promise<ContiguousArray> => {
      const entry = entries[arrays.findIndex(({ name }) => name === wanted)]!;
      opened = await entry.open();
      const head = await opened.read(0, Math.min(headBytes, entry.size));
      const header = readNpyHeader(source.name, head, entry.size);
      if (header.dataStart + elementCount(header.shape) * bytesOf(header.type) > opened.size) {
        const reason = `its array ${wanted} claims more than its compressed bytes can hold`;
        throw failure('FILE_FORMAT', { file: source.name, expected: 'NumPy', reason });
      }
      return new ContiguousArray(opened, header.dataStart, header.shape, header.type, header);
    };
    return arrayRaster(source, { arrays, open, close: async () => opened?.close() }, options);
  },
};

async function describe(entry: ZipEntry): Promise<ArrayDescription> {
  const name = entry.name.slice(0, -'.npy'.length);
  let source: RandomAccess | undefined;
  try {
    source = await entry.open();
    const { shape, type } = readNpyHeader(
      entry.name,
      await source.read(0, Math.min(headBytes, entry.size)),
      entry.size,
    );
    return { name, shape, type };
  } catch {
    // Arrays of objects or text stand beside the others in such archives.
    return { name, shape: [], type: undefined, note: 'not readable as numbers' };
  } finally {
    await source?.close();
  }
}
