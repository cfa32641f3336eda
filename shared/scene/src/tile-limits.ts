/** Pixels of a side of a tile's window. With a halo, twelve components fit a message. */
export const maximumTileSide = 512;
/** Pixels around a window. Only those within half a patch are used. */
export const maximumHalo = 127;
/** Side of the largest patch of an adapter. Patches are resized to the backbone's image, which is half as large. */
export const maximumPatchSize = 63;
