import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;
let web: RelyingParty;
let television: RelyingParty;

beforeAll(async () => {
  stage = await Stage.set();
  const { installation } = stage;
  const secret = await installation.addClient({
    id: 'inkoop',
    name: 'Inkoopsysteem',
    grants: ['ciba'],
    requiredAcr: 'urn:dubbelslot:acr:1fa',
  });
  web = await RelyingParty.discover(installation.url, 'inkoop', secret, '');
  await installation.addClient({ id: 'hal', name: 'Scherm in de hal', profile: 'app', grants: ['device'] });
  television = await RelyingParty.discover(installation.url, 'hal', '', '');
});
afterAll(() => stage?.strike());

for (const [locale, width, words] of [
  ['nl-NL', 1280, { mine: 'Dit is mijn apparaat', go: 'Verder', title: 'Keurt u dit goed?', stop: 'Stoppen' }],
  ['en-GB', 390, { mine: 'This is my device', go: 'Continue', title: 'Do you approve this?', stop: 'Stop' }],
] as const) {
  const tongue = locale.slice(0, 2);

  describe(`what is approved on a phone, ${locale}`, () => {
    it('says who asks, what for and how much, and the web app hears of it', async () => {
      const person = await stage.addEnrolledPerson({ locale, colorScheme: tongue === 'en' ? 'dark' : 'light' });
      const details = [{ type: 'urn:dubbelslot:transaction', amount: '1250.00', currency: 'EUR', to: 'Drukkerij' }];
      const asked = (await oidc.initiateBackchannelAuthentication(web.config, {
        scope: 'openid',
        login_hint: person.email,
        binding_message: 'Nota 2026-118 betalen',
        authorization_details: JSON.stringify(details),
      })) as oidc.BackchannelAuthenticationResponse & { binding_number: string };
      const { page } = person.phone;
      await person.phone.waitForScreen('request');
      await expect.poll(() => page.textContent('h1')).toBe(words.title);
      const shown = (await page.textContent('main'))!;
      for (const part of ['Inkoopsysteem', 'Nota 2026-118 betalen', '1', '250', 'EUR', 'Drukkerij'])
        expect(shown).toContain(part);
      await stage.shot(page, `${tongue}-phone-transaction`);
      await person.phone.approve(asked.binding_number);
      await person.phone.waitForScreen('result');
      await stage.shot(page, `${tongue}-phone-transaction-approved`);
      const tokens = await oidc.pollBackchannelAuthenticationGrant(web.config, { ...asked, interval: 1 });
      expect(tokens.authorization_details).toEqual(details);
      expect(person.phone.errors).toEqual([]);

      const started = await stage.installation.d.callerCheck.start(person.accountId, OPERATOR);
      if (!started.ok) throw new Error(started.refusal.code);
      // It takes the place of the last result by itself.
      await person.phone.waitForScreen('request');
      await stage.shot(page, `${tongue}-phone-caller`);
      await person.phone.approve(started.value.number);
      await person.phone.waitForScreen('result');
      const by = OPERATOR;
      expect(await stage.installation.d.callerCheck.look(started.value.challengeId, by)).toBe('verified');
      await person.phone.close();
    });
  });

  describe(`a device that is let in, ${locale} at ${width}`, () => {
    it('by its code, by who says that it is theirs, with both factors', async () => {
      const person = await stage.addEnrolledPerson({ locale });
      const laptop = await stage.openLaptop({ locale, width });
      const asked = await oidc.initiateDeviceAuthorization(television.config, { scope: 'openid' });
      await laptop.goto(asked.verification_uri);
      await stage.shot(laptop, `${tongue}-device-${width}`);
      await laptop.fill('#user_code', 'BBBB-BBBB');
      await laptop.getByRole('button', { name: words.go }).click();
      await laptop.waitForSelector('#code-error');
      await stage.shot(laptop, `${tongue}-device-wrong-${width}`);
      await laptop.fill('#user_code', asked.user_code.toLowerCase());
      await laptop.keyboard.press('Enter');
      await laptop.getByRole('button', { name: words.mine }).waitFor();
      await stage.shot(laptop, `${tongue}-device-confirm-${width}`);
      await laptop.getByRole('button', { name: words.mine }).click();
      await laptop.fill('#email', person.email);
      await laptop.fill('#password', person.password);
      await laptop.click('form button[type=submit]');
      await person.phone.approve((await laptop.textContent('.number'))!);
      await expect.poll(() => laptop.textContent('h1')).toMatch(/aangemeld|signed in/);
      await stage.shot(laptop, `${tongue}-device-done-${width}`);
      const tokens = await oidc.pollDeviceAuthorizationGrant(television.config, { ...asked, interval: 1 });
      expect(tokens.claims()!.sub).toBe(person.accountId);
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });

    it('is told in words when the app that sent somebody here is not set up', async () => {
      const laptop = await stage.openLaptop({ locale, width });
      const request = await stage.rp.request({ redirect_uri: 'https://elders.example.org/callback' });
      await laptop.goto(request.url);
      await stage.shot(laptop, `${tongue}-error-redirect-${width}`);
      expect(await laptop.textContent('main')).toMatch(/Zaaksysteem/);
      await laptop.goto((await stage.rp.request({ client_id: 'nobody' })).url);
      await stage.shot(laptop, `${tongue}-error-unknown-${width}`);
      const reference = /: ([\da-f]{16})/.exec((await laptop.textContent('main'))!)![1]!;
      expect(stage.installation.logLines.some((line) => line.includes(`"reference":"${reference}"`))).toBe(true);
      await laptop.context().close();
    });
  });
}
