/** A page of the web console in Chromium, as tests use it: opened, drawn on, and checked for everybody who reads it. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startBrowser } from './browser.js';

/** Milliseconds for what a user waits for. */
export const patience = 60_000;

/** Widths of a desktop and of a phone, in pixels. */
const widths = { desktop: 1280, phone: 390 } as const;

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

export interface ConsolePage {
  readonly page: Page;
  /** Errors that the pages met, as requests that failed and what the policy refused. */
  readonly complaints: readonly string[];
  /** Requests to other hosts. */
  readonly foreign: readonly string[];
  /** Opens the page of a hash, as `maps`. */
  readonly open: (hash: string) => Promise<void>;
  /**
   * Checks the page that is open at both widths: for people who cannot see or point (axe), and that it does not scroll
   * sideways. Keeps pictures in the folder that `CONSOLE_PICTURES` names.
   */
  readonly check: (name: string) => Promise<void>;
  /** Returns the place of a pixel of the scene, whose map shows all of it, in the window. */
  readonly placeOf: (row: number, column: number) => Promise<{ readonly x: number; readonly y: number }>;
  /** Clicks pixels of the scene, one after the other. */
  readonly clickPixels: (...pixels: readonly (readonly [row: number, column: number])[]) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens a browser on a console. @param size of the scene whose pixels are clicked */
export async function openConsole(
  address: string,
  size: { readonly height: number; readonly width: number },
): Promise<ConsolePage> {
  const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  const browser = await startBrowser();
  const page = await browser.newPage({ viewport: { width: widths.desktop, height: 900 } });
  page.setDefaultTimeout(patience);
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== address) foreign.push(request.url());
  });

  async function checkAt(name: string, width: number): Promise<void> {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForTimeout(250);
    const folder = process.env.CONSOLE_PICTURES;
    if (folder !== undefined) {
      await mkdir(folder, { recursive: true });
      await page.screenshot({ path: path.join(folder, `${name}-${width}.png`), fullPage: true });
    }
    await page.evaluate(axe);
    const { violations } = await page.evaluate<AxeResult>('axe.run(document)');
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
    assert.deepEqual(found, [], `${name} at ${width} pixels`);
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert.ok(overflow <= 0, `${name} at ${width} pixels does not scroll sideways (${overflow})`);
  }

  async function placeOf(row: number, column: number): Promise<{ readonly x: number; readonly y: number }> {
    const { height, width } = size;
    const map = page.locator('.map');
    await map.scrollIntoViewIfNeeded();
    const box = (await map.boundingBox())!;
    // The map fits the scene with a margin of 8 pixels.
    const scale = Math.min((box.width - 18) / width, (box.height - 18) / height);
    const left = box.x + box.width / 2 - (width * scale) / 2;
    const top = box.y + box.height / 2 - (height * scale) / 2;
    return { x: left + (column + 0.5) * scale, y: top + (row + 0.5) * scale };
  }

  return {
    ...{ page, complaints, foreign, placeOf },
    open: async (hash) => {
      await page.goto(`${address}/#/${hash}`);
    },
    check: async (name) => {
      for (const width of [widths.desktop, widths.phone]) await checkAt(name, width);
      await page.setViewportSize({ width: widths.desktop, height: 900 });
      await page.waitForTimeout(250);
    },
    clickPixels: async (...pixels) => {
      for (const [row, column] of pixels) {
        const { x, y } = await placeOf(row, column);
        await page.mouse.move(x, y);
        await page.mouse.click(x, y);
        // OpenLayers takes two clicks within 250 ms for one double click.
        await page.waitForTimeout(300);
      }
    },
    close: () => browser.close(),
  };
}
