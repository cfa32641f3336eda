/** `make versions`: writes the version of the root's package.json wherever a version stands. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readManifest, repository, workspaces } from './workspaces.js';

const version = (await readManifest('.')).version;
const places: [file: string, pattern: RegExp, text: string][] = [
  ['deploy/helm/hyperswap/Chart.yaml', /^version: .*$/m, `version: ${version}`],
  ['deploy/helm/hyperswap/Chart.yaml', /^appVersion: .*$/m, `appVersion: ${version}`],
  ['clients/qgis/hyperswap_qgis/metadata.txt', /^version=.*$/m, `version=${version}`],
  ['docs/command-line.md', /^hyperswap \d+\.\d+\.\d+\S*:/m, `hyperswap ${version}:`],
  ...(await workspaces()).map(({ directory }): [string, RegExp, string] => [
    `${directory}/package.json`,
    /^ {2}"version": ".*"/m,
    `  "version": "${version}"`,
  ]),
];
for (const [file, pattern, text] of places) {
  const place = path.join(repository, file);
  const before = await readFile(place, 'utf8');
  if (!pattern.test(before)) throw new Error(`${file} has no ${String(pattern)}`);
  await writeFile(place, before.replace(pattern, text));
}
process.stdout.write(
  `Everything has version ${version}; "npm install --package-lock-only" writes it into the lock file.\n`,
);
