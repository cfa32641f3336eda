import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/**
 * Lines that TensorFlow's library writes while it loads, before its log has levels, so that no variable of TensorFlow
 * keeps them back: the notice that this is so, and information. Warnings, errors and all other lines are none of them.
 */
const notice =
  /^(WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR|I\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] .*)$/;

/** Forwards the output of a command's services, line by line, without the notices of a library that loads. */
export function passOn(from: Readable, to: Writable): void {
  createInterface({ input: from, crlfDelay: Infinity }).on('line', (line) => {
    if (!notice.test(line)) to.write(`${line}\n`);
  });
}
