import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
let installation: TestInstallation;
let front: string;

beforeAll(async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'dubbelslot-logo-')), 'logo.svg');
  writeFileSync(file, LOGO);
  installation = await startInstallation({
    LOGO_FILE: file,
    ACCENT_COLOUR: '#7a1f5c',
    ACCESSIBILITY_URL: 'https://www.example.org/toegankelijkheid',
    SUPPORT: 'Servicedesk',
    SUPPORT_PHONE: '+31 (0)30 123 45 67',
    SUPPORT_HOURS: 'werkdagen 8.00 – 17.00 uur',
  });
  front = await (await fetch(installation.url)).text();
});
afterAll(() => installation.close());

describe('an organisation’s own look', () => {
  it('is linked to by addresses that change with it, and may be kept', async () => {
    for (const [link, type, part] of [
      [/<img src="(\/brand\/logo\?v=[\w-]{12})"/, 'image/svg+xml', LOGO],
      [
        /<link rel="stylesheet" href="(\/brand\/theme\.css\?v=[\w-]{12})">/,
        'text/css; charset=utf-8',
        '--accent:#7a1f5c',
      ],
    ] as const) {
      const answer = await fetch(installation.url + link.exec(front)![1]!);
      expect(answer.headers.get('content-type')).toBe(type);
      expect(answer.headers.get('cache-control')).toContain('immutable');
      expect(await answer.text()).toContain(part);
    }
  });

  it('runs no script of a logo that is opened by itself', async () => {
    const { headers } = await fetch(`${installation.url}/brand/logo?v=another`);
    // Nor is it kept under an address that is not its own.
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('says whom to call, in the page where somebody is stuck, and below every other one', async () => {
    const called = '<a href="tel:+31301234567">+31 (0)30 123 45 67</a>';
    expect(front).toContain(called);
    expect(front).toContain('<a href="https://www.example.org/toegankelijkheid">');
    expect(front).not.toContain('<aside class="help">');
    const lost = await (await fetch(`${installation.url}/no-such-page`, { headers: { accept: 'text/html' } })).text();
    expect(lost).toMatch(/<aside class="help"><h2>[^<]+<\/h2><p>Servicedesk/);
    expect(lost.split(called)).toHaveLength(2);
    expect(lost).toContain('werkdagen 8.00 – 17.00 uur');
  });
});
