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

  it('is in the app on the phone too, and kept there for when there is no network', async () => {
    const page = await (await fetch(`${installation.url}/app`)).text();
    expect(page).toMatch(/<link rel="stylesheet" href="\/brand\/theme\.css\?v=/);
    expect(page).toContain('<meta name="theme-color" content="#7a1f5c">');
    const manifest = (await (await fetch(`${installation.url}/app/manifest.webmanifest`)).json()) as object;
    expect(manifest).toMatchObject({ theme_color: '#7a1f5c' });
    expect(await (await fetch(`${installation.url}/app/worker.js`)).text()).toContain('"/brand/theme.css"');
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

describe('an organisation that is set on a page', () => {
  const by = { actor: 'test', origin: 'test' };
  const wishes = { name: '', supportName: '', supportPhone: '', supportHours: '', accent: '', logo: 'keep' } as const;

  it('is seen on every instance, and leaves alone what the environment says', async () => {
    const one = await startInstallation({ ORGANISATION: '' });
    const other = await startInstallation(
      { ORGANISATION: '', SUPPORT: 'Loket', SECRET_KEY: one.d.config.secretKeys[0]! },
      { databaseUrl: one.d.database.url },
    );
    try {
      const wished = { ...wishes, name: 'Provincie <Noord>', supportName: 'Servicedesk', accent: '#7A1F5C' };
      expect(await one.d.organising.change({ ...wished, logo: Buffer.from(LOGO) }, by)).toEqual([]);
      const see = async (of: TestInstallation) => (await fetch(`${of.url}/`)).text();
      await expect.poll(() => see(other)).toContain('Provincie &lt;Noord&gt;');
      for (const page of [await see(one), await see(other)]) {
        expect(page).toMatch(/<img src="\/brand\/logo\?v=/);
        expect(page).toMatch(/\/brand\/theme\.css\?v=/);
      }
      expect(await see(one)).toContain('Servicedesk');
      expect(await see(other)).toContain('Loket');
      // What is set in the environment of the one who changes it is not touched.
      expect(await other.d.organising.change({ ...wishes, name: 'Anders', supportName: 'Niemand' }, by)).toEqual([]);
      await expect.poll(() => see(one)).toContain('Anders');
      expect(one.d.organisation).toMatchObject({ name: 'Anders', support: { name: 'Servicedesk' }, accent: undefined });
      // Kept: nobody asked to take it away.
      expect(one.d.organisation.logo).toMatchObject({ type: 'image/svg+xml', body: Buffer.from(LOGO) });
      expect(await one.d.organising.change({ ...wishes, logo: 'none' }, by)).toEqual([]);
      expect(await see(one)).not.toContain('/brand/logo');
      expect((await fetch(`${one.url}/brand/logo`)).status).toBe(404);
      // The app on the phone wants to keep one, whether there is one or not.
      const theme = await fetch(`${one.url}/brand/theme.css`);
      expect([theme.status, await theme.text()]).toEqual([200, '']);
      const events = await one.d.auditStore.list({ action: 'organisation.changed', limit: 10 });
      expect(events).toHaveLength(3);
      expect(events.at(-1)).toMatchObject({ actor: 'test', detail: { name: 'Provincie <Noord>', accent: '#7a1f5c' } });
    } finally {
      await other.close();
      await one.close();
    }
  });

  it('says what is wrong, each at its field, and changes nothing', async () => {
    const one = await startInstallation({ ORGANISATION: '' });
    try {
      const asked = {
        name: 'x'.repeat(81),
        supportName: '',
        supportPhone: 'bel ons',
        supportHours: 'altijd',
        accent: '#ffcc00',
        logo: Buffer.from('<html>'),
      };
      const found = await one.d.organising.change(asked, by);
      expect(found.map(({ name, field }) => [field, name])).toEqual([
        ['name', 'text_too_long'],
        ['supportPhone', 'telephone_invalid'],
        ['supportName', 'support_unnamed'],
        ['accent', 'colour_unreadable'],
        ['file', 'picture_unknown'],
      ]);
      const large = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(70_000)]);
      const [late] = await one.d.organising.change({ ...wishes, accent: 'rood', logo: large }, by);
      expect(late).toMatchObject({ name: 'colour_invalid' });
      for (const odd of ['a\nb', 'a\u202eb'])
        expect(await one.d.organising.change({ ...wishes, name: odd }, by)).toMatchObject([{ name: 'text_odd' }]);
      expect(await one.d.organisationStore.read()).toEqual({});
    } finally {
      await one.close();
    }
  });
});
