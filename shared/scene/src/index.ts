export { maximumHalo, maximumTileSide } from './tile-limits.js';
export { orientationCount, orientedOffsets, writePatchIndices, type PatchPlace } from './patch.js';
export { fitPca } from './prepare/fit-pca.js';
export { projectPixels, type Pca } from './prepare/pca.js';
export { componentStatistics, type ComponentStatistics } from './prepare/statistics.js';
export { type SceneManifest } from './prepared/manifest.js';
export { listScenes, PreparedScene, readManifest } from './prepared/prepared-scene.js';
export { deleteScene, writeScene, type PreparationContext, type SceneToPrepare } from './prepared/write-scene.js';
export { simulateScene, type SimulatedScene } from './simulate.js';
