/** Layers of a pixel map: rasters in colours of their values, and pictures. */
import ImageLayer from 'ol/layer/Image.js';
import TileLayer from 'ol/layer/Tile.js';
import ImageSource from 'ol/source/ImageStatic.js';
import ImageTile from 'ol/source/ImageTile.js';
import TileGrid from 'ol/tilegrid/TileGrid.js';
import type { Cog } from './cog.js';
import { extentOf, pixelProjection, type RasterSize } from './pixel-map.js';

/** Returns the colour of each value, as pixels of a canvas. */
export type Palette = () => Uint32Array;

/** Layer of a raster, coloured by a palette that may change: `refresh` of its source redraws it. */
export function rasterLayer(cog: Cog, palette: Palette): TileLayer<ImageTile> {
  const { levelCount } = cog;
  const source = new ImageTile({
    projection: pixelProjection(cog),
    tileGrid: new TileGrid({
      extent: extentOf(cog),
      origin: [0, 0],
      resolutions: Array.from({ length: levelCount }, (_, z) => 2 ** (levelCount - 1 - z)),
      tileSize: 256,
    }),
    wrapX: false,
    interpolate: false,
    transition: 0,
    loader: async (z, x, y) => {
      const { width, height, values } = await cog.tile(levelCount - 1 - z, x, y);
      return paint(values, { width, height }, palette(), 256);
    },
  });
  return new TileLayer({ source });
}

/** Layer of a picture that covers the raster, or a part of it. */
export function pictureLayer(
  picture: HTMLCanvasElement,
  size: RasterSize,
  place: { readonly row: number; readonly column: number } = { row: 0, column: 0 },
): ImageLayer<ImageSource> {
  const { row, column } = place;
  return new ImageLayer({
    source: new ImageSource({
      url: picture.toDataURL('image/png'),
      projection: pixelProjection(size),
      imageExtent: [column, -row - picture.height, column + picture.width, -row],
      interpolate: false,
    }),
  });
}

/** Paints values in colours. @param side of a square canvas; that of the values by default */
export function paint(
  values: ArrayLike<number>,
  { width, height }: RasterSize,
  palette: Uint32Array,
  side?: number,
): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = side ?? width;
  canvas.height = side ?? height;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index++) pixels[index] = palette[values[index]!] ?? 0;
  context.putImageData(image, 0, 0);
  return canvas;
}
