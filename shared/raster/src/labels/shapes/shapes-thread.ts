/** A thread that reads shapes and tells the pixels they hold. */
import { parentPort, workerData } from 'node:worker_threads';
import { serializeError } from '@hyperswap/errors';
import { burnShapes, type ShapesOrder } from './burn-shapes.js';

try {
  const answer = await burnShapes(workerData as ShapesOrder);
  parentPort!.postMessage({ answer }, [answer.pixels.buffer]);
} catch (error) {
  parentPort!.postMessage({ error: serializeError(error) });
}
