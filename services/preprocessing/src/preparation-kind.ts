import type { JobKind } from '@hyperswap/jobs';
import { JobProgress, PrepareSceneHeader, Scene } from '@hyperswap/proto';

/** Preparation of a scene whose rows are in the store. Its id is that of the upload. */
export const preparationKind: JobKind<PrepareSceneHeader, Scene, JobProgress> = {
  name: 'preparation',
  subject: ({ name, raster }) => `${name}, ${raster?.height} × ${raster?.width} × ${raster?.bands}`,
  request: PrepareSceneHeader,
  result: Scene,
  progress: JobProgress,
};
