export { extractWheel, fetchWheel, fileSha256, verifyWheel, type PinnedWheel } from './wheel.js';
