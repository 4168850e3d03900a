import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

export interface Executable {
  readonly path: string;
  readonly env: Record<string, string> | undefined;
  /** A whole Chromium has real notifications; the one inside the npm package has none. */
  readonly hasNotifications: boolean;
}

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** CHROME_PATH, then an installed Chromium, then the one that came with `npm ci`. Never skips: without one, it says how to get one. */
export async function findChromium(): Promise<Executable> {
  const { CHROME_PATH } = process.env;
  if (CHROME_PATH === 'npm') return npmChromium();
  if (CHROME_PATH) return { path: CHROME_PATH, env: undefined, hasNotifications: true };
  const installed = INSTALLED.find((path) => existsSync(path));
  if (installed) return { path: installed, env: undefined, hasNotifications: true };
  if (process.platform === 'linux' && process.arch === 'x64') return npmChromium();
  throw new Error('The browser tests need Chromium. Install Chrome or Chromium, or set CHROME_PATH to one.');
}

/**
 * The Chromium inside @sparticuz/chromium, without root: unpacked into node_modules/.cache, with its own libraries and
 * fonts. Its own launch arguments are left alone (they break the browser), and without a usable font every input
 * field would end it. global-setup unpacks it once, before several files want it at the same time.
 */
export async function npmChromium(): Promise<Executable> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@sparticuz/chromium');
  const root = entry.slice(0, entry.lastIndexOf('chromium/') + 'chromium/'.length);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const folder = resolve('node_modules/.cache/chromium', version);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const { default: sparticuz, inflate } = await import('@sparticuz/chromium');
    sparticuz.setGraphicsMode = false;
    const path = await sparticuz.executablePath();
    if (!existsSync(join(folder, 'al2023/lib'))) await inflate(join(root, 'bin/al2023.tar.br'));
    const fonts = join(folder, 'fonts.conf');
    writeFileSync(
      fonts,
      `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${folder}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${folder}/font-cache</cachedir></fontconfig>`,
    );
    const libraries = [process.env.LD_LIBRARY_PATH, join(folder, 'al2023/lib')].filter(Boolean).join(':');
    const env = {
      ...process.env,
      TMPDIR: before ?? tmpdir(),
      FONTCONFIG_FILE: fonts,
      LD_LIBRARY_PATH: libraries,
    } as Record<string, string>;
    return { path, env, hasNotifications: false };
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface LaunchedBrowser {
  readonly browser: Browser;
  readonly hasNotifications: boolean;
}

/** @param cameraFile what the fake camera films (Y4M), read when a page opens the camera */
export async function launchChromium(cameraFile?: string): Promise<LaunchedBrowser> {
  const { path, env, hasNotifications } = await findChromium();
  const camera = cameraFile
    ? [
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        `--use-file-for-fake-video-capture=${cameraFile}`,
      ]
    : [];
  const browser = await chromium.launch({
    executablePath: path,
    args: [...ARGUMENTS, ...camera],
    headless: true,
    ...(env ? { env } : {}),
  });
  return { browser, hasNotifications };
}

/** Kept beside the tests for people to look at. */
export const screenshotFolder = join(dirname(import.meta.dirname), 'browser/screenshots');
