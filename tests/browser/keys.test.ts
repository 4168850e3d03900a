import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveKey } from '../support/browser-key.ts';
import { isInstalled, oathtool, zbarimg } from '../support/judges.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;
const ORGANISATION = 'Provinsje Fryslân: Deputearre Steaten & ’e Provinsjale Steaten, ôfd. Ynformaasje';

beforeAll(async () => {
  stage = await Stage.set({ ORGANISATION });
});
afterAll(() => stage?.strike());

const now = () => stage.installation.clock.now();

const atMethods = async (page: Page, who: { email: string; password: string }) => {
  const request = await stage.givePassword(page, who);
  await page.click('form[action$="/enrol"] button');
  await page.locator('a[href="/mfa/setup/choose"]').click();
  return request;
};
const press = (page: Page, name: RegExp) => page.getByRole('button', { name }).click();

describe.skipIf(!isInstalled('zbarimg') || !isInstalled('oathtool'))(
  'a code app (needs zbarimg and oathtool; .ci/run installs them)',
  () => {
    for (const [locale, width] of [
      ['nl-NL', 1280],
      ['en-GB', 390],
    ] as const) {
      it(`reads the QR code of the page and shows the code that signs in, ${locale} at ${width}`, async () => {
        const tongue = locale.slice(0, 2);
        const { account, ...who } = await stage.installation.addPerson();
        const laptop = await stage.openLaptop({ locale, width });
        await atMethods(laptop, who);
        await stage.shot(laptop, `${tongue}-wizard-choose-${width}`);
        await laptop.locator('a[href="/mfa/setup/code"]').click();
        await laptop.waitForSelector('.qr-frame');
        await stage.shot(laptop, `${tongue}-wizard-code-${width}`);

        const address = new URL(await zbarimg(laptop));
        expect(address.protocol).toBe('otpauth:');
        expect(address.host).toBe('totp');
        const issuer = address.searchParams.get('issuer')!;
        expect(issuer).toMatch(/^Provinsje Fryslân {1,2}Deputearre Steaten & ’e/);
        expect(decodeURIComponent(address.pathname.slice(1))).toBe(`${issuer}:${who.email}`);
        const secret = address.searchParams.get('secret')!;
        await laptop.locator('summary').click();
        expect((await laptop.textContent('.typed'))!.replaceAll(' ', '')).toBe(secret);

        await laptop.fill('#code', '000000');
        await laptop.keyboard.press('Enter');
        await laptop.waitForSelector('#error');
        await stage.shot(laptop, `${tongue}-wizard-code-wrong-${width}`);
        await laptop.fill('#code', oathtool(secret, now()));
        await laptop.keyboard.press('Enter');
        await laptop.waitForURL('**/mfa/setup/done');
        await stage.shot(laptop, `${tongue}-wizard-done-code-${width}`);
        await laptop.locator('a.button[href^="/interaction/"]').click();
        await laptop.waitForSelector('#app');
        expect(laptop.errors).toEqual([]);
        await laptop.context().close();

        stage.installation.clock.advance(30);
        const again = await stage.openLaptop({ locale, width });
        const request = await stage.givePassword(again, who);
        await stage.shot(again, `${tongue}-code-${width}`);
        await again.fill('#code', oathtool(secret, now()));
        await again.keyboard.press('Enter');
        await again.waitForSelector('#app');
        expect((await stage.rp.redeem(request, again.url())).claims()!.amr).toEqual(['pwd', 'otp', 'mfa']);
        expect(account.email).toBe(who.email);
        await again.context().close();
      });
    }
  },
);

describe('a key in Chromium', () => {
  it('a USB key is enrolled, tested, and used as the second factor, in Dutch on a laptop', async () => {
    const { account, ...who } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    await giveKey(laptop, 'usb');
    const first = await atMethods(laptop, who);
    await laptop.locator('a[href="/mfa/setup/key"]').click();
    await stage.shot(laptop, 'nl-wizard-key-1280');
    await press(laptop, /Sleutel toevoegen/);
    await laptop.waitForURL('**/mfa/setup/key/test');
    await stage.shot(laptop, 'nl-wizard-key-test-1280');
    await press(laptop, /Sleutel gebruiken/);
    await laptop.waitForURL('**/mfa/setup/done');
    await stage.shot(laptop, 'nl-wizard-done-key-1280');
    await laptop.locator('a.button[href^="/interaction/"]').click();
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(first, laptop.url())).claims()).toMatchObject({
      acr: 'urn:dubbelslot:acr:phr',
      amr: ['pwd', 'pop', 'hwk', 'mfa'],
    });
    await laptop.context().clearCookies();
    const request = await stage.givePassword(laptop, who);
    await stage.shot(laptop, 'nl-key-1280');
    await press(laptop, /Sleutel gebruiken/);
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.sub).toBe(account.id);
    expect(laptop.errors).toEqual([]);
    await laptop.context().close();
  });

  it('a passkey signs in alone, by the button and by autofill, in English on a phone', async () => {
    const { account, ...who } = await stage.installation.addPerson();
    const phone = await stage.openLaptop({ locale: 'en-GB', width: 390, colorScheme: 'dark' });
    const device = await giveKey(phone, 'internal', { isSynced: true });
    // Only autofill asks by itself: nothing may sign in before there is a passkey.
    await atMethods(phone, who);
    await phone.locator('a[href="/mfa/setup/key"]').click();
    await stage.shot(phone, 'en-dark-wizard-key-390');
    await press(phone, /Add a key/);
    await phone.waitForURL('**/mfa/setup/key/test');
    await press(phone, /Use the key/);
    await phone.waitForURL('**/mfa/setup/done');
    await phone.locator('a.button[href^="/interaction/"]').click();
    await phone.waitForSelector('#app');

    await phone.context().clearCookies();
    const request = await stage.rp.request();
    await phone.goto(request.url);
    // The virtual authenticator answers autofill at once, as somebody does who taps the suggestion.
    await phone.waitForSelector('#app');
    expect((await stage.rp.redeem(request, phone.url())).claims()).toMatchObject({
      sub: account.id,
      acr: 'urn:dubbelslot:acr:phr',
      amr: ['pop', 'swk', 'user', 'mfa'],
    });

    await phone.context().clearCookies();
    await phone.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = async () => false;
    });
    const byButton = await stage.rp.request();
    await phone.goto(byButton.url);
    await phone.waitForSelector('form.passkey:not([hidden])');
    await stage.shot(phone, 'en-dark-sign-in-390');
    await press(phone, /Sign in with a passkey/);
    await phone.waitForSelector('#app');
    expect((await stage.rp.redeem(byButton, phone.url())).claims()!.sub).toBe(account.id);

    // No key at hand: a sentence, and other ways.
    await device.removeAll();
    await phone.context().clearCookies();
    await stage.givePassword(phone, who);
    await phone.waitForSelector('h1:has-text("Use your key")');
    await stage.shot(phone, 'en-dark-key-390');
    await phone.getByRole('link', { name: 'Confirm in another way' }).click();
    await phone.waitForSelector('.choices');
    await stage.shot(phone, 'en-dark-ways-390');
    expect(phone.errors).toEqual([]);
    await phone.context().close();
  });

  it('without JavaScript the page says what is needed, and other ways work', async () => {
    const { account, ...who } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    await giveKey(laptop, 'usb');
    await atMethods(laptop, who);
    await laptop.locator('a[href="/mfa/setup/key"]').click();
    await press(laptop, /Sleutel toevoegen/);
    await laptop.waitForURL('**/mfa/setup/key/test');
    await press(laptop, /Sleutel gebruiken/);
    await laptop.waitForURL('**/mfa/setup/done');
    const plain = await stage.openLaptop({ javaScriptEnabled: false });
    await stage.givePassword(plain, who);
    expect(await plain.textContent('noscript .notice')).toContain('Hiervoor is JavaScript nodig');
    await stage.shot(plain, 'nl-key-no-script-1280');
    await plain.getByRole('link', { name: 'Op een andere manier bevestigen' }).click();
    await stage.shot(plain, 'nl-ways-1280');
    await plain.getByRole('link', { name: /Herstelcode/ }).click();
    await plain.waitForSelector('h1:has-text("Aanmelden met een herstelcode")');
    expect(account.status).toBe('active');
    await laptop.context().close();
    await plain.context().close();
  });
});

for (const [locale, width, words] of [
  ['nl-NL', 1280, { add: /Sleutel toevoegen/, use: /Sleutel gebruiken/ }],
  ['en-GB', 390, { add: /Add a key/, use: /Use the key/ }],
] as const) {
  describe(`a web app that asks for a key, ${locale} at ${width}`, () => {
    it('gets one from somebody who had only a phone, then asks for it in a session that exists', async () => {
      const tongue = locale.slice(0, 2);
      const person = await stage.addEnrolledPerson({ locale });
      const laptop = await stage.openLaptop({ locale, width });
      await giveKey(laptop, 'internal');
      await laptop.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = async () => false;
      });
      await stage.givePassword(laptop, person);
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForSelector('#app');
      const first = await stage.rp.request({ acr_values: 'phr' });
      await laptop.goto(first.url);
      await laptop.waitForSelector('form[action$="/enrol"]');
      await stage.shot(laptop, `${tongue}-more-info-key-${width}`);
      await laptop.click('form[action$="/enrol"] button');
      await press(laptop, words.add);
      await laptop.waitForURL('**/mfa/setup/key/test');
      await press(laptop, words.use);
      await laptop.waitForURL('**/mfa/setup/done');
      await laptop.locator('a.button[href^="/interaction/"]').click();
      await laptop.waitForSelector('#app');
      expect((await stage.rp.redeem(first, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:phr');

      await laptop.context().clearCookies();
      await stage.givePassword(laptop, person);
      await laptop.getByRole('link', { name: /andere manier|another way/ }).click();
      await laptop.getByRole('link', { name: /^(Melding op uw telefoon|Notification on your phone)/ }).click();
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForSelector('#app');
      const stepUp = await stage.rp.request({ acr_values: 'phr' });
      await laptop.goto(stepUp.url);
      await press(laptop, words.use);
      await laptop.waitForSelector('#app');
      expect((await stage.rp.redeem(stepUp, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:phr');
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });
  });
}
