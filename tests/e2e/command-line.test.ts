import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { readNpy } from '@hyperswap/raster';
import { readMap, readRaster } from '../support/rasters.js';
import { maximumDifference } from '../support/arrays.js';
import { commandFile, makeWorkspace, type Workspace } from '../support/command.js';
import { fixture, sharedData, type StoredValues } from '../support/fixtures.js';
import { npy, toyScene } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface MapSummary {
  readonly smoothed: number;
}

let home: string;
let directory: string;
let hyperswap: Workspace['run'];
let succeed: Workspace['succeed'];

before(async () => {
  ({ directory, home, run: hyperswap, succeed } = await makeWorkspace());
});

test('from file to map in four commands, each its own process', async () => {
  const prepared = await succeed(
    '--json',
    'scenes',
    'prepare',
    path.join(directory, 'field.npy'),
    '--labels',
    path.join(directory, 'field-labels.npy'),
    '--class',
    'Soil#aa7744',
    '--class',
    'Grass#44aa44',
  );
  assert.deepEqual(
    (JSON.parse(prepared) as { classes: { name: string }[] }).classes.map(({ name }) => name),
    ['Soil', 'Grass', 'class 3'],
  );
  const trained = await succeed(
    'train',
    '--scene',
    'field',
    '--adapter',
    'field',
    '--method',
    'linear-probe',
    '--split',
    '12:4',
    '--patch-size',
    '9',
    '--set',
    'epochs=4',
  );
  assert.match(trained, /^field@1: OA \d+\.\d\d % \(.*\), AA/);
  assert.match(await succeed('adapters', 'list'), /field@1\s+linear-probe\s+spectralgpt-mini/);
  const out = path.join(directory, 'out');
  // Two maps are compared pixel by pixel: bfloat16 would round scores apart that differ in float32's last bit.
  const classify = (...given: string[]) => succeed('--precision', 'float32', 'classify', ...given);
  assert.match(await classify('--scene', 'field', '--adapter', 'field', '--out', out), /Soil\s+\d+/);
  const picture = await readFile(path.join(out, 'map.png'));
  assert.equal(picture.subarray(1, 4).toString(), 'PNG');
  const { info, values } = await readRaster(path.join(out, 'labels.tif'), { content: 'labels' });
  assert.deepEqual([info.height, info.width], [24, 30]);
  const truth = toyScene().labels;
  assert.ok(
    truth.filter((label, pixel) => label > 0 && label === values[pixel]).length >
      0.9 * truth.filter((label) => label > 0).length,
  );

  const raw = path.join(directory, 'raw');
  await classify('--scene', path.join(directory, 'field.npy'), '--adapter', 'field@1', '--out', raw);
  const again = await readMap(path.join(raw, 'labels.tif'));
  const same = [...again].filter((label, pixel) => label === values[pixel]).length;
  assert.ok(same >= 0.999 * values.length, `${same} of ${values.length}`);
});

test('a map can be smoothed, of a prepared scene and of a raw file alike', async () => {
  const map = async (scene: string, reach: string): Promise<number[]> => {
    const out = path.join(directory, 'smooth');
    await succeed(
      ...['--precision', 'float32', 'classify', '--scene', scene, '--adapter', 'field', '--out', out],
      ...['--smooth', reach],
    );
    assert.equal(
      (JSON.parse(await readFile(path.join(out, 'map.json'), 'utf8')) as MapSummary).smoothed,
      Number(reach),
    );
    return [...(await readMap(path.join(out, 'labels.tif')))];
  };
  const borders = (labels: number[]): number =>
    labels.filter((label, pixel) => (pixel + 1) % 30 > 0 && label !== labels[pixel + 1]).length;
  const plain = await map('field', '0');
  const smooth = await map('field', '3');
  assert.ok(borders(smooth) < borders(plain), `${borders(smooth)}, ${borders(plain)} before`);
  // In a raw file neighbours differ in its 16 bands; in a prepared scene they differ in its 12 components, which lack
  // most of the noise.
  const raw = await map(path.join(directory, 'field.npy'), '3');
  assert.ok(borders(raw) < borders(plain), `${borders(raw)}, ${borders(plain)} before`);
  const same = raw.filter((label, pixel) => label === smooth[pixel]).length;
  assert.ok(same >= 0.99 * smooth.length, `${same} of ${smooth.length}`);
  const wrong = async (reach: string): Promise<string> =>
    (await hyperswap('classify', '--scene', 'field', '--adapter', 'field', '--out', 'x', '--smooth', reach)).stderr;
  assert.match(await wrong('much'), /--smooth.*much is not a whole number/);
  assert.match(await wrong('1001'), /--smooth.*1001 is more than 1000 pixels/);
});

test('an adapter exported and imported is the same blob', async () => {
  const to = path.join(directory, 'export');
  await succeed('adapters', 'export', 'field', to);
  const imported = JSON.parse(
    await succeed('--json', 'adapters', 'import', path.join(to, 'adapter.safetensors'), '--name', 'copy'),
  ) as { digest: string };
  const shown = JSON.parse(await succeed('--json', 'adapters', 'show', 'field@1')) as { digest: string };
  assert.equal(imported.digest, shown.digest);
  assert.match(await succeed('adapters', 'alias', 'copy@1', 'stable'), /copy:stable is copy@1/);
  assert.match(await succeed('adapters', 'retire', 'copy:stable'), /copy@1 is retired/);
});

test('predict gives an adapter’s logits, registered or from its blob', async () => {
  const { input } = JSON.parse(await readFile(fixture('checkpoint.json'), 'utf8')) as { readonly input: StoredValues };
  await writeFile(path.join(directory, 'patches.npy'), npy(input.shape, Float32Array.from(input.values)));
  const logits = async (adapter: string): Promise<Float32Array> => {
    await succeed('predict', '--adapter', adapter, '--patches', 'patches.npy', '--out', 'logits.npy');
    const { shape, values } = readNpy('logits.npy', await readFile(path.join(directory, 'logits.npy')));
    assert.deepEqual(shape, [input.shape[0], 3]);
    return values as Float32Array;
  };
  const registered = await logits('field@1');
  assert.equal(maximumDifference(registered, await logits(path.join('export', 'adapter.safetensors'))), 0);
  assert.ok(new Set(registered).size > 1);
});

test('doctor says what it runs on', async () => {
  const found = await succeed('doctor');
  for (const part of [
    /engine\s+TensorFlow 2\.21/,
    /precision\s+(float32|bfloat16|int8), .*GFLOP\/s measured/,
    /backbone\s+spectralgpt-mini/,
    /store\s+directory/,
  ])
    assert.match(found, part);
  const engine = async (): Promise<object> => {
    const { status } = JSON.parse(await succeed('--json', 'doctor')) as {
      status: { engine: { plain: object; fused: object } };
    };
    return { plain: status.engine.plain, fused: status.engine.fused };
  };
  assert.deepEqual(await engine(), await engine(), 'one process measures for all, so that all compute the same');
});

test('doctor tells how long the map of a scene takes, from a measurement', async () => {
  const { time } = JSON.parse(await succeed('--json', 'doctor', '--scene', 'field')) as {
    time: { pixels: number; speeds: { precision: string; patchesPerSecond: number }[] };
  };
  assert.equal(time.pixels, 24 * 30);
  assert.deepEqual(
    time.speeds.map(({ precision }) => precision),
    ['int8', 'bfloat16', 'float32'],
  );
  assert.ok(time.speeds.every(({ patchesPerSecond }) => patchesPerSecond > 1));
  assert.match(await succeed('doctor', '--scene', 'field'), /precision +patches\/s +exact map +adaptive/);
  assert.match((await hyperswap('doctor', '--scene', 'nothing')).stderr, /Scene nothing does not exist/);
});

test('top prints once what its processes do, and refuses an interval that is none', async () => {
  const printed = JSON.parse(await succeed('top', '--once', '--json', '--interval', '0.5')) as {
    readonly pods: readonly { readonly state: string; readonly model: { readonly backbone: string } }[];
  };
  assert.equal(printed.pods.length, 1);
  assert.equal(printed.pods[0]!.state, 'serving');
  assert.equal(printed.pods[0]!.model.backbone, 'spectralgpt-mini');
  const { code, stderr } = await hyperswap('top', '--interval', 'often');
  assert.equal(code, 1);
  assert.match(stderr, /--interval.*often/);
});

test('exit codes: 1 for what failed, with its sentence; 2 for wrong usage', async () => {
  const missing = await hyperswap('scenes', 'prepare', path.join(directory, 'nothing.npy'));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nothing\.npy cannot be read/);
  const json = await hyperswap('--json', 'scenes', 'show', 'nothing');
  assert.equal(json.code, 1);
  const told = JSON.parse(json.stderr.trim().split('\n').at(-1)!) as { error: string; hint: string };
  assert.equal(told.error, 'SCENE_NOT_FOUND');
  assert.match(told.hint, /hyperswap scenes list/);
  assert.equal((await hyperswap('clasify')).code, 2);
  assert.equal((await hyperswap('train')).code, 2);
  assert.equal((await hyperswap('--endpoint', '127.0.0.1:1', 'scenes', 'list')).code, 1);
});

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`up serves with health and reflection until ${signal}, then drains, removes its files and ends`, async () => {
    const temporary = await temporaryFolder('up');
    const flags = ['--home', home, '--log-level', 'silent', 'up', '--port', '0'];
    const child = spawn(process.execPath, [commandFile, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    });
    const line = await new Promise<string>((resolve) => {
      child.stdout.once('data', (data: Buffer) => {
        resolve(data.toString());
      });
    });
    const endpoint = /Serving on (\S+)\./.exec(line)![1]!;
    assert.match(await succeed('--endpoint', endpoint, 'scenes', 'list'), /field/);
    assert.match(await succeed('--endpoint', endpoint, 'doctor'), /services\s+at 127/);
    assert.notDeepEqual(await readdir(temporary), []);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    assert.equal(await ended, 0);
    assert.deepEqual(await readdir(temporary), []);
  });
}

test('keys, tokens and a job that goes on by itself, all from the command line', async () => {
  assert.match(await succeed('keys', 'create', 'keys'), /private\.jwk.*keys\.json/);
  assert.match(
    (await hyperswap('keys', 'create', 'keys')).stderr,
    /private\.jwk cannot be written: it is there already/,
  );
  const token = async (role: string): Promise<string> => {
    const content = await succeed('keys', 'token', '--key', 'keys/private.jwk', '--subject', 'me', '--role', role);
    await writeFile(path.join(directory, `${role}.token`), content);
    return `${role}.token`;
  };
  const [reader, operator] = [await token('reader'), await token('operator')];
  assert.equal((await hyperswap('keys', 'token', '--key', 'keys/private.jwk', '--subject', 'me')).code, 2);
  const child = spawn(process.execPath, [commandFile, '--home', home, '--log-level', 'silent', 'up', '--port', '0'], {
    cwd: directory,
    env: { ...process.env, HYPERSWAP_TOKEN_KEYS: 'keys/keys.json', HYPERSWAP_TOKEN_FILE: reader },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const line = await new Promise<string>((resolve) => {
      child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
    });
    const endpoint = /Serving on (\S+)\./.exec(line)![1]!;
    const client = ['--endpoint', endpoint, '--token-file', reader];
    assert.match((await hyperswap('--endpoint', endpoint, 'scenes', 'list')).stderr, /needs a token.*--token-file/s);
    assert.match((await hyperswap(...client, 'scenes', 'delete', 'field')).stderr, /needs the role operator/);
    const start = ['classify', '--scene', 'field', '--adapter', 'field@1'];
    const job = (await succeed(...client, ...start, '--detach')).trim();
    await succeed(...client, 'jobs', 'map', job, '--out', 'detached');
    await succeed(...client, ...start, '--out', 'attached');
    const [detached, attached] = await Promise.all(
      ['detached', 'attached'].map((out) => readFile(path.join(directory, out, 'labels.tif'))),
    );
    assert.deepEqual(detached, attached);
    assert.match(await succeed(...client, 'jobs', 'list'), new RegExp(`${job} +field +field@1 +done +1 of 1`));
    assert.match((await hyperswap(...client, 'jobs', 'cancel', 'none')).stderr, /There is no classification none/);
    await succeed('--endpoint', endpoint, '--token-file', operator, 'adapters', 'alias', 'field@1', 'best');
  } finally {
    child.kill('SIGTERM');
  }
  const alone = await hyperswap('classify', '--scene', 'field', '--adapter', 'field@1', '--detach');
  assert.match(alone.stderr, /start "hyperswap up" first/);
});

test('a process that others could reach without showing who they are does not start', async () => {
  const { code, stderr } = await hyperswap('up', '--host', '0.0.0.0', '--port', '0');
  assert.equal(code, 1);
  assert.match(stderr, /host is 0\.0\.0\.0.*HYPERSWAP_TLS_CERTIFICATE.*--insecure/s);
});

test('Indian Pines is fetched, checked and repaired as the copy beside the project', async (t) => {
  const files = JSON.parse(await succeed('--json', 'datasets', 'fetch', 'indian-pines')) as {
    scene: string;
    labels: string;
    repaired: number;
  };
  assert.ok(Math.abs(files.repaired - 116_465) < 100, String(files.repaired));
  const { shape, values } = readNpy(files.scene, await readFile(path.resolve(directory, files.scene)));
  assert.deepEqual(shape, [145, 145, 200]);
  assert.match(await succeed('datasets', 'fetch', 'indian-pines'), /here already/);
  const copy = sharedData('indian_pines/IndianPine.mat');
  if (!existsSync(copy)) {
    t.skip(`there is no ${copy}`);
    return;
  }
  const wanted = (await readRaster(copy, { variable: 'input' })).values;
  const differing = Array.from(values).filter((value, i) => value !== wanted[i]).length;
  assert.ok(differing < 60, `${differing} of ${values.length} values differ`);
  assert.deepEqual(
    [...readNpy(files.labels, await readFile(path.resolve(directory, files.labels))).values],
    [...(await readRaster(copy, { variable: 'gt', content: 'labels' })).values],
  );
});

test('a checkpoint imported by one process is a backbone that the next predicts with', async () => {
  const checkpoint = fixture('release.pth');
  const reference = JSON.parse(await readFile(fixture('checkpoint.json'), 'utf8')) as {
    readonly input: StoredValues;
    readonly pooled: StoredValues;
  };
  const imported = await succeed('backbone', 'import', checkpoint, '--name', 'tiny', '--heads', '4');
  assert.match(imported, /tiny [0-9a-f]{12}: \d+ parameters, 16 wide, 2 blocks, 4 heads, joint positions/);
  assert.deepEqual(JSON.parse(await succeed('--json', 'backbone', 'list')), ['spectralgpt-mini', 'tiny']);
  const again = await hyperswap(
    'backbone',
    'import',
    checkpoint,
    '--name',
    'tiny',
    '--heads',
    '4',
    '--positions',
    'zero',
  );
  assert.equal(again.code, 1);
  assert.match(again.stderr, /Backbone tiny exists/);

  const { shape, values } = reference.input;
  await writeFile(path.join(directory, 'x.npy'), npy(shape, Float32Array.from(values)));
  for (const [precision, tolerance] of [
    ['float32', 1e-4],
    ['bfloat16', 0.1],
    ['int8', 0.2],
  ] as const) {
    const common = ['--backbone', 'tiny', '--precision', precision];
    await succeed(...common, 'predict', '--patches', 'x.npy', '--out', 'y.npy');
    const found = readNpy('y.npy', await readFile(path.join(directory, 'y.npy')));
    assert.deepEqual(found.shape, reference.pooled.shape);
    assert.ok(maximumDifference(found.values, reference.pooled.values) < tolerance, precision);
  }
  await writeFile(path.join(directory, 'flat.npy'), npy([2, 12], new Float32Array(24)));
  const wrong = await hyperswap('predict', '--patches', 'flat.npy', '--out', 'y.npy');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /flat\.npy has \[2, 12\] of f4/);
});
