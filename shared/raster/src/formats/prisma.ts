/**
 * PRISMA L2D surface reflectance, HDF5-EOS ("PRISMA Products Specification Document", ASI): two cubes [rows, bands,
 * columns] of 16 bits whose bands run from long to short wavelengths and overlap. Bands are returned by ascending
 * wavelength; of the overlap those of VNIR are kept. Values become reflectance: minimum + value / 65,535 · (maximum −
 * minimum), with the limits of each cube.
 */
import type { RasterInfo, RasterReader } from '../raster-info.js';
import { requireWindow, type Window } from '../window.js';
import type { Hdf5File } from './hdf5/hdf5-file.js';
import type { Hdf5Product } from './hdf5/product.js';

const folder = 'HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields';
const largestValue = 65_535;
/** Metres of a pixel; coordinates of the corners are those of pixels' centres. */
const pixelSize = 30;

/** Band of the product: where it is, and what it is. */
interface Band {
  readonly cube: Cube;
  readonly index: number;
  readonly wavelength: number;
  readonly fullWidth: number;
}

interface Cube {
  readonly path: string;
  readonly minimum: number;
  readonly range: number;
}

export const prismaProduct: Hdf5Product = {
  name: 'PRISMA L2D',
  matches: (file) => file.find(`${folder}/VNIR_Cube`) !== undefined && file.find(`${folder}/SWIR_Cube`) !== undefined,
  open: async (source, file): Promise<RasterReader> => {
    const shape = file.find(`${folder}/VNIR_Cube`)!.shape;
    const other = file.find(`${folder}/SWIR_Cube`)!.shape;
    if (shape.length !== 3 || other.length !== 3 || shape[0] !== other[0] || shape[2] !== other[2]) {
      throw file.invalid(`its cubes [${shape.join(', ')}] and [${other.join(', ')}] do not fit each other`);
    }
    const vnir = await bandsOf(file, 'VNIR', 'Vnir');
    const swir = await bandsOf(file, 'SWIR', 'Swir');
    const longest = Math.max(...vnir.map(({ wavelength }) => wavelength));
    const bands = [...vnir, ...swir.filter(({ wavelength }) => wavelength > longest)].sort(
      (a, b) => a.wavelength - b.wavelength,
    );
    if (bands.length === 0) throw file.invalid('it names no wavelength of any band');
    const info: RasterInfo = {
      height: shape[0]!,
      width: shape[2]!,
      bands: bands.length,
      type: 'f4',
      wavelengths: bands.map(({ wavelength }) => wavelength),
      fullWidths: bands.map(({ fullWidth }) => fullWidth),
      zeroIsNodata: true,
      ...(await placeOf(file)),
      variables: file.datasets.map((dataset) => ({ name: dataset.path, shape: dataset.shape, type: dataset.type })),
      variable: folder,
    };
    return {
      info,
      readWindow: (window, chosen) => readWindow(file, bands, requireWindow(source.name, info, window), chosen),
      close: async () => {
        await file.close();
        await source.close();
      },
    };
  },
};

async function bandsOf(file: Hdf5File, cubeName: 'VNIR' | 'SWIR', name: 'Vnir' | 'Swir'): Promise<Band[]> {
  const [centres, widths, lowest, highest] = [
    `List_Cw_${name}`,
    `List_Fwhm_${name}`,
    `L2Scale${name}Min`,
    `L2Scale${name}Max`,
  ] as const;
  const attributes = await file.attributes('', [centres, widths, lowest, highest]);
  const [wavelengths, fullWidths, minimum, maximum] = [
    attributes[centres],
    attributes[widths],
    attributes[lowest],
    attributes[highest],
  ];
  const path = `${folder}/${cubeName}_Cube`;
  const count = file.find(path)!.shape[1]!;
  if (
    !Array.isArray(wavelengths) ||
    wavelengths.length !== count ||
    typeof minimum !== 'number' ||
    typeof maximum !== 'number'
  ) {
    throw file.invalid(
      `its attributes ${centres}, ${lowest} and ${highest} do not describe the ${count} bands of ${cubeName}_Cube`,
    );
  }
  const cube = { path, minimum, range: maximum - minimum };
  const widthOf = (index: number): number => (Array.isArray(fullWidths) ? ((fullWidths as number[])[index] ?? 0) : 0);
  return (wavelengths as number[])
    .map((wavelength, index) => ({ cube, index, wavelength, fullWidth: widthOf(index) }))
    .filter(({ wavelength }) => wavelength > 0);
}

async function placeOf(file: Hdf5File): Promise<Pick<RasterInfo, 'crs' | 'transform'>> {
  const [code, left, top] = ['Epsg_Code', 'Product_ULcorner_easting', 'Product_ULcorner_northing'] as const;
  const found = await file.attributes('', [code, left, top]);
  const [epsg, easting, northing] = [found[code], found[left], found[top]];
  if (typeof easting !== 'number' || typeof northing !== 'number') return {};
  const half = pixelSize / 2;
  return {
    ...(typeof epsg === 'number' && epsg > 0 && { crs: { epsg } }),
    transform: [pixelSize, 0, easting - half, 0, -pixelSize, northing + half],
  };
}

async function readWindow(
  file: Hdf5File,
  bands: readonly Band[],
  window: Window,
  chosen?: readonly number[],
): Promise<Float32Array> {
  const { row, column, height, width } = window;
  const wanted = chosen === undefined ? bands : chosen.map((band) => bands[band]!);
  const result = new Float32Array(height * width * wanted.length);
  const hasData = new Uint8Array(height * width);
  for (const cube of new Set(wanted.map((band) => band.cube))) {
    const count = file.find(cube.path)!.shape[1]!;
    const values = await file.read(cube.path, [row, 0, column], [height, count, width]);
    wanted.forEach((band, place) => {
      if (band.cube !== cube) return;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const value = values[(y * count + band.index) * width + x]!;
          const pixel = y * width + x;
          if (value !== 0) hasData[pixel] = 1;
          result[pixel * wanted.length + place] = cube.minimum + (value / largestValue) * cube.range;
        }
      }
    });
  }
  // A spectrum of zeros is no data, whatever reflectance 0 stands for.
  hasData.forEach((has, pixel) => {
    if (has === 0) result.fill(0, pixel * wanted.length, (pixel + 1) * wanted.length);
  });
  return result;
}
