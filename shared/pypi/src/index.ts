export type { PinnedWheel } from './pinned-wheel.js';
export { extractWheel } from './unpack.js';
export { fetchWheel, fileSha256, verifyWheel } from './wheel.js';
