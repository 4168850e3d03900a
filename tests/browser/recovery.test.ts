import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuePass, OPERATOR } from '../support/administration.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { Stage } from '../support/stage.ts';
import { totpCode } from '../support/totp.ts';

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
  [
    'nl-NL',
    1280,
    { other: 'Op een andere manier bevestigen', recovery: /^Herstelcode/, pass: /^Tijdelijke toegangscode/ },
  ],
  ['en-GB', 390, { other: 'Confirm in another way', recovery: /^Recovery code/, pass: /^Temporary pass/ }],
] as const) {
  describe(`without one’s phone, ${locale} at ${width}`, () => {
    const tongue = locale.slice(0, 2);

    it('an invitation leads to a password and a code app; a recovery code and a pass to a new one', async () => {
      const email = `${tongue}@example.org`;
      await stage.installation.d.administration.addAccount(
        { email, displayName: 'Nieuwe Collega', locale: tongue as 'nl' | 'en' },
        OPERATOR,
      );
      const laptop = await stage.openLaptop({ locale, width });
      const invitation = await mails.next(email, tongue === 'nl' ? 'Uw account' : 'Your account');
      await laptop.goto(linkIn(invitation, '/password/link'));
      await stage.shot(laptop, `${tongue}-invitation-${width}`);
      await laptop.locator('main form button').click();
      await laptop.fill('#password', 'een geheel nieuwe zin');
      await laptop.keyboard.press('Enter');
      /** From "more information" to the end of the wizard; the recovery codes that it shows. */
      const enrol = async (): Promise<string[]> => {
        await laptop.click('form[action$="/enrol"] button');
        await laptop.locator('a[href="/mfa/setup/choose"]').click();
        await laptop.locator('a[href="/mfa/setup/code"]').click();
        await laptop.locator('summary').click();
        const secret = (await laptop.textContent('.typed'))!;
        await laptop.fill('#code', totpCode(secret, stage.installation.clock.now()));
        await laptop.keyboard.press('Enter');
        await laptop.waitForURL('**/mfa/setup/done');
        return laptop.locator('.codes .code').allTextContents();
      };
      await laptop.waitForSelector('form[action$="/enrol"]');
      const codes = await enrol();
      expect(codes).toHaveLength(10);
      await laptop.locator('a.button[href^="/interaction/"]').click();
      await laptop.waitForSelector('.tabs');

      const who = { email, password: 'een geheel nieuwe zin' };
      const byWay = async (name: RegExp, shot: string, wrong: string, right: string) => {
        await laptop.context().clearCookies();
        await stage.givePassword(laptop, who);
        await laptop.getByRole('link', { name: words.other }).click();
        await laptop.waitForSelector('.choices');
        await laptop.getByRole('link', { name }).click();
        await laptop.fill('#code', wrong);
        await laptop.keyboard.press('Enter');
        await laptop.waitForSelector('#error');
        await stage.shot(laptop, `${tongue}-${shot}-wrong-${width}`);
        await laptop.fill('#code', right);
        await laptop.keyboard.press('Enter');
        await laptop.waitForSelector('form[action$="/enrol"]');
        await stage.shot(laptop, `${tongue}-more-info-${shot}-${width}`);
      };
      await byWay(words.recovery, 'recovery', '0000-0000-0000-0000', codes[0]!);
      expect(await enrol()).toHaveLength(10);
      const pass = await issuePass(stage.installation, email);
      await byWay(words.pass, 'pass', '0000', pass.code);
      // The codes of the last time stay.
      expect(await enrol()).toHaveLength(0);
      await stage.shot(laptop, `${tongue}-wizard-done-kept-${width}`);
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
    });
  });
}
