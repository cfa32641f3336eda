/**
 * The console on the result of the demo, in Chromium, with Indian Pines: look at both maps, paint labels, train, see
 * the map, compare, swap adapters.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callUnary } from '@hyperswap/rpc';
import { commandFile } from '../support/command.js';
import { openConsole, patience, type ConsolePage } from '../support/console-page.js';
import { startServing, type Pod } from '../support/fleet.js';
import { fixture } from '../support/fixtures.js';
import { freePort } from '../support/free-port.js';

const size = { height: 145, width: 145 };
/** Rectangles inside fields of one class: class, first and last row, first and last column. */
const fields = [
  ['Corn-notill', 31, 43, 37, 58],
  ['Hay-windrowed', 39, 58, 122, 138],
  ['Soybean-mintill', 95, 113, 26, 45],
  ['Woods', 118, 137, 86, 120],
] as const;
const drawnPixels = fields.reduce((sum, [, top, bottom, left, right]) => sum + (bottom - top) * (right - left), 0);

describe('the console on the result of the demo', () => {
  let directory: string;
  let pod: Pod;
  let console: ConsolePage;
  let printed: string;
  const environment = { ...process.env, HYPERSWAP_PORT: '0', HYPERSWAP_LOG_LEVEL: 'error' };

  const hyperswap = async (...args: string[]): Promise<string> => {
    const options = { cwd: directory, env: environment, maxBuffer: 16 * 1024 * 1024 };
    return (await promisify(execFile)(process.execPath, [commandFile, ...args], options)).stdout;
  };

  /** Runs services with a gateway on free ports, and opens their console. */
  async function serve(args: readonly string[]): Promise<void> {
    const port = await freePort();
    const gateway = { ...environment, HYPERSWAP_GATEWAY_PORT: String(port) };
    pod = await startServing([...args, '--port', '0'], gateway, directory);
    console = await openConsole(`http://127.0.0.1:${port}`, size);
  }

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-demo-'));
    // A small backbone of random weights makes the demo's maps in seconds.
    const small = ['--home', 'my home', '--backbone', 'small'];
    await hyperswap(
      ...small.slice(0, 2),
      'backbones',
      'import',
      fixture('release.pth'),
      '--name',
      'small',
      '--heads',
      '4',
    );
    printed = await hyperswap(...small, 'demo', '--out', 'demo', '--method', 'linear-probe', '--set', 'epochs=8');
    const [, advice] = /in a browser: (.* up) --open$/m.exec(printed) ?? assert.fail(printed);
    // The command as a shell takes it, without the browser of a desktop.
    const words = await promisify(execFile)('bash', ['-c', `printf '%s\\n' ${advice!}`]);
    const [command, ...args] = words.stdout.trimEnd().split('\n');
    assert.equal(path.resolve(directory, command!), commandFile);
    assert.deepEqual(args, [...small, 'up']);
    await serve(args);
  });

  after(async () => {
    await console.close();
    await pod.kill();
    await rm(directory, { recursive: true, force: true });
  });

  test('the demo says how to look at its result, and both maps are there', async () => {
    const { page, open, check, clickPixels } = console;
    assert.match(printed, /kept for 24 hours/);
    await open('maps');
    await page.getByRole('heading', { name: 'Maps' }).waitFor();
    const rows = page.getByRole('table').getByRole('row');
    await rows.first().waitFor();
    assert.equal(await rows.count(), 3);
    await check('demo-maps');
    await page.getByRole('link', { name: 'Open the map of indian-pines by indian-pines@1' }).click();
    await page.getByRole('heading', { name: 'indian-pines by indian-pines@1' }).waitFor();
    await page.getByText('Buildings-Grass-Trees-Drives').waitFor();
    await clickPixels([127, 100]);
    await page.getByRole('heading', { name: 'Pixel at row 127, column 100' }).waitFor();
    await page.locator('#pixel strong', { hasText: 'Woods' }).waitFor();
    assert.equal(await page.locator('#pixel meter').count(), 5);
    await check('demo-map');
    assert.deepEqual([...console.foreign, ...console.complaints], []);
    await console.close();
    await pod.stop();
    // From here on with the backbone that ships.
    await serve(['--home', 'my home', 'up']);
  });

  test('labels are painted on the scene', async () => {
    const { page, open, check, clickPixels } = console;
    await open('scenes');
    await page.getByRole('link', { name: 'Open indian-pines' }).click();
    await page.locator('.map canvas').first().waitFor();
    await page.getByRole('button', { name: 'Spectra of the classes' }).click();
    await page.getByRole('img', { name: 'Spectra of the classes of truth' }).waitFor();
    assert.equal(await page.locator('svg polyline').count(), 16);
    await check('demo-spectra');
    await page.getByRole('combobox', { name: 'Labels', exact: true }).selectOption('');
    await page.waitForTimeout(500);
    for (const [index, [name, top, bottom, left, right]] of fields.entries()) {
      await page.getByRole('combobox', { name: 'Class', exact: true }).selectOption({ label: name });
      await page.getByRole('button', { name: 'Polygon' }).click();
      await clickPixels([top, left], [top, right], [bottom, right], [bottom, left], [top, left]);
      await page.getByText(new RegExp(`^${index + 1} shapes?,`)).waitFor();
    }
    await page.getByRole('button', { name: 'Point', exact: true }).click();
    await page.getByLabel('Size of a point').selectOption('3');
    await clickPixels([128, 100]);
    await page.getByText(new RegExp(`^${fields.length + 1} shapes,`)).waitFor();
    await check('demo-labels');
    await page.getByRole('button', { name: 'Save labels' }).click();
    await page.getByText('0 shapes, 0 pixels').waitFor();
    const { scene } = await callUnary(pod.scenes, 'getScene', { name: 'indian-pines' });
    const drawn = scene!.labelMaps.find(({ name }) => name === 'drawn-1')!;
    assert.ok(Math.abs(drawn.labelledPixels / drawnPixels - 1) < 0.1, `${drawn.labelledPixels} of ${drawnPixels}`);
  });

  test('a linear probe and a second method train on them', async () => {
    const { page, open, check } = console;
    for (const [version, method, epochs] of [
      [1, 'linear-probe', '8'],
      [2, 'bitfit', '2'],
    ] as const) {
      await open('train/indian-pines');
      await page.getByLabel('Method').selectOption(method);
      await page.getByLabel('Name of the adapter').fill('fields');
      await page.getByLabel('Training pixels of a class').fill('20');
      await page.getByLabel('Epochs').fill(epochs);
      await page.getByText('80 training pixels').waitFor();
      if (version === 1) await check('demo-train');
      await page.getByRole('button', { name: 'Start the training' }).click();
      await page.getByRole('heading', { name: `Done: fields@${version}` }).waitFor();
      await page.getByRole('img', { name: 'Loss by epoch' }).waitFor();
    }
    await check('demo-training');
  });

  test('the map of the second one is made from its page, and compared with a map that was made before the labels', async () => {
    const { page, check } = console;
    await page.getByRole('button', { name: 'Classify indian-pines' }).click();
    await page.getByRole('heading', { name: 'indian-pines by fields@2' }).waitFor({ timeout: 3 * patience });
    await page.locator('.map canvas').first().waitFor();
    const other = page.getByLabel('Compare with');
    const value = await other.locator('option', { hasText: 'indian-pines@1' }).getAttribute('value');
    await other.selectOption(value);
    await page.getByText(/McNemar’s test: chi-squared/).waitFor();
    await page.getByText('The difference is significant.').waitFor();
    await console.clickPixels([48, 130]);
    await page.locator('#pixel strong', { hasText: 'Hay-windrowed' }).waitFor();
    await check('demo-compare');
  });

  test('an alias swaps the adapters', async () => {
    const { page, open, check } = console;
    const stable = async (): Promise<number | undefined> => {
      const { adapters } = await callUnary(pod.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
      return adapters.find(({ name, aliases }) => name === 'fields' && aliases.includes('stable'))?.version;
    };
    for (const version of [2, 1]) {
      await open(`adapters/fields%40${version}`);
      await page.getByRole('button', { name: `Point stable at fields@${version}` }).click();
      await page.getByRole('button', { name: 'Yes, move stable' }).click();
      await page.getByText('stable names this version.').waitFor();
      assert.equal(await stable(), version);
    }
    await check('demo-adapter');
    await open('adapters');
    for (const reference of ['fields@1', 'fields@2', 'indian-pines@1']) {
      await page.getByLabel(`Compare ${reference}`).check();
    }
    await page.getByText('Metrics side by side').waitFor();
    await check('demo-adapters');
  });

  test('nothing was asked of other hosts, and no page met an error', () => {
    assert.deepEqual(console.foreign, []);
    assert.deepEqual(console.complaints, []);
  });
});
