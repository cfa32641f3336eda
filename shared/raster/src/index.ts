export { elementCount, type GeoTransform, type NumericArray, type RasterArray } from './array.js';
export { readMat5 } from './formats/mat5.js';
export { isNpy, readNpy, readNpyHeader, writeNpy, type NpyHeader } from './formats/npy.js';
export { writePaletteTiff } from './formats/palette-tiff.js';
export { readLabels, toLabels, type LabelMap } from './labels/labels.js';
export { requireFinitePixels, toRawScene, type AxisOrder, type RawScene } from './raw-scene.js';
export { readArray } from './read-array.js';
export { reflect } from './reflect.js';
export { placeWindow, type Window } from './window.js';
