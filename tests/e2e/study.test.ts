import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { npy, toyScene } from '../support/services.js';
import { readMap } from '../support/rasters.js';

let workspace: Workspace;

before(async () => {
  workspace = await makeWorkspace();
  await workspace.succeed('scenes', 'prepare', 'field.npy', '--labels', 'field-labels.npy');
});

const study = (...more: string[]): Promise<string> =>
  workspace.succeed(
    ...['--json', 'study', '--scene', 'field', '--methods', 'knn,svm,linear-probe,lora+', '--seeds', '1,2'],
    ...[
      '--split',
      '12:4',
      '--patch-size',
      '9',
      '--set',
      'epochs=2',
      '--set',
      'lora+:probeEpochs=2',
      '--set',
      'lora+:headEpochs=2',
      '--lambdas',
      '2,4',
    ],
    ...['--out', 'study', '--smooth', '3', ...more],
  );

interface Line {
  readonly label: string;
  readonly overallAccuracy: { readonly mean: number; readonly deviation: number };
  readonly smoothedAccuracy: { readonly mean: number };
  readonly runs: { readonly adapter: string; readonly seconds: number }[];
}

test('a study trains methods and seeds, and makes the tables, plots and maps of the paper', async () => {
  const lines = JSON.parse(await study()) as Line[];
  assert.deepEqual(
    lines.map(({ label, runs }) => [label, runs.length]),
    [
      ['knn', 2],
      ['svm', 2],
      ['linear-probe', 2],
      ['lora+', 2],
      ['lora+, λ 2', 2],
      ['lora+, λ 4', 2],
    ],
  );
  assert.ok(lines.every(({ overallAccuracy }) => overallAccuracy.mean > 0.8));
  assert.ok(
    lines.every(({ overallAccuracy, smoothedAccuracy }) => smoothedAccuracy.mean > overallAccuracy.mean - 0.02),
  );
  assert.ok(lines.some(({ overallAccuracy, smoothedAccuracy }) => smoothedAccuracy.mean > overallAccuracy.mean));
  const directory = path.join(workspace.directory, 'study');
  const csv = (await readFile(path.join(directory, 'results.csv'), 'utf8')).trim().split('\n');
  assert.equal(csv.length, 1 + 12);
  assert.match(csv[0]!, /^method,backbone,lambda,seed/);
  const html = await readFile(path.join(directory, 'report.html'), 'utf8');
  for (const part of ['Recall by class', 'map smoothed', 'McNemar', '<svg', '>λ<', 'data:image/png', 'neighbours']) {
    assert.ok(html.includes(part), part);
  }
});

test('a study goes on where it stopped: only what is missing, or was asked for otherwise, is trained', async () => {
  const runs = path.join(workspace.directory, 'study', 'runs');
  const stamps = async (): Promise<Map<string, string>> =>
    new Map(
      await Promise.all(
        (await readdir(runs)).map(async (file) => [file, await readFile(path.join(runs, file), 'utf8')] as const),
      ),
    );
  const before = await stamps();
  const lost = 'linear-probe.spectralgpt-mini.seed2.json';
  await rm(path.join(runs, lost));
  const damaged = 'knn.spectralgpt-mini.seed1.json';
  await writeFile(path.join(runs, damaged), before.get(damaged)!.slice(0, 100));
  await study('--set', 'lora+:gain=0.06');
  const after = await stamps();
  const changed = [...after].filter(([file, text]) => before.get(file) !== text).map(([file]) => file);
  const otherwise = [...before.keys()].filter((file) => file.startsWith('lora'));
  assert.deepEqual(changed.sort(), [damaged, lost, ...otherwise].sort());
});

test('a study whose scene was replaced trains all runs anew', async () => {
  const { succeed, directory } = workspace;
  const { height, width, bands, values } = toyScene(24, 30, 16, 2);
  await writeFile(path.join(directory, 'other.npy'), npy([height, width, bands], values));
  const prepared = (file: string): Promise<string> =>
    succeed('scenes', 'prepare', file, '--labels', 'field-labels.npy', '--name', 'moving', '--replace');
  const digestOf = async (): Promise<string> => {
    await succeed(
      ...['study', '--scene', 'moving', '--methods', 'knn', '--seeds', '1', '--split', '12:4', '--patch-size', '9'],
      ...['--no-maps', '--out', 'moved'],
    );
    const file = path.join(directory, 'moved', 'runs', 'knn.spectralgpt-mini.seed1.json');
    const { request } = JSON.parse(await readFile(file, 'utf8')) as { readonly request: string };
    return (JSON.parse(request) as { readonly sceneDigest: string }).sceneDigest;
  };
  await prepared('field.npy');
  const first = await digestOf();
  await prepared('other.npy');
  const second = await digestOf();
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.notEqual(second, first);
});

test('two adapters are compared on the same pixels', async () => {
  const compared = await workspace.succeed(
    ...['compare', 'linear-probe.spectralgpt-mini.seed1', 'linear-probe.spectralgpt-mini.seed2', '--scene', 'field'],
  );
  assert.match(compared, /linear-probe\.spectralgpt-mini\.seed1@\d: OA \d/);
  assert.match(compared, /McNemar χ² \d/);
});

test('an adapter goes to Hugging Face PEFT’s files and back, and keeps its map', async () => {
  const { succeed, run } = workspace;
  const common = ['--scene', 'field', '--split', '12:4', '--patch-size', '9', '--set', 'epochs=2'];
  await succeed('train', ...common, '--method', 'lora', '--adapter', 'mean', '--set', 'pooling=mean');
  await succeed('adapters', 'export', 'mean', 'peft', '--format', 'peft');
  const config = JSON.parse(
    await readFile(path.join(workspace.directory, 'peft', 'adapter_config.json'), 'utf8'),
  ) as object;
  assert.deepEqual((config as { peft_type: string; r: number }).peft_type, 'LORA');
  const alone = await run('adapters', 'import', 'peft', '--name', 'back');
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /--like/);
  assert.match(await succeed('adapters', 'import', 'peft', '--name', 'back', '--like', 'mean'), /back@1/);
  await succeed('classify', '--scene', 'field', '--adapter', 'mean', '--out', 'first');
  await succeed('classify', '--scene', 'field', '--adapter', 'back', '--out', 'second');
  const map = (name: string) => readMap(path.join(workspace.directory, name, 'labels.tif'));
  assert.deepEqual(await map('first'), await map('second'));
  await writeFile(path.join(workspace.directory, 'adapter_model.bin'), 'pickle');
  const pickle = await run('adapters', 'import', 'adapter_model.bin', '--name', 'pickle');
  assert.match(pickle.stderr, /pickle.*safe_serialization/);
});
