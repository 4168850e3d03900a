import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { screenshotFolder } from '../support/chromium.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;
let mails: MailServer;

beforeAll(async () => {
  mails = await MailServer.start();
  stage = await Stage.set({ SMTP_URL: mails.url });
});
afterAll(async () => {
  await stage?.strike();
  await mails?.close();
});

for (const [locale, width, words] of [
  ['nl-NL', 1280, { rename: 'Naam wijzigen', remove: 'Verwijderen', sessions: 'Apparaten', history: 'Geschiedenis' }],
  ['en-GB', 390, { rename: 'Rename', remove: 'Remove', sessions: 'Devices', history: 'History' }],
] as const) {
  describe(`one’s own pages, ${locale} at ${width}`, () => {
    const tongue = locale.slice(0, 2);
    /** As a mail program shows it: nothing of ours around it. */
    const shotOfMail = async (html: string, name: string) => {
      const page = await stage.openLaptop({ locale, width });
      await page.setContent(html);
      // A mail has no landmarks: what axe-core asks of pages is not asked of it.
      await page.screenshot({ path: join(screenshotFolder, `${name}.png`), fullPage: true });
      await page.context().close();
    };

    it('show what one signs in with, where and when, and let it be changed', async () => {
      const person = await stage.addEnrolledPerson({ locale });
      const laptop = await stage.openLaptop({ locale, width });
      await stage.givePassword(laptop, person);
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForSelector('#app');
      await laptop.goto(`${stage.installation.url}/mfa`);
      await laptop.waitForSelector('.tabs');
      await stage.shot(laptop, `${tongue}-account-${width}`);
      await laptop.getByRole('link', { name: new RegExp(`^${words.rename}`) }).click();
      await laptop.fill('#label', 'Mijn telefoon');
      await stage.shot(laptop, `${tongue}-account-rename-${width}`);
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('.notice.good');
      await laptop.getByRole('link', { name: new RegExp(`^${words.remove}`) }).click();
      await laptop.waitForSelector('[role=alert]');
      await stage.shot(laptop, `${tongue}-account-remove-last-${width}`);
      await laptop.goBack();
      await laptop.getByRole('link', { name: words.sessions }).click();
      await laptop.waitForSelector('.badge');
      await stage.shot(laptop, `${tongue}-account-sessions-${width}`);
      await laptop.getByRole('link', { name: words.history }).click();
      await laptop.waitForSelector('.cards');
      await stage.shot(laptop, `${tongue}-account-history-${width}`);
      await laptop.locator('a[href^="/mfa/not-me/"]').first().click();
      await stage.shot(laptop, `${tongue}-not-me-${width}`);
      await laptop.goto(`${stage.installation.url}/mfa/recovery-codes`);
      await laptop.locator('main form button').click();
      await laptop.waitForSelector('.codes');
      await stage.shot(laptop, `${tongue}-account-codes-${width}`);
      await laptop.goto(`${stage.installation.url}/mfa/password`);
      await laptop.fill('#password', 'kort');
      await laptop.evaluate(() => document.querySelector('form')!.setAttribute('novalidate', ''));
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('#error');
      await stage.shot(laptop, `${tongue}-account-password-${width}`);
      await laptop.fill('#password', 'een geheel nieuwe zin');
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('.notice.good');
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });

    it('a forgotten password is replaced through a mail and an approval', async () => {
      const person = await stage.addEnrolledPerson({ locale });
      const laptop = await stage.openLaptop({ locale, width });
      await laptop.goto((await stage.rp.request()).url);
      await stage.shot(laptop, `${tongue}-sign-in-${width}`);
      await laptop.locator('a[href="/password/forgotten"]').click();
      await laptop.fill('#email', person.email);
      await stage.shot(laptop, `${tongue}-forgotten-${width}`);
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector(`text=${person.email}`);
      await stage.shot(laptop, `${tongue}-forgotten-sent-${width}`);
      const mail = await mails.next(person.email, 'nieuw wachtwoord');
      await shotOfMail(mail.html as string, `mail-password-reset-${width}`);
      await laptop.goto(linkIn(mail, '/password/link'));
      await stage.shot(laptop, `${tongue}-password-link-${width}`);
      await laptop.locator('main form button').click();
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForSelector('#password');
      await stage.shot(laptop, `${tongue}-new-password-${width}`);
      await laptop.fill('#password', 'een geheel nieuwe zin');
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('.tabs');
      const changed = await mails.next(person.email, 'Uw wachtwoord is veranderd');
      await shotOfMail(changed.html as string, `mail-password-changed-${width}`);
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });
  });
}
