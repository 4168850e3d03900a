import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set({ ADMIN_ACR: 'mfa' });
});
afterAll(() => stage?.strike());

const WORDS = {
  nl: {
    verify: 'Beller controleren',
    start: /nummer/,
    reset: 'Wissen',
    submit: 'Wissen en code maken',
    done: /gewist/,
  },
  en: { verify: 'Verify the caller', start: /number/, reset: 'Reset', submit: 'Reset and make a pass', done: /reset/ },
};

/** Every page of the console that has an address of its own. */
const PAGES = [
  ['home', '/admin'],
  ['people', '/admin/people'],
  ['person-new', '/admin/people/new'],
  ['cases', '/admin/cases'],
  ['coverage', '/admin/coverage'],
  ['imports', '/admin/imports'],
  ['campaigns', '/admin/campaigns'],
  ['entra', '/admin/entra'],
  ['campaign-new', '/admin/campaigns/new'],
  ['clients', '/admin/clients'],
  ['client-kind', '/admin/clients/new'],
  ['client-new', '/admin/clients/new?profile=nl_gov'],
  ['policy', '/admin/policy'],
  ['what-if', '/admin/policy/what-if'],
  ['audit', '/admin/audit'],
  ['alerts', '/admin/alerts'],
  ['webhooks', '/admin/webhooks'],
  ['webhook-new', '/admin/webhooks/new'],
  ['settings', '/admin/settings'],
  ['norms', '/admin/norms'],
  ['start', '/admin/start?step=mail'],
  ['organisation', '/admin/organisation'],
  ['check', '/admin/check'],
] as const;

/** Somebody with a role, signed in to the console at this laptop. */
async function enter(role: 'helpdesk' | 'owner', locale: string, width: number, javaScriptEnabled = true) {
  const { installation } = stage;
  const person = await stage.addEnrolledPerson({ locale });
  await installation.d.database.sql`UPDATE account SET role = ${role} WHERE id = ${person.accountId}`;
  const laptop = await stage.openLaptop({
    locale,
    width,
    javaScriptEnabled,
    colorScheme: locale.startsWith('en') ? 'dark' : 'light',
  });
  await laptop.goto(`${installation.url}/admin`);
  await laptop.fill('#email', person.email);
  await laptop.fill('#password', person.password);
  await laptop.click('form button[type=submit]');
  await person.phone.approve((await laptop.textContent('.number'))!);
  await laptop.waitForURL('**/admin');
  return { laptop, person };
}

describe('the helpdesk, with somebody on the line whose phone is broken', () => {
  for (const [locale, width, hasScript] of [
    ['nl-NL', 1280, true],
    ['en-GB', 390, false],
  ] as const) {
    it(`verifies, resets and sees them enrol again, ${locale} at ${width}, ${hasScript ? 'with' : 'without'} script`, async () => {
      const tongue = locale.slice(0, 2) as 'nl' | 'en';
      const words = WORDS[tongue];
      const { installation, rp } = stage;
      const caller = await stage.addEnrolledPerson({ locale });
      const { laptop, person: helpdesk } = await enter('helpdesk', locale, width, hasScript);
      const shot = (name: string) => stage.shot(laptop, `${tongue}-console-${name}-${width}`);

      await laptop.goto(`${installation.url}/admin/people`);
      await laptop.fill('#f-q', caller.email);
      await laptop.keyboard.press('Enter');
      await laptop.waitForURL('**q=**');
      await shot('found');
      await laptop.locator('main table a').first().click();
      await shot('person');
      // The caller still has the phone: the number is read out and typed there.
      await laptop.getByRole('link', { name: words.verify }).click();
      await laptop.locator('main form button').click();
      const number = (await laptop.textContent('.number'))!;
      await shot('verify');
      await caller.phone.approve(number);
      if (!hasScript) await laptop.waitForTimeout(100);
      await laptop.locator('.notice.good').waitFor();
      await shot('verified');
      // Three clicks and a reason: reset, lost or broken, done.
      await laptop.getByRole('link', { name: words.reset, exact: true }).click();
      await laptop.locator('input[value=broken]').check();
      await laptop.fill('#f-reason', 'Scherm kapot gevallen');
      await shot('reset');
      await laptop.getByRole('button', { name: words.submit }).click();
      const pass = (await laptop.textContent('.secret'))!;
      await shot('reset-done');

      // The caller, at their own laptop, with a new phone.
      const desk = await stage.openLaptop({ locale });
      await stage.givePassword(desk, caller);
      await desk.fill('#code', pass);
      await desk.click('form button[type=submit]');
      await desk.click('form[action$="/enrol"] button');
      await desk.goto(`${installation.url}/mfa/setup/scan`);
      const phone = await stage.openPhone({ locale });
      await phone.openEnrolmentLink(await readQr(desk));
      await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
      if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications')
        await phone.page.locator('.screen .button').first().click();
      await phone.waitForScreen('added');
      await desk.waitForSelector('form[action="/mfa/setup/test"] button');
      await desk.click('form[action="/mfa/setup/test"] button');
      await phone.approve((await desk.textContent('.number'))!);
      await desk.waitForURL('**/mfa/setup/done');
      await desk.locator('a[href^="/interaction/"]').click();
      await desk.waitForURL(`${rp.redirectUri}**`);
      // The old phone is worth nothing any more, and the helpdesk sees the new one.
      await laptop.goto(`${installation.url}/admin/people/${caller.accountId}`);
      expect(await laptop.locator('main').textContent()).toContain(tongue === 'nl' ? 'Telefoon' : 'Phone');
      await shot('person-after');
      expect(laptop.errors).toEqual([]);
      for (const each of [caller.phone, helpdesk.phone, phone]) await each.close();
      await laptop.context().close();
      await desk.context().close();
    });
  }
});

describe('long work in the console', () => {
  it('is followed without the page being drawn anew, until it is over', async () => {
    const { laptop, person } = await enter('owner', 'nl-NL', 1280);
    await laptop.goto(`${stage.installation.url}/admin/imports`);
    const lines = Array.from({ length: 10_000 }, (_, index) => `lang${index}@example.org,Lang ${index}`);
    const buffer = Buffer.from(`email,name\n${lines.join('\n')}\n`);
    await laptop.setInputFiles('#f-file', { name: 'lang.csv', mimeType: 'text/csv', buffer });
    await laptop.locator('main form[enctype] button').click();
    await laptop.locator('form[action$="/run"] button').click({ timeout: 60_000 });
    await laptop.locator('progress[data-again]').waitFor();
    await laptop.evaluate(() => Object.assign(window, { isTheSame: true }));
    const before = await laptop.evaluate(() => document.querySelector('progress')!.value);
    await laptop.waitForFunction((first) => (document.querySelector('progress')?.value ?? 2) > first, before);
    const seen = await laptop.evaluate(() => ({
      isTheSame: 'isTheSame' in window,
      label: document.querySelector('label[for=far]')?.textContent,
    }));
    expect(seen).toEqual({ isTheSame: true, label: expect.stringMatching(/\d+ % gedaan \([\d.]+ regels\)/) });
    await stage.shot(laptop, 'nl-console-import-going-on-1280');
    await laptop.locator('.notice.good').waitFor({ timeout: 60_000 });
    expect(laptop.errors).toEqual([]);
    await person.phone.close();
    await laptop.context().close();
  });
});

describe('every page of the console', () => {
  for (const [locale, width] of [
    ['nl-NL', 1280],
    ['en-GB', 390],
  ] as const) {
    it(`can be read and used, ${locale} at ${width}`, async () => {
      const tongue = locale.slice(0, 2);
      const { laptop, person } = await enter('owner', locale, width);
      await stage.installation.d.coverage.keepToday();
      for (const [name, path] of PAGES) {
        const response = await laptop.goto(`${stage.installation.url}${path}`);
        expect(response!.status(), path).toBe(200);
        // Nothing is wider than the screen but what scrolls by itself.
        const overflow = await laptop.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow, path).toBeLessThanOrEqual(0);
        await stage.shot(laptop, `${tongue}-console-${name}-${width}`);
      }
      // A campaign, and how it goes. One at a time.
      await stage.installation.d.database.sql`UPDATE campaign SET ended_at = now()`;
      await laptop.goto(`${stage.installation.url}/admin/campaigns/new`);
      await laptop.fill('#f-name', tongue === 'nl' ? 'Najaar' : 'Autumn');
      await laptop.locator('main form button').click();
      await laptop.locator('progress').waitFor();
      await stage.shot(laptop, `${tongue}-console-campaign-${width}`);
      // A file through the browser's own form.
      await laptop.goto(`${stage.installation.url}/admin/imports`);
      await laptop.setInputFiles('#f-file', {
        name: 'mensen.csv',
        mimeType: 'text/csv',
        buffer: Buffer.from(`email,name\nvia-${tongue}@example.org,Via\ngeen adres,Fout\n`),
      });
      await laptop.locator('main form[enctype] button').click();
      await laptop.locator('form[action$="/run"] button').waitFor();
      await stage.shot(laptop, `${tongue}-console-import-checked-${width}`);
      await laptop.locator('form[action$="/run"] button').click();
      await laptop.locator('.notice.good').waitFor();
      await stage.shot(laptop, `${tongue}-console-import-done-${width}`);
      expect(laptop.errors).toEqual([]);
      await person.phone.close();
      await laptop.context().close();
    });
  }
});
