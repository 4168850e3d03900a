import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveKey } from '../support/browser-key.ts';
import { screenshotFolder } from '../support/chromium.ts';
import { MailServer } from '../support/mail-server.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;
let mailServer: MailServer;
const LOGO = join(screenshotFolder, 'logo.svg');

beforeEach(async () => {
  mailServer = await MailServer.start();
  stage = await Stage.set({ ORGANISATION: '', SMTP_URL: mailServer.url });
  writeFileSync(
    LOGO,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="#7a1f5c"/></svg>',
  );
});
afterEach(async () => {
  await stage?.strike();
  mailServer?.close();
});

const PASSWORD = 'een lange zin over fietsen';
const WORDS = {
  nl: { later: 'Later doen', well: 'Er is niets mis', refused: 'is geen telefoonnummer' },
  en: { later: 'Do this later', well: 'Nothing is wrong', refused: 'is no telephone number' },
};

describe('the first run', () => {
  for (const [locale, width] of [
    ['nl-NL', 1280],
    ['en-GB', 390],
  ] as const) {
    const tongue = locale.slice(0, 2) as 'nl' | 'en';
    const words = WORDS[tongue];

    it(`goes from the printed link to a server that is well, in one sitting, ${locale} at ${width}`, async () => {
      const { installation } = stage;
      const { d } = installation;
      await d.database.sql`DELETE FROM client`;
      const shot = (name: string) => stage.shot(laptop, `${tongue}-setup-${name}-${width}`);
      const laptop = await stage.openLaptop({ locale, width, colorScheme: tongue === 'en' ? 'dark' : 'light' });
      await giveKey(laptop, 'internal');
      const code = await d.administration.inviteFirstAdministrator();

      await laptop.goto(`${installation.url}/setup?code=${code}`);
      await shot('account');
      const email = `eigenaar@example.org`;
      await laptop.fill('#name', 'Eerste Eigenaar');
      await laptop.fill('#email', email);
      await laptop.fill('#password', PASSWORD);
      await laptop.click('form button[type=submit]');
      await shot('done');
      await laptop.click('a.button[href="/admin/start"]');

      await laptop.fill('#email', email);
      await laptop.fill('#password', PASSWORD);
      await laptop.click('form button[type=submit]');
      await laptop.click('form[action$="/enrol"] button');
      await shot('key');
      await laptop.click('form[action="/mfa/setup/key"] button');
      await laptop.waitForURL('**/mfa/setup/key/test');
      await laptop.click('form[action="/mfa/setup/key/test"] button');
      await laptop.waitForURL('**/mfa/setup/done');
      await laptop.click('a.button[href^="/interaction/"]');

      // One step after the other; the first that is not done is open.
      await laptop.waitForURL('**/admin/start');
      await shot('organisation');
      await laptop.fill('#f-name', 'Voorbeeldprovincie');
      await laptop.fill('#f-supportName', 'Servicedesk');
      await laptop.fill('#f-supportPhone', 'bel ons');
      await laptop.fill('#f-accent', '#7a1f5c');
      const save = 'form[action="/admin/organisation"] button[type=submit]';
      await laptop.setInputFiles('#f-file', LOGO);
      await laptop.click(save);
      expect(await laptop.textContent('.notice.bad')).toContain(words.refused);
      expect(await laptop.inputValue('#f-name')).toBe('Voorbeeldprovincie');
      await shot('organisation-mistake');
      await laptop.fill('#f-supportPhone', '030 123 45 67');
      await laptop.setInputFiles('#f-file', LOGO);
      await laptop.click(save);
      await laptop.waitForURL('**/admin/start');
      // Everybody sees it from now on, on the very next page.
      expect(await laptop.textContent('.bar, header')).toContain('Voorbeeldprovincie');
      const logo = await laptop.getAttribute('header img', 'src');
      expect(await (await fetch(new URL(logo!, installation.url))).text()).toContain('#7a1f5c');
      expect(await laptop.evaluate(() => getComputedStyle(document.body).getPropertyValue('--accent').trim())).not.toBe(
        '',
      );
      expect(d.organisation).toMatchObject({ name: 'Voorbeeldprovincie', support: { phone: '030 123 45 67' } });

      // A mail server is set already: the list goes on to the next; the test mail is a step back.
      await laptop.goto(`${installation.url}/admin/start?step=mail`);
      await shot('mail');
      await laptop.click('form[action="/admin/start"] button');
      await expect.poll(() => mailServer.to(email).length).toBeGreaterThan(0);
      await shot('mail-sent');
      await laptop.click(`text=${words.later}`);
      await laptop.waitForURL('**step=second_owner');
      await shot('second-owner');
      await laptop.click('main a.button[href="/admin/people/new"]');
      await laptop.fill('#f-email', `tweede@example.org`);
      await laptop.fill('#f-displayName', 'Tweede Eigenaar');
      await laptop.selectOption('#f-role', 'owner');
      await laptop.click('form[action="/admin/people/new"] button[type=submit]');
      await expect.poll(() => mailServer.to(`tweede@example.org`).length).toBe(1);
      // From wherever a step is done, one link goes on.
      await laptop.click('.notice a[href="/admin/start"]');
      await shot('web-app');
      await laptop.click('main a.button[href="/admin/clients/new"]');
      await laptop.click('form button[type=submit]');
      await laptop.fill('#f-id', `intranet`);
      await laptop.fill('#f-name', 'Intranet');
      await laptop.fill('#f-redirectUris', 'https://intranet.example.org/callback');
      await laptop.click('form[action="/admin/clients/new"] button[type=submit]');
      await laptop.waitForSelector('.secret');
      await laptop.click('.notice a[href="/admin/start"]');
      await shot('people');
      await laptop.click('main a.button[href="/admin/imports"]');
      const people = `email,name,language,groups\neen@example.org,Een Mens,nl,golf-1\n`;
      await laptop.setInputFiles('#f-file', { name: 'mensen.csv', mimeType: 'text/csv', buffer: Buffer.from(people) });
      await laptop.click('form[action="/admin/imports"] button[type=submit]');
      await laptop.click('form[action$="/run"] button[type=submit]');
      await expect.poll(() => d.accounts.byEmail(`een@example.org`)).toBeTruthy();

      await laptop.goto(`${installation.url}/admin/start`);
      await shot('finished');
      await laptop.click('main a.button[href="/admin/check"]');
      expect(await laptop.textContent('main')).toContain(words.well);
      await shot('check');
      await laptop.goto(`${installation.url}/admin`);
      expect(await laptop.locator('a[href^="/admin/start"]').count()).toBe(0);
      expect(laptop.errors).toEqual([]);
    });
  }
});
