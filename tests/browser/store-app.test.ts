import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';
import { StoreAppPhone, type Waiting } from '../support/store-app.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

/** What somebody does who opens the app and pulls the list down. */
const openApp = async (phone: StoreAppPhone): Promise<Waiting> => {
  let waiting: Waiting[] | number = [];
  await expect
    .poll(async () => {
      waiting = await phone.poll();
      return Array.isArray(waiting) ? waiting.length : waiting;
    })
    .toBe(1);
  return (waiting as unknown as Waiting[])[0]!;
};
const grouped = (code = '') => `${code.slice(0, 3)} ${code.slice(3)}`;

for (const [locale, width] of [
  ['nl-NL', 1280],
  ['en-GB', 390],
] as const) {
  describe(`an app from a store (its double), ${locale} at ${width}`, () => {
    it('is enrolled from the QR code on the page, tested, and approves a sign-in', async () => {
      const tongue = locale.slice(0, 2);
      const { account, ...who } = await stage.installation.addPerson();
      const laptop = await stage.openLaptop({ locale, width });
      await stage.givePassword(laptop, who);
      await laptop.click('form[action$="/enrol"] button');
      await laptop.locator('a[href="/mfa/setup/choose"]').click();
      await laptop.locator('a[href="/mfa/setup/store-app"]').click();
      await laptop.waitForSelector('.qr-frame');
      await stage.shot(laptop, `${tongue}-wizard-store-app-${width}`);
      const phone = new StoreAppPhone(await readQr(laptop));
      await phone.enrol();
      // The laptop notices by itself.
      await laptop.waitForURL('**/mfa/setup/store-app/test');
      await laptop.click('main form button.button:not(.link)');
      await laptop.waitForSelector('ol.steps[data-events]');
      await stage.shot(laptop, `${tongue}-store-app-test-${width}`);
      const reply = await phone.accept(await openApp(phone));
      await laptop.waitForSelector('#code');
      await laptop.fill('#code', grouped(reply.json?.detail?.display_code));
      await laptop.keyboard.press('Enter');
      await laptop.waitForURL('**/mfa/setup/done');
      await laptop.locator('a.button[href^="/interaction/"]').click();
      await laptop.waitForSelector('#app');

      await laptop.context().clearCookies();
      const request = await stage.givePassword(laptop, who);
      await laptop.waitForSelector('ol.steps[data-events]');
      await stage.shot(laptop, `${tongue}-store-app-${width}`);
      const approved = await phone.accept(await openApp(phone));
      await laptop.waitForSelector('#code');
      await laptop.fill('#code', '000000');
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('#error');
      await stage.shot(laptop, `${tongue}-store-app-code-${width}`);
      await laptop.fill('#code', grouped(approved.json?.detail?.display_code));
      await laptop.keyboard.press('Enter');
      await laptop.waitForSelector('#app');
      expect((await stage.rp.redeem(request, laptop.url())).claims()!.sub).toBe(account.id);
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
    });
  });
}
