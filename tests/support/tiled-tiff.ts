/** TIFFs in tiles, of sizes that no fixture has. */
import { deflateSync } from 'node:zlib';

export interface TiledImage {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly tileHeight: number;
  readonly tileWidth: number;
  /** Each tile holds one band. */
  readonly planar: boolean;
}

/** Returns a little-endian TIFF of uint16, compressed by deflate. @param value of a pixel in a band */
export function tiledTiff(image: TiledImage, value: (row: number, column: number, band: number) => number): Buffer {
  const { height, width, bands, tileHeight, tileWidth, planar } = image;
  const [rows, columns] = [Math.ceil(height / tileHeight), Math.ceil(width / tileWidth)];
  const samples = planar ? 1 : bands;
  const tiles = Array.from({ length: rows * columns * (planar ? bands : 1) }, (_, index) => {
    const band = Math.floor(index / (rows * columns));
    const [top, left] = [(Math.floor(index / columns) % rows) * tileHeight, (index % columns) * tileWidth];
    const values = new Uint16Array(tileHeight * tileWidth * samples);
    for (let i = 0; i < values.length; i++) {
      const pixel = Math.floor(i / samples);
      values[i] = value(top + Math.floor(pixel / tileWidth), left + (pixel % tileWidth), planar ? band : i % samples);
    }
    return deflateSync(Buffer.from(values.buffer), { level: 1 });
  });
  const count = tiles.length;
  // Header, directory, and the two lists of the tiles' places and sizes.
  const fields: [tag: number, type: number, count: number, value: number][] = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 1, 16],
    [259, 3, 1, 8],
    [262, 3, 1, 1],
    [277, 3, 1, bands],
    [284, 3, 1, planar ? 2 : 1],
    [322, 4, 1, tileWidth],
    [323, 4, 1, tileHeight],
    [324, 4, count, 0],
    [325, 4, count, 0],
  ];
  const lists = 8 + 2 + fields.length * 12 + 4;
  const head = Buffer.alloc(lists + 8 * count);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(fields.length, 8);
  fields.forEach(([tag, type, items, own], index) => {
    const at = 10 + 12 * index;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(items, at + 4);
    if (tag === 324) head.writeUInt32LE(count === 1 ? head.length : lists, at + 8);
    else if (tag === 325) head.writeUInt32LE(count === 1 ? tiles[0]!.length : lists + 4 * count, at + 8);
    else head.writeUInt32LE(own, at + 8);
  });
  let place = head.length;
  tiles.forEach((tile, index) => {
    head.writeUInt32LE(place, lists + 4 * index);
    head.writeUInt32LE(tile.length, lists + 4 * (count + index));
    place += tile.length;
  });
  return Buffer.concat([head, ...tiles]);
}
