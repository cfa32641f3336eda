/**
 * Loaded before the program of a process with `--import`: writes its pauses to the file that `PAUSES_FILE` names, a
 * JSON object a line.
 */
import { openSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { watchPauses } from './pause-probe.js';

/** Milliseconds of the shortest pause that is worth a line. */
const shortest = 10;

const { PAUSES_FILE: file } = process.env;
if (isMainThread && file !== undefined) {
  const handle = openSync(file, 'a');
  watchPauses(({ computed, elapsed }) => {
    if (elapsed >= shortest) writeSync(handle, `${JSON.stringify({ endedAt: Date.now(), computed, elapsed })}\n`);
  });
}
