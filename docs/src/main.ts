/** Writes the generated reference pages; with `--check` it only compares them, and fails where one is out of date. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiReference } from './api-reference.js';
import { configReference } from './config-reference.js';
import { errorReference } from './error-reference.js';

const directory = fileURLToPath(new URL('../reference/', import.meta.url));
const pages = { 'api.md': apiReference(), 'config.md': configReference(), 'errors.md': errorReference() };

await mkdir(directory, { recursive: true });
for (const [name, content] of Object.entries(pages)) {
  const file = path.join(directory, name);
  if (!process.argv.includes('--check')) await writeFile(file, content);
  else if ((await readFile(file, 'utf8').catch(() => '')) !== content) {
    console.error(`docs/reference/${name} is out of date: run "make reference".`);
    process.exitCode = 1;
  }
}
