import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gallery, type Shown, serveGallery } from '../../bin/gallery/server.ts';
import { accessibilityFaults } from '../support/accessibility.ts';
import { type LaunchedBrowser, launchChromium, screenshotFolder } from '../support/chromium.ts';
import { difference, STEADY } from '../support/pictures.ts';

/** How the pages looked when somebody last agreed with it. */
const AGREED = join(import.meta.dirname, 'gallery');
/** Of all points. Edges of letters differ a little between machines; a moved button is more. */
const MOST_DIFFERENT = 0.004;
const ours: Gallery = await serveGallery(0);

let launched: LaunchedBrowser;
beforeAll(async () => {
  mkdirSync(join(screenshotFolder, 'gallery'), { recursive: true });
  mkdirSync(AGREED, { recursive: true });
  launched = await launchChromium();
});
afterAll(async () => {
  ours.close();
  await launched?.browser.close();
});

async function open(options: {
  width: number;
  colorScheme?: 'dark' | 'light';
  forcedColors?: 'active';
  deviceScaleFactor?: number;
}): Promise<Page> {
  const { width, ...more } = options;
  const context = await launched.browser.newContext({ viewport: { width, height: 800 }, bypassCSP: true, ...more });
  // The page that it would lead to does not exist; nothing here waits for it.
  await context.route('**/e', (route) => route.abort());
  return context.newPage();
}
const nameOf = ({ page, state }: Shown): string => `${page}-${state.replaceAll(' ', '-')}`;

/** What sticks out at the side: people would have to scroll in two directions (WCAG 2.2, 1.4.10). */
const sticksOut = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe.each(['nl', 'en'])('every page in every state, in %s', (locale) => {
  it('is free of what axe-core finds, on a phone by day and on a laptop in the dark', {
    timeout: 300_000,
  }, async () => {
    const faults: string[] = [];
    for (const [width, colorScheme] of [
      [390, 'light'],
      [1280, 'dark'],
    ] as const) {
      const page = await open({ width, colorScheme });
      for (const shown of ours.shown) {
        await page.goto(`${ours.url}/${locale}${shown.path}`);
        for (const fault of await accessibilityFaults(page)) faults.push(`${nameOf(shown)} (${width}): ${fault}`);
      }
      await page.context().close();
    }
    expect(faults).toEqual([]);
  });

  it('fits where it is narrow (320 px) and where letters are twice as large', { timeout: 120_000 }, async () => {
    const faults: string[] = [];
    for (const [width, size] of [
      [320, '100%'],
      [640, '200%'],
    ] as const) {
      const page = await open({ width });
      for (const shown of ours.shown) {
        await page.goto(`${ours.url}/${locale}${shown.path}`);
        await page.addStyleTag({ content: `html { font-size: ${size} !important }` });
        const points = await sticksOut(page);
        if (points > 0) faults.push(`${nameOf(shown)} at ${width} px and ${size}: ${points} px`);
      }
      await page.context().close();
    }
    expect(faults).toEqual([]);
  });
});

describe('the look of every page', () => {
  it('is as somebody agreed with it (UPDATE_GALLERY=1 agrees with what is there)', { timeout: 120_000 }, async () => {
    // Half as large as on a phone: a hundred pictures are kept.
    const page = await open({ width: 390, colorScheme: 'light', deviceScaleFactor: 0.5 });
    const faults: string[] = [];
    for (const shown of ours.shown) {
      await page.goto(`${ours.url}/nl${shown.path}`);
      await page.addStyleTag({ content: STEADY });
      await page.evaluate(() => document.fonts.ready);
      // A picture further down is loaded when somebody comes near it, which a screenshot of the whole page does not wait for.
      await page.evaluate(() => {
        for (const image of document.images) image.loading = 'eager';
        return Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
      });
      const now = await page.screenshot({ fullPage: true });
      writeFileSync(join(screenshotFolder, 'gallery', `${nameOf(shown)}.png`), now);
      const agreed = join(AGREED, `${nameOf(shown)}.png`);
      if (process.env.UPDATE_GALLERY) writeFileSync(agreed, now);
      else if (!existsSync(agreed)) faults.push(`${nameOf(shown)}: nobody has agreed with it yet`);
      else {
        const found = difference(readFileSync(agreed), now, MOST_DIFFERENT);
        if (found) faults.push(`${nameOf(shown)}: ${found.sentence}`);
        if (found?.picture)
          writeFileSync(join(screenshotFolder, 'gallery', `${nameOf(shown)}-differs.png`), found.picture);
      }
    }
    await page.context().close();
    expect(faults).toEqual([]);
  });

  it('has a page for each picture, and no picture of a page that is gone', () => {
    expect(readdirSync(AGREED).sort()).toEqual(ours.shown.map((shown) => `${nameOf(shown)}.png`).sort());
  });

  it('keeps what can be pressed and what is wrong to be seen where the system chooses the colours', async () => {
    const page = await open({ width: 390, forcedColors: 'active' });
    for (const path of ['/nl/sign-in/wrong', '/nl/approve/waiting', '/nl/wizard-scan/to%20scan']) {
      await page.goto(`${ours.url}${path}`);
      const name = path.split('/')[2];
      await page.screenshot({ path: join(screenshotFolder, 'gallery', `forced-colours-${name}.png`), fullPage: true });
      const borders = await page
        .locator('.button, .notice')
        .evaluateAll((all) => all.map((each) => getComputedStyle(each).borderTopStyle));
      expect(new Set(borders), path).toEqual(new Set(['solid']));
    }
    await page.context().close();
  });
});
