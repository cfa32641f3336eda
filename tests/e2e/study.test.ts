import assert from 'node:assert/strict';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { sharedData } from '../support/fixtures.js';
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

test('a study draws its pixels from one of several label maps that disagree', async () => {
  const { height, width, labels } = toyScene();
  await writeFile(
    path.join(workspace.directory, 'other.npy'),
    npy(
      [height, width],
      labels.map((label) => (label % 3) + 1),
    ),
  );
  const maps = ['--labels', 'truth=field-labels.npy', '--labels', 'other=other.npy'];
  await workspace.succeed('scenes', 'prepare', 'field.npy', '--name', 'two-maps', ...maps);
  const lines = JSON.parse(
    await workspace.succeed(
      ...['--json', 'study', '--scene', 'two-maps', '--methods', 'knn', '--seeds', '1', '--patch-size', '3'],
      ...['--split', 'truth@12:4', '--control-patches', '', '--out', 'study-two-maps'],
    ),
  ) as Line[];
  assert.ok(lines[0]!.overallAccuracy.mean > 0.5);
  await access(path.join(workspace.directory, 'study-two-maps', 'report.html'));
});

test('a study trains methods and seeds, and makes the tables, plots and maps of the paper', async () => {
  const lines = JSON.parse(await study()) as Line[];
  assert.deepEqual(
    lines.map(({ label, runs }) => [label, runs.length]),
    [
      ['knn', 2],
      ['svm', 2],
      ['svm, patch 1', 2],
      ['svm, patch 3', 2],
      ['linear-probe', 2],
      ['linear-probe, patch 1', 2],
      ['linear-probe, patch 3', 2],
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
  assert.equal(csv.length, 1 + 20);
  assert.match(csv[0]!, /^method,backbone,lambda,seed/);
  const html = await readFile(path.join(directory, 'report.html'), 'utf8');
  for (const part of [
    ...['Recall by class', 'map smoothed', 'McNemar', '<svg', 'accuracy by λ', 'data:image/png', 'neighbours'],
    ...[
      '12 labelled pixels of each class (4 of classes with few), drawn at random, train (36 pixels)',
      'width=device-width',
    ],
    ...[
      'Accuracy by distance to the nearest training pixel',
      'Calibration error',
      'of the test patches hold a training',
    ],
  ]) {
    assert.ok(html.includes(part), part);
  }
  const differences = (await readFile(path.join(directory, 'differences.csv'), 'utf8')).trim().split('\n');
  assert.equal(differences.length, 1 + (10 * 9) / 2, 'all pairs of ten lines, which test the same pixels');
  const [, first] = differences;
  const [name, other, ...values] = first!.split(',');
  assert.deepEqual([name, other], ['knn', 'svm']);
  const [difference, low, high, folds] = values.map(Number) as [number, number, number, number];
  const mean = (label: string): number => lines.find((line) => line.label === label)!.overallAccuracy.mean;
  assert.ok(Math.abs(difference - (mean('knn') - mean('svm'))) < 1e-5);
  assert.ok(low <= difference && difference <= high, first);
  assert.equal(folds, 2);
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

test('controls of a split by blocks test the pixels of the other runs, though their patches are smaller', async () => {
  const given = ['--split', 'blocks:6:40%', '--methods', 'svm', '--seeds', '1', '--patch-size', '5'];
  await workspace.succeed(
    'study',
    '--scene',
    'field',
    ...given,
    '--control-patches',
    '1',
    '--no-maps',
    '--out',
    'apart',
  );
  const folder = path.join(workspace.directory, 'apart');
  const pixelsOf = async (file: string): Promise<number[]> =>
    (JSON.parse(await readFile(path.join(folder, 'runs', file), 'utf8')) as { testPixels: number[] }).testPixels;
  const all = await pixelsOf('svm.spectralgpt-mini.seed1.json');
  assert.ok(all.length > 0);
  assert.deepEqual(await pixelsOf('svm.spectralgpt-mini.patch1.seed1.json'), all);
  const html = await readFile(path.join(folder, 'report.html'), 'utf8');
  assert.match(html, /cut into blocks of 6 × 6 pixels: 40 % of the blocks train/);
  const headings = [...html.matchAll(/<h2>([^<]*)<\/h2>\s*(.{0,12})/g)];
  assert.ok(headings.length >= 4);
  for (const [, title, next] of headings) assert.doesNotMatch(next!, /^(<h2|<\/body)/, `${title} is empty`);
  assert.doesNotMatch(html, /<h2>(Maps|Overall accuracy by λ)</);
});

test('a study shows what pretraining is worth: each method less itself on random weights of the same structure', async () => {
  const given = ['--split', '12:4', '--methods', 'svm,linear-probe', '--seeds', '1,2', '--patch-size', '9'];
  const run = (out: string): Promise<string> =>
    workspace.succeed(
      ...['study', '--scene', 'field', ...given, '--backbones', 'spectralgpt-mini,random', '--set', 'epochs=2'],
      ...['--control-patches', '', '--no-maps', '--out', out],
    );
  const told = await run('worth');
  assert.match(told, /less the same on random weights/);
  const folder = path.join(workspace.directory, 'worth');
  const names = (await readdir(path.join(folder, 'runs'))).sort();
  const runsOf = (stem: string): string[] => [`${stem}.seed1.json`, `${stem}.seed2.json`];
  assert.deepEqual(
    names,
    ['linear-probe.random', 'linear-probe.spectralgpt-mini', 'svm.spectralgpt-mini'].flatMap(runsOf),
  );
  const csv = (await readFile(path.join(folder, 'differences.csv'), 'utf8')).trim().split('\n');
  const row = csv.find((line) => line.startsWith('"linear-probe, spectralgpt-mini","linear-probe, random weights"'));
  assert.ok(row, csv.join('\n'));
  const result = async (name: string): Promise<{ metrics: object; testPredictions: string; request: string }> =>
    JSON.parse(await readFile(path.join(folder, 'runs', name), 'utf8')) as never;
  const [random, pretrained] = await Promise.all([result(names[0]!), result(names[2]!)]);
  assert.notEqual(random.testPredictions, pretrained.testPredictions);
  assert.match(random.request, /"backbone":"spectralgpt-mini-random-1"/);
  const html = await readFile(path.join(folder, 'report.html'), 'utf8');
  for (const part of ['<h2>What pretraining is worth</h2>', 'saw no data before', 'linear-probe, random weights']) {
    assert.ok(html.includes(part), part);
  }
  // Weights follow from the seed, and another study finds them.
  await run('worth-again');
  const again = JSON.parse(
    await readFile(path.join(workspace.directory, 'worth-again', 'runs', names[0]!), 'utf8'),
  ) as { readonly testPredictions: string };
  assert.equal(again.testPredictions, random.testPredictions);
});

test('a published split is decoded, and its preset trains and tests on its label maps', async () => {
  const { succeed, run, directory } = workspace;
  const from = path.join(directory, 'published');
  await mkdir(from);
  const shape = [24, 30];
  const { labels: truth } = toyScene();
  // DASE numbers Corn-notill 1 and Alfalfa 10; its file has a pixel of class 11, which the ground truth calls
  // otherwise.
  const numbers = [10, 1, 2];
  const given = truth.map((label, pixel) => (label > 0 && pixel % 3 === 0 ? numbers[label - 1]! : 0));
  given[0] = 11;
  await writeFile(path.join(from, 'indianpines_ts.tif'), npy(shape, given));
  const alone = await run('datasets', 'split', 'indian-pines', '--from', 'published');
  assert.match(alone.stderr, /holds neither IndianTR123.*nor indianpines_ts\.tif and 19920612/);
  await writeFile(path.join(from, '19920612_AVIRIS_IndianPine_Site3_gr.tif'), npy(shape, truth));
  const told = await succeed('datasets', 'split', 'indian-pines', '--from', 'published', '--out', 'maps');
  const labelled = truth.filter((label) => label > 0).length;
  const train = truth.filter((label, pixel) => label > 0 && pixel % 3 === 0).length - 1;
  assert.match(told, new RegExp(`dase-train\\.npy: ${train} pixels[^]*dase-test\\.npy: ${labelled - train} pixels`));
  const maps = ['dase-train', 'dase-test'].flatMap((name) => ['--labels', `${name}=maps/${name}.npy`]);
  await succeed('scenes', 'prepare', 'field.npy', ...maps, '--name', 'dase');
  const common = ['--scene', 'dase', '--preset', 'indian-pines-dase', '--patch-size', '9', '--seeds', '1'];
  await succeed('study', ...common, '--methods', 'knn', '--no-maps', '--out', 'dase');
  const html = await readFile(path.join(directory, 'dase', 'report.html'), 'utf8');
  const sentence = `${train} pixels of the label map dase-train train, and ${labelled - train} pixels of dase-test test.`;
  for (const part of [sentence, 'Alfalfa', 'Corn-notill', 'Corn-mintill']) assert.ok(html.includes(part), part);
});

test('the maps of DASE that are at hand have the published numbers of pixels', async (context) => {
  const folder = sharedData('');
  const isHere = await access(folder).then(
    () => true,
    () => false,
  );
  if (!isHere) {
    context.skip('../shared/data is not here');
    return;
  }
  const counts = async (name: string): Promise<number[]> => {
    const from = path.join(folder, name);
    const told = await workspace.succeed('--json', 'datasets', 'split', 'indian-pines', '--from', from, '--out', name);
    return (JSON.parse(told) as { readonly pixels: number }[]).map(({ pixels }) => pixels);
  };
  assert.deepEqual(await counts('indian_pines_dase'), [5679, 4687]);
  assert.deepEqual(await counts('indian_pines'), [695, 9671]);
  const train = await readFile(path.join(workspace.directory, 'indian_pines_dase', 'dase-train.npy'));
  const labels = train.subarray(train.length - 145 * 145);
  const found = Array.from({ length: 16 }, (_, index) => labels.filter((label) => label === index + 1).length);
  assert.deepEqual(found, [29, 762, 435, 146, 232, 394, 16, 235, 10, 470, 1414, 328, 132, 728, 291, 57]);
});

test('a misspelled setting or method of a setting stops a study before its first run', async () => {
  const refuse = async (message: RegExp, ...more: string[]): Promise<void> => {
    const common = ['--scene', 'field', '--seeds', '1', '--split', '12:4', '--patch-size', '9', '--out', 'refused'];
    const { code, stderr } = await workspace.run('study', ...common, ...more);
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
    const left = await readdir(path.join(workspace.directory, 'refused', 'runs')).catch(() => []);
    assert.deepEqual(left, []);
  };
  await refuse(/probeEpoch\b/, '--methods', 'knn,lora', '--set', 'lora:probeEpoch=2');
  await refuse(/lroa is no method of this study/, '--methods', 'knn,lora', '--set', 'lroa:epochs=2');
  await refuse(/setting epoch\b/, '--methods', 'knn,spectralformer', '--set', 'spectralformer:epoch=2');
  await refuse(/epoch has no method to go to/, '--methods', 'knn,svm', '--set', 'epoch=2');
  await refuse(/ranks/, '--methods', 'knn,linear-probe', '--set', 'ranks=2');
});

test('a study marks a method that saw the spectra of the test pixels', async () => {
  const told = await workspace.succeed(
    ...['study', '--scene', 'field', '--methods', 'knn,mamba-hsi', '--seeds', '1', '--split', '12:4'],
    ...['--patch-size', '9', '--set', 'mamba-hsi:epochs=2', '--no-maps', '--out', 'seen'],
  );
  assert.match(told, /mamba-hsi †/);
  assert.match(told, /† mamba-hsi saw the spectra of the test pixels/);
  const report = await readFile(path.join(workspace.directory, 'seen', 'report.html'), 'utf8');
  assert.match(report, /<td>mamba-hsi †<\/td>/);
  assert.match(report, /† mamba-hsi saw the spectra of the test pixels while it trained/);
  const [header, ...rows] = (await readFile(path.join(workspace.directory, 'seen', 'results.csv'), 'utf8'))
    .trim()
    .split('\n');
  assert.ok(header!.endsWith(',saw_test_spectra,note'));
  assert.deepEqual(
    rows.map((row) => [row.split(',')[0], ...row.split(',').slice(-2)]),
    [
      ['knn', 'false', ''],
      ['mamba-hsi', 'true', ''],
    ],
  );
});

test('a study says that a network with random weights measures the architecture', async () => {
  const { height, width, bands, values, labels } = toyScene(10, 9, 32);
  await writeFile(path.join(workspace.directory, 'wide.npy'), npy([height, width, bands], values));
  await writeFile(path.join(workspace.directory, 'wide-labels.npy'), npy([height, width], labels));
  await workspace.succeed('scenes', 'prepare', 'wide.npy', '--labels', 'wide-labels.npy');
  const told = await workspace.succeed(
    ...['study', '--scene', 'wide', '--methods', 'knn,hyper-sigma', '--seeds', '1', '--split', '12:4'],
    ...['--patch-size', '5', '--set', 'hyper-sigma:epochs=2', '--no-maps', '--out', 'random'],
  );
  assert.match(told, /hyper-sigma ‡/);
  assert.match(told, /‡ hyper-sigma: random weights: measures the architecture/);
  const report = await readFile(path.join(workspace.directory, 'random', 'report.html'), 'utf8');
  assert.match(report, /<td>hyper-sigma ‡<\/td>/);
  assert.match(report, /<td>knn<\/td>/);
  assert.match(report, /‡ hyper-sigma: random weights: measures the architecture/);
});

test('a study of the version before, whose runs lack distances and confidence, is shown as far as it goes', async () => {
  const folder = path.join(workspace.directory, 'study', 'runs');
  for (const file of await readdir(folder)) {
    const run = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as { metrics: Record<string, unknown> };
    const { overallAccuracy, averageAccuracy, kappa, perClass, confusion } = run.metrics;
    const metrics = { overallAccuracy, averageAccuracy, kappa, perClass, confusion };
    await writeFile(path.join(folder, file), JSON.stringify({ ...run, metrics }));
  }
  const before = await readFile(path.join(folder, 'knn.spectralgpt-mini.seed1.json'), 'utf8');
  await study('--no-maps', '--set', 'lora+:gain=0.06');
  assert.equal(
    await readFile(path.join(folder, 'knn.spectralgpt-mini.seed1.json'), 'utf8'),
    before,
    'not trained again',
  );
  const html = await readFile(path.join(workspace.directory, 'study', 'report.html'), 'utf8');
  assert.doesNotMatch(html, /Accuracy by distance|<h2>Confidence|NaN|undefined/);
  assert.match(html, /Recall by class/);
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
