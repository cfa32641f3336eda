/**
 * Makes the keys of maps own members in what ts-proto generates: it assigns them, and an assignment to `__proto__` does nothing, so
 * that a setting of that name would be dropped instead of refused.
 */
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const assignment = /message\.(\w+)\[(entry\d+)\.key\] = \2\.value;/g;
const definition =
  'globalThis.Object.defineProperty(message.$1, $2.key, { value: $2.value, writable: true, enumerable: true, configurable: true });';

const folders = [path.join('hyperswap', 'v1'), 'inference'].map((name) => path.join(__dirname, 'generated', name));
let found = 0;
for (const file of folders.flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))) {
  const text = readFileSync(file, 'utf8');
  found += text.match(assignment)?.length ?? 0;
  writeFileSync(file, text.replaceAll(assignment, definition));
}
if (found === 0) throw new Error('ts-proto no longer writes maps as it did; look at what it writes now');
