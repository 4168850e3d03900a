import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { accessibilityFaults } from '../support/accessibility.ts';
import { launchChromium, screenshotFolder } from '../support/chromium.ts';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-site-'));
const output = join(folder, 'out');
let pages: string[];

beforeAll(() => {
  // As from a fresh clone: its packages are never beside the server's.
  const maker = join(folder, 'site');
  cpSync(join(ROOT, 'docs/site'), maker, {
    recursive: true,
    filter: (path) => basename(path) !== 'node_modules',
  });
  const npm = (...args: string[]) =>
    execFileSync('npm', args, {
      cwd: maker,
      env: { ...process.env, DOCS_ROOT: ROOT, SITE_OUTPUT: output },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  npm('ci', '--no-audit', '--no-fund');
  npm('run', 'build');
  pages = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
}, 120_000);

const markdownIn = (below: string): string[] =>
  readdirSync(join(ROOT, below))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(below, name));

describe('the site of the documentation', () => {
  it('has every document', () => {
    const documents = ['docs', 'docs/guide', 'docs/integrations', 'docs/adr'].flatMap(markdownIn);
    expect(documents.length).toBeGreaterThan(45);
    expect(pages).toEqual(expect.arrayContaining(documents.map((name) => name.replace(/\.md$/, '.html'))));
    expect(pages).toContain('index.html');
    // Commands are written as our documents do: four spaces in.
    expect(readFileSync(join(output, 'index.html'), 'utf8')).toMatch(/<pre[^>]*><code>npm ci &amp;&amp; npm run demo/);
    // And nothing of its own packages.
    expect(pages.filter((name) => name.includes('node_modules'))).toEqual([]);
  });

  // A link of a document to a file that is not there stops the building: `eleventy.config.js`.
  it('has no link that leads nowhere, and takes nothing from elsewhere', () => {
    const broken: string[] = [];
    for (const page of pages) {
      const html = readFileSync(join(output, page), 'utf8');
      const here = pathToFileURL(join(output, page));
      for (const [, attribute, link] of html.matchAll(/ (href|src)="([^"]+)"/g)) {
        const url = new URL(link!.replaceAll('&amp;', '&'), here);
        if (url.protocol !== 'file:') {
          if (attribute === 'src') broken.push(`${page} takes ${link}`);
          continue;
        }
        const file = fileURLToPath(url);
        if (!existsSync(file) || statSync(file).isDirectory()) broken.push(`${page} leads to ${link}`);
        else if (url.hash && !readFileSync(file, 'utf8').includes(` id="${decodeURIComponent(url.hash.slice(1))}"`))
          broken.push(`${page} leads to ${link}, where that heading is not`);
      }
      expect(html, `${page} takes something from elsewhere`).not.toMatch(
        /<(?:link|script|img|iframe)[^>]+="(?:https?:)?\/\//,
      );
      expect(html, `${page} has a template’s braces`).not.toMatch(/\{\{ *(content|title|menu)/);
    }
    expect(broken).toEqual([]);
  });

  it('can be read by everybody, on a phone and in the dark', async () => {
    const { browser } = await launchChromium();
    try {
      for (const [width, colorScheme] of [
        [1280, 'light'],
        [390, 'dark'],
      ] as const) {
        const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
        const page = await context.newPage();
        for (const name of ['index.html', 'docs/operations.html', 'docs/adr/0001-own-state-of-a-sign-in.html']) {
          await page.goto(pathToFileURL(join(output, name)).href);
          expect(await accessibilityFaults(page), `${name} at ${width}`).toEqual([]);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          expect(wide, `${name} at ${width}`).toBeLessThanOrEqual(width);
          await page.screenshot({ path: join(screenshotFolder, `site-${basename(name, '.html')}-${width}.png`) });
        }
        await context.close();
      }
    } finally {
      await browser.close();
    }
  });
});
