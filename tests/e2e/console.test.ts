/** The web console in Chromium, end to end: draw labels, train, see the map, move an alias, compare. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { callUnary } from '@hyperswap/rpc';
import { openConsole, patience, type ConsolePage } from '../support/console-page.js';
import { eventually } from '../support/fleet.js';
import { npy, prepare, site, startServices, toyScene, type Services } from '../support/services.js';

describe('the console', () => {
  let services: Services;
  let console: ConsolePage;
  let page: Page;
  const toy = toyScene();

  before(async () => {
    services = await startServices({}, undefined, {}, { site });
    const { height, width, bands, values } = toy;
    await prepare(services, { name: 'field' }, npy([height, width, bands], values));
    console = await openConsole(services.host.console!, toy);
    page = console.page;
  });

  after(async () => {
    await console.close();
    await services.stop();
  });

  test('labels are drawn as polygons and points, and saved as a label map', async () => {
    await console.open('scenes');
    await page.getByRole('link', { name: 'Open field' }).click();
    await page.locator('.map canvas').first().waitFor();
    await page.waitForTimeout(500);
    for (const [index, name] of ['wheat', 'grass', 'soil'].entries()) {
      await page.getByLabel('New class').fill(name);
      await page.getByRole('button', { name: 'Add class' }).click();
      await page.getByRole('button', { name: 'Polygon' }).click();
      const [left, right] = [index * 10 + 1, index * 10 + 7];
      await console.clickPixels([2, left], [2, right], [12, right], [12, left], [2, left]);
      await page.getByText(new RegExp(`^${2 * index + 1} shapes?,`)).waitFor();
      await page.getByRole('button', { name: 'Point', exact: true }).click();
      await console.clickPixels([18, left + 3]);
      await page.getByText(new RegExp(`^${2 * index + 2} shapes`)).waitFor();
    }
    await console.check('scene');
    // Somebody else saves labels of the same scene, with a class of their own.
    const theirs = { scene: 'field', sceneDigest: undefined, labelMap: 'theirs', base: '' };
    const window = { row: 0, column: 0, height: 1, width: 1 };
    const newClasses = [{ name: 'water', color: 0x0000ff, code: undefined }];
    const windows = [{ window, labels: Buffer.of(1) }];
    await callUnary(services.scenes, 'saveLabels', { ...theirs, newClasses, windows });
    await page.getByRole('button', { name: 'Save labels' }).click();
    await page.getByText('Somebody else saved labels of scene field').waitFor();
    await page.getByRole('button', { name: 'Load the other labels, and keep my shapes' }).click();
    await page.getByRole('option', { name: 'theirs (1 pixels)' }).first().waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Save labels' }).click();
    await page.getByText('0 shapes, 0 pixels').waitFor();
    const { scene } = await callUnary(services.scenes, 'getScene', { name: 'field' });
    assert.deepEqual(
      scene!.classes.map(({ name }) => name),
      ['water', 'wheat', 'grass', 'soil'],
    );
    const drawn = scene!.labelMaps[1];
    assert.equal(drawn!.name, 'drawn-1');
    assert.ok(drawn!.labelledPixels > 150 && drawn!.labelledPixels < 240, `${drawn!.labelledPixels} pixels`);
  });

  test('spectra of the classes and of a pixel are drawn', async () => {
    await page.getByRole('button', { name: 'Look' }).click();
    // The picture is drawn anew with the labels that were saved.
    await page.waitForTimeout(1000);
    await console.clickPixels([5, 5]);
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
      await console.open('train/field');
      await page.getByLabel('Method').selectOption('linear-probe');
      await page.getByLabel('Training pixels of a class').fill('20');
      await page.getByLabel('… of a small class').fill('10');
      await page.getByLabel('Epochs').fill(epochs);
      await page.getByLabel('Patch in pixels, odd').fill('5');
      await page.getByText('60 training pixels').waitFor();
      await page.getByText('Distance of a test pixel').waitFor();
      if (version === 1) await console.check('train');
      await page.getByRole('button', { name: 'Start the training' }).click();
      await page.getByRole('heading', { name: `Done: field@${version}` }).waitFor();
      await page.getByRole('img', { name: 'Loss by epoch' }).waitFor();
    }
    await console.check('training');
  });

  test('maps of both versions are made, and a click tells class, probabilities and spectrum', async () => {
    for (const version of [1, 2]) {
      await console.open('maps');
      await page.getByText('New map').click();
      await page.getByLabel('Adapter').selectOption(`field@${version}`);
      await page.getByRole('button', { name: 'Classify' }).click();
      await page.getByRole('heading', { name: `field by field@${version}` }).waitFor();
      await page.locator('.map canvas').first().waitFor();
    }
    await page.getByText('wheat').first().waitFor();
    await page.waitForTimeout(500);
    await console.clickPixels([8, 4]);
    await page.getByRole('heading', { name: 'Pixel at row 8, column 4' }).waitFor();
    await page.locator('#pixel strong', { hasText: 'wheat' }).waitFor();
    assert.equal(await page.locator('#pixel meter').count(), 4);
    await page.getByRole('img', { name: 'Spectrum at row 8, column 4' }).waitFor();
    await console.check('map');
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

  test('a click counts although a new layer comes in the next moment', async () => {
    const { x, y } = await console.placeOf(10, 5);
    await page.mouse.click(x, y);
    await page.getByLabel('Layer').selectOption('confidence');
    await page.getByRole('heading', { name: 'Pixel at row 10, column 5' }).waitFor();
    await page.getByLabel('Layer').selectOption('classes');
  });

  test('two maps are compared side by side, with McNemar’s test', async () => {
    const other = page.getByLabel('Compare with');
    const value = await other.locator('option', { hasText: 'field@1' }).getAttribute('value');
    await other.selectOption(value);
    await page.getByText(/Divider at 50/).waitFor();
    await page.getByText(/McNemar’s test: chi-squared/).waitFor();
    await console.check('compare');
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
    await console.open('adapters');
    await page.getByLabel('Compare field@1').check();
    await page.getByLabel('Compare field@2').check();
    await page.getByText('Metrics side by side').waitFor();
    await console.check('adapters');
    const aliasOf = async (): Promise<number | undefined> => {
      const { adapters } = await callUnary(services.adapters, 'listAdapters', { pageSize: 0, pageToken: '' });
      return adapters.find(({ aliases }) => aliases.includes('stable'))?.version;
    };
    for (const version of [1, 2]) {
      await console.open('adapters');
      await page.getByRole('link', { name: `Open field@${version}` }).click();
      await page.getByRole('button', { name: `Point stable at field@${version}` }).click();
      assert.equal(await aliasOf(), version === 1 ? undefined : 1);
      await page.getByRole('button', { name: 'Yes, move stable' }).click();
      await page.getByText('stable names this version.').waitFor();
      assert.equal(await aliasOf(), version);
    }
    await console.check('adapter');
  });

  test('the fleet is shown live', async () => {
    await console.open('fleet');
    await page.getByRole('cell', { name: 'serving', exact: true }).waitFor();
    await page.getByRole('cell', { name: /2 ready/ }).waitFor();
    await console.check('fleet');
  });

  test('the keyboard alone reaches every page', async () => {
    await console.open('maps');
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
    assert.deepEqual(console.foreign, []);
    assert.deepEqual(console.complaints, []);
  });
});
