/** Pixels of a side of a tile's window. With a halo, twelve components fit a message. */
export const maximumTileSide = 512;
/** Pixels around a window: those of the largest patch, 255. */
export const maximumHalo = 127;
