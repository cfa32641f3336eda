/**
 * Writes what is generated from protos, command line, errors and settings: the reference pages, the exceptions of the
 * Python client, and the settings in the Helm chart's schema. With `--check` it only compares them, and fails where one
 * is out of date.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiReference } from './api-reference.js';
import { chartSchema } from './chart-schema.js';
import { cliReference } from './cli-reference.js';
import { configReference } from './config-reference.js';
import { errorReference } from './error-reference.js';
import { metricsReference } from './metrics-reference.js';
import { pythonErrors } from './python-errors.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const chart = 'deploy/helm/hyperswap/values.schema.json';
const files: Readonly<Record<string, string>> = {
  'docs/reference/api.md': apiReference(),
  'docs/reference/cli.md': cliReference(),
  'docs/reference/config.md': configReference(),
  'docs/reference/errors.md': errorReference(),
  'docs/reference/metrics.md': metricsReference(),
  'clients/python/src/hyperswap/_catalogue.py': pythonErrors(),
  [chart]: chartSchema(await readFile(path.join(repository, chart), 'utf8')),
};

for (const [name, content] of Object.entries(files)) {
  const file = path.join(repository, name);
  if (!process.argv.includes('--check')) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== content) {
    console.error(`${name} is out of date: run "make reference".`);
    process.exitCode = 1;
  }
}
