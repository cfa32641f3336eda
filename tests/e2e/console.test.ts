/** The web console in Chromium, end to end: draw labels, train, see the map, move an alias, compare. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { callUnary } from '@hyperswap/rpc';
import { startBrowser } from '../support/browser.js';
import { eventually } from '../support/fleet.js';
import { npy, prepare, site, startServices, toyScene, type Services } from '../support/services.js';

/** Milliseconds for what a user waits for. */
const patience = 60_000;

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

describe('the console', () => {
  let services: Services;
  let browser: Browser;
  let page: Page;
  let axe: string;
  /** Errors that the pages met, as requests that failed and what the policy refused. */
  const complaints: string[] = [];
  const foreign: string[] = [];

  before(async () => {
    services = await startServices({}, undefined, {}, { site });
    const { height, width, bands, values } = toyScene();
    await prepare(services, { name: 'field' }, npy([height, width, bands], values));
    axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(patience);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith('http') && url.origin !== services.host.console) foreign.push(request.url());
    });
  });

  after(async () => {
    await browser.close();
    await services.stop();
  });

  const open = async (hash: string): Promise<void> => {
    await page.goto(`${services.host.console}/#/${hash}`);
  };

  /**
   * Checks the page that is open for people who cannot see or point, at both widths; keeps a picture where a folder is
   * named.
   */
  async function checkPage(name: string): Promise<void> {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(250);
      const folder = process.env.CONSOLE_PICTURES;
      if (folder !== undefined) {
        await mkdir(folder, { recursive: true });
        await page.screenshot({ path: path.join(folder, `${name}-${width}.png`), fullPage: true });
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate<AxeResult>('axe.run(document)');
      const found = violations.map(
        ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`,
      );
      assert.deepEqual(found, [], `${name} at ${width} pixels`);
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      assert.ok(overflow <= 0, `${name} at ${width} pixels does not scroll sideways (${overflow})`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }

  /** Place on the screen of a pixel of the scene, whose map shows all of it. */
  async function placeOf(row: number, column: number): Promise<{ readonly x: number; readonly y: number }> {
    const { height, width } = toyScene();
    const box = (await page.locator('.map').boundingBox())!;
    // The map fits the scene with a margin of 8 pixels.
    const scale = Math.min((box.width - 18) / width, (box.height - 18) / height);
    const left = box.x + box.width / 2 - (width * scale) / 2;
    const top = box.y + box.height / 2 - (height * scale) / 2;
    return { x: left + (column + 0.5) * scale, y: top + (row + 0.5) * scale };
  }

  test('labels are drawn as polygons and points, and saved as a label map', async () => {
    await open('scenes');
    await page.getByRole('link', { name: 'Open field' }).click();
    await page.locator('.map canvas').first().waitFor();
    await page.waitForTimeout(500);
    for (const [index, name] of ['wheat', 'grass', 'soil'].entries()) {
      await page.getByLabel('New class').fill(name);
      await page.getByRole('button', { name: 'Add class' }).click();
      await page.getByRole('button', { name: 'Polygon' }).click();
      const [left, right] = [index * 10 + 1, index * 10 + 7];
      for (const [row, column] of [
        [2, left],
        [2, right],
        [12, right],
        [12, left],
        [2, left],
      ] as const) {
        const { x, y } = await placeOf(row, column);
        await page.mouse.move(x, y);
        await page.mouse.click(x, y);
        await page.waitForTimeout(300);
      }
      await page.getByText(new RegExp(`^${2 * index + 1} shapes`)).waitFor();
      await page.getByRole('button', { name: 'Point', exact: true }).click();
      const { x, y } = await placeOf(18, left + 3);
      await page.mouse.click(x, y);
      await page.getByText(new RegExp(`^${2 * index + 2} shapes`)).waitFor();
    }
    await checkPage('scene');
    await page.getByRole('button', { name: 'Save labels' }).click();
    await page.getByText('0 shapes, 0 pixels').waitFor();
    const { scene } = await callUnary(services.scenes, 'getScene', { name: 'field' });
    assert.deepEqual(
      scene!.classes.map(({ name }) => name),
      ['wheat', 'grass', 'soil'],
    );
    const [drawn] = scene!.labelMaps;
    assert.equal(drawn!.name, 'drawn-1');
    assert.ok(drawn!.labelledPixels > 150 && drawn!.labelledPixels < 240, `${drawn!.labelledPixels} pixels`);
  });

  test('spectra of the classes and of a pixel are drawn', async () => {
    await page.getByRole('button', { name: 'Look' }).click();
    // The picture is drawn anew with the labels that were saved.
    await page.waitForTimeout(1000);
    const { x, y } = await placeOf(5, 5);
    await page.mouse.click(x, y);
    await page.getByRole('heading', { name: 'Spectrum at row 5, column 5' }).waitFor();
    await page.getByRole('button', { name: 'Spectra of the classes' }).click();
    await page.getByRole('img', { name: 'Spectra of the classes of drawn-1' }).waitFor();
    assert.equal(await page.locator('svg polyline').count(), 4);
  });

  test('two trainings run from the form, with their split drawn and their loss live', async () => {
    for (const [version, epochs] of [
      [1, '2'],
      [2, '12'],
    ] as const) {
      await open('train/field');
      await page.getByLabel('Method').selectOption('linear-probe');
      await page.getByLabel('Training pixels of a class').fill('20');
      await page.getByLabel('… of a small class').fill('10');
      await page.getByLabel('Epochs').fill(epochs);
      await page.getByLabel('Patch in pixels, odd').fill('5');
      await page.getByText('60 training pixels').waitFor();
      await page.getByText('Distance of a test pixel').waitFor();
      if (version === 1) await checkPage('train');
      await page.getByRole('button', { name: 'Start the training' }).click();
      await page.getByRole('heading', { name: `Done: field@${version}` }).waitFor();
      await page.getByRole('img', { name: 'Loss by epoch' }).waitFor();
    }
    await checkPage('training');
  });

  test('maps of both versions are made, and a click tells class, probabilities and spectrum', async () => {
    for (const version of [1, 2]) {
      await open('maps');
      await page.getByText('New map').click();
      await page.getByLabel('Adapter').selectOption(`field@${version}`);
      await page.getByRole('button', { name: 'Classify' }).click();
      await page.getByRole('heading', { name: `field by field@${version}` }).waitFor();
      await page.locator('.map canvas').first().waitFor();
    }
    await page.getByText('wheat').first().waitFor();
    await page.waitForTimeout(500);
    const { x, y } = await placeOf(8, 4);
    await page.mouse.click(x, y);
    await page.getByRole('heading', { name: 'Pixel at row 8, column 4' }).waitFor();
    await page.locator('#pixel strong', { hasText: 'wheat' }).waitFor();
    assert.equal(await page.locator('#pixel meter').count(), 3);
    await page.getByRole('img', { name: 'Spectrum at row 8, column 4' }).waitFor();
    await checkPage('map');
    // The class is on the screen, and goes when it is switched off.
    const picture = async (): Promise<string> => (await page.locator('.map').screenshot()).toString('base64');
    const shown = await picture();
    await page.locator('.legend').getByText('wheat').click();
    await eventually(patience, async () => assert.ok((await picture()) !== shown, 'the class has gone'));
    await page.locator('.legend').getByText('wheat').click();
    await eventually(patience, async () => assert.ok((await picture()) === shown, 'the class is back'));
    await page.getByLabel('Layer').selectOption('confidence');
    await page.getByText('high confidence').waitFor();
    await page.getByLabel('Layer').selectOption('classes');
  });

  test('two maps are compared side by side, with McNemar’s test', async () => {
    const other = page.getByLabel('Compare with');
    const value = await other.locator('option', { hasText: 'field@1' }).getAttribute('value');
    await other.selectOption(value);
    await page.getByText(/Divider at 50/).waitFor();
    await page.getByText(/McNemar’s test: chi-squared/).waitFor();
    await checkPage('compare');
    await other.selectOption('truth');
    await page.getByText(/Divider at 50/).waitFor();
  });

  test('files of a map are downloaded', async () => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'labels.tif' }).click(),
    ]);
    assert.equal(file.suggestedFilename(), 'field-labels.tif');
    assert.equal((await readFile(await file.path())).subarray(0, 2).toString('latin1'), 'II');
  });

  test('adapters are put side by side, and an alias moves only after a confirmation', async () => {
    await open('adapters');
    await page.getByLabel('Compare field@1').check();
    await page.getByLabel('Compare field@2').check();
    await page.getByText('Metrics side by side').waitFor();
    await checkPage('adapters');
    const aliasOf = async (): Promise<number | undefined> => {
      const { adapters } = await callUnary(services.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
      return adapters.find(({ aliases }) => aliases.includes('stable'))?.version;
    };
    for (const version of [1, 2]) {
      await open('adapters');
      await page.getByRole('link', { name: `Open field@${version}` }).click();
      await page.getByRole('button', { name: `Point stable at field@${version}` }).click();
      assert.equal(await aliasOf(), version === 1 ? undefined : 1);
      await page.getByRole('button', { name: 'Yes, move stable' }).click();
      await page.getByText('stable names this version.').waitFor();
      assert.equal(await aliasOf(), version);
    }
    await checkPage('adapter');
  });

  test('the fleet is shown live', async () => {
    await open('fleet');
    await page.getByRole('cell', { name: 'serving', exact: true }).waitFor();
    await page.getByRole('cell', { name: /2 ready/ }).waitFor();
    await checkPage('fleet');
  });

  test('the keyboard alone reaches every page', async () => {
    await open('maps');
    await page.reload();
    await page.getByRole('heading', { name: 'Maps' }).waitFor();
    await page.keyboard.press('Tab');
    const texts: string[] = [];
    for (let step = 0; step < 7; step++) {
      texts.push(await page.evaluate<string>('document.activeElement.textContent'));
      await page.keyboard.press('Tab');
    }
    assert.deepEqual(texts, ['Skip to the content', 'Maps', 'Scenes', 'Train', 'Adapters', 'Fleet', 'Sign in']);
  });

  test('nothing was asked of other hosts, and no page met an error', () => {
    assert.deepEqual(foreign, []);
    assert.deepEqual(complaints, []);
  });
});
