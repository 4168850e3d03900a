import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Whether a program of another maker is here to judge; `.ci/run` installs them. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What zbarimg reads from a picture of the whole page. */
export async function zbarimg(page: Page): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'dubbelslot-qr-')), 'page.png');
  await page.screenshot({ path, fullPage: true });
  return execFileSync('zbarimg', ['--quiet', '--raw', path], { encoding: 'utf8' }).trim();
}

/** The code that oathtool makes of a base 32 secret. */
export const oathtool = (secret: string, at: Date): string =>
  execFileSync(
    'oathtool',
    ['--totp', '--base32', `--now=${at.toISOString().replace('T', ' ').slice(0, 19)} UTC`, secret],
    {
      encoding: 'utf8',
    },
  ).trim();
