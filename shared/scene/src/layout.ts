/**
 * Shapes in which the arrays of a prepared scene are stored. They follow from the raster alone, so that equal rasters
 * have equal chunks.
 */

/** Type of the bands' values as they are stored; see {@link storedTypes} for the arrays that hold them. */
export type StoredType = 'uint8' | 'uint16' | 'int16' | 'float32';
export type StoredArray = Uint8Array | Uint16Array | Int16Array | Float32Array;

/** Typed arrays of the stored types. All are little-endian, as every platform is that Node runs on with us. */
export const storedTypes = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  float32: Float32Array,
} as const satisfies Record<StoredType, new (buffer: ArrayBuffer) => StoredArray>;

/** Pixels of one chunk of scores, on both axes. */
export const chunkSide = 64;
/** Bytes of a chunk of bands at most, unless a single row is larger. */
const blockBytes = 4 * 1024 * 1024;
/** Pixels of a chunk of the mask or a label map at most, unless 64 rows are more. */
const planePixels = 256 * 1024;

/** Raster of a scene, and how its arrays are cut into chunks of full rows. */
export interface SceneLayout {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly type: StoredType;
  /** Rows of a block, a chunk of `bands`: a power of two, or the height. */
  readonly blockRows: number;
  /** Blocks of the scene. */
  readonly blocks: number;
  /**
   * Rows of a plane, a chunk of `mask` or of a label map: a multiple of the rows of a block and of 64, or the height.
   */
  readonly planeRows: number;
  /** Planes of the scene, or of a label map. */
  readonly planes: number;
}

/** Returns the layout of a raster. */
export function sceneLayout(raster: Pick<SceneLayout, 'height' | 'width' | 'bands' | 'type'>): SceneLayout {
  const { height, width, bands, type } = raster;
  const fitting = Math.max(1, Math.floor(blockBytes / (width * bands * storedTypes[type].BYTES_PER_ELEMENT)));
  const blockRows = fitting >= height ? height : powerOfTwo(fitting);
  const planeRows =
    blockRows === height
      ? height
      : Math.max(chunkSide, blockRows, powerOfTwo(Math.max(1, Math.floor(planePixels / width))));
  return {
    height,
    width,
    bands,
    type,
    blockRows,
    blocks: Math.ceil(height / blockRows),
    planeRows,
    planes: Math.ceil(height / planeRows),
  };
}

/** Returns the rows of a block that are part of the scene; the last block may have fewer than others. */
export function rowsOfBlock({ height, blockRows }: SceneLayout, block: number): number {
  return Math.min(blockRows, height - block * blockRows);
}

/** Returns the rows of a plane that are part of the scene. */
export function rowsOfPlane({ height, planeRows }: SceneLayout, plane: number): number {
  return Math.min(planeRows, height - plane * planeRows);
}

/** Returns the bytes of a block as its chunk holds them, rows beyond the scene included. */
export function bytesOfBlock({ blockRows, width, bands, type }: SceneLayout): number {
  return blockRows * width * bands * storedTypes[type].BYTES_PER_ELEMENT;
}

/** Largest power of two that is at most `value`. */
function powerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
