import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gallery, serveGallery } from '../../bin/gallery/server.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { GUIDE_PAGES, GUIDE_SCREENS } from '../../src/http/guide.ts';
import { screenshotFolder } from '../support/chromium.ts';
import { difference, STEADY } from '../support/pictures.ts';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

const PICTURES = join(import.meta.dirname, '../../public/guide');
/** Where `npm run guide` puts the guide as PDF, in the name of the organisation in its settings. */
const PAPER = join(import.meta.dirname, '../../guide');
const MOST_DIFFERENT = 0.02;
const isMaking = Boolean(process.env.MAKE_GUIDE);
/** Nor what has the focus. */
const QUIET = `${STEADY} * { outline: none !important }`;

let stage: Stage;
let gallery: Gallery;

beforeAll(async () => {
  stage = await Stage.set();
  // Who makes it, makes it in the name of the organisation in their settings.
  const { organisation, publicUrl } = loadConfig(
    { ...(isMaking ? process.env : {}), DATA_DIR: screenshotFolder },
    systemRandom,
  );
  const { name, support, logo, accent } = organisation;
  const config = {
    ...(name ? { name } : {}),
    ...(isMaking && process.env.PUBLIC_URL ? { publicUrl } : {}),
    ...(support ? { support } : {}),
    ...(isMaking ? { logo, accent, today: new Date().toISOString().slice(0, 10) } : {}),
  };
  gallery = await serveGallery(0, config);
});
afterAll(async () => {
  gallery?.close();
  await stage?.strike();
});

/** Keeps a picture for the guide, or holds it against the one that is kept. */
async function take(page: Page, locale: string, name: string, faults: string[]): Promise<void> {
  // A sheet of its own: the page's policy allows no other style.
  await page.evaluate((rules) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    document.adoptedStyleSheets = [sheet];
  }, QUIET);
  await page.evaluate(() => document.fonts.ready);
  const main = page.locator(name.startsWith('phone-') ? 'body' : 'main');
  const now = await main.screenshot();
  const file = join(PICTURES, locale, `${name}.png`);
  writeFileSync(join(screenshotFolder, `guide-${locale}-${name}.png`), now);
  if (isMaking) return writeFileSync(file, now);
  if (!existsSync(file)) return void faults.push(`${locale}/${name}: there is no picture`);
  const found = difference(readFileSync(file), now, MOST_DIFFERENT);
  if (found) faults.push(`${locale}/${name}: ${found.sentence}`);
}

/** What is another each time. */
const settle = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode())
      node.textContent = (node.textContent ?? '')
        .replace(/\b\d{1,2}:\d{2}(:\d{2})?\b/g, '9:01')
        .replace(/\d+(?= (seconden|seconds))/g, '90')
        .replace(/(127\.0\.0\.1|::1)/g, '192.0.2.7')
        .replace(/\b\d{1,2} [a-z]+ 20\d\d\b/gi, '27 november 2026');
  });

describe.each([
  ['nl', 'nl-NL', /Account toevoegen/, /Werk- of schoolaccount/, /Meldingen toestaan/],
  ['en', 'en-GB', /Add account/, /Work or school account/, /Allow notifications/],
] as const)('the guide, in %s', (locale, language, add, work, allow) => {
  it('has pictures of the pages and of the app as they are (npm run guide makes them anew)', {
    timeout: 120_000,
  }, async () => {
    mkdirSync(join(PICTURES, locale), { recursive: true });
    const faults: string[] = [];
    const context = await stage.launched.browser.newContext({
      viewport: { width: 640, height: 800 },
      bypassCSP: true,
      colorScheme: 'light',
    });
    const drawn = await context.newPage();
    for (const [name, path] of Object.entries(GUIDE_PAGES)) {
      await drawn.goto(`${gallery.url}/${locale}${path}`);
      await drawn.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await take(drawn, locale, name, faults);
    }
    await context.close();

    const person = await stage.installation.addPerson(`medewerker-${locale}@example.org`);
    const laptop = await stage.openLaptop({ locale: language });
    await stage.givePassword(laptop, person);
    await laptop.locator('form .button').first().click();
    await laptop.waitForURL('**/mfa/setup');
    await laptop.goto(`${stage.installation.url}/mfa/setup/scan`);
    const phone = await stage.openPhone({ locale: language });
    await phone.start();
    await phone.page.getByRole('button', { name: add }).first().click();
    await take(phone.page, locale, 'phone-add', faults);
    await phone.page.getByRole('button', { name: work }).waitFor();
    await phone.openEnrolmentLink(await readQr(laptop));
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications')
      await phone.page.getByRole('button', { name: allow }).click();
    await phone.waitForScreen('added');
    await settle(phone.page);
    await take(phone.page, locale, 'phone-added', faults);
    await laptop.waitForSelector(`text=${person.email}`);
    const push = stage.service.next();
    await laptop.locator('form .button:not([disabled])').first().click();
    await laptop.waitForURL('**/mfa/setup/test');
    const number = (await laptop.textContent('.number'))!;
    await phone.deliver((await push).data);
    await phone.waitForScreen('request');
    await settle(phone.page);
    await take(phone.page, locale, 'phone-request', faults);
    await phone.approve(number);
    await phone.waitForScreen('result');
    await settle(phone.page);
    await take(phone.page, locale, 'phone-approved', faults);
    await phone.close();
    expect(faults).toEqual([]);
    const names = [...Object.keys(GUIDE_PAGES), ...GUIDE_SCREENS].map((name) => `${name}.png`);
    expect(readdirSync(join(PICTURES, locale)).sort()).toEqual(names.sort());
  });

  it('is read on a phone and on paper, with every picture', { timeout: 60_000 }, async () => {
    for (const width of [390, 1280]) {
      const page = await stage.openLaptop({ width, locale: language });
      for (const path of ['/help', '/help/iphone', '/help/android', '/help/card']) {
        await page.goto(stage.installation.url + path);
        await stage.shot(page, `${locale}-guide${path.replaceAll('/', '-')}-${width}`);
      }
      expect(page.errors).toEqual([]);
    }
    const page = await stage.openLaptop({ locale: language });
    for (const [path, name] of [
      ['/guide/book', 'guide'],
      ['/guide-card/usual', 'card'],
    ] as const) {
      await page.goto(`${gallery.url}/${locale}${path}`);
      const pictures = await page.locator('img').evaluateAll((all) =>
        Promise.all(
          all.map(async (each) => {
            (each as HTMLImageElement).loading = 'eager';
            await (each as HTMLImageElement).decode().catch(() => {});
            return (each as HTMLImageElement).naturalWidth;
          }),
        ),
      );
      expect(Math.min(...pictures), path).toBeGreaterThan(0);
      const pdf = await page.pdf({
        format: 'A4',
        printBackground: true,
        margin: { top: '2cm', bottom: '2cm', left: '2cm', right: '2cm' },
      });
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
      const sheets = pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0;
      expect(sheets, `sheets of ${name}`).toBe(name === 'card' ? 1 : Math.max(sheets, 5));
      const folder = isMaking ? PAPER : screenshotFolder;
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${name}-${locale}.pdf`), pdf);
    }
  });
});
