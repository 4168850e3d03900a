import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgetPolicies } from '../support/installation.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

const set = async (outcome: object) => {
  await forgetPolicies(stage.installation);
  const by = { actor: 'test', origin: 'test' };
  const result = await stage.installation.d.policyAdministration.set({ rules: [{ name: 'regel', outcome }] }, by);
  if (!result.ok) throw new Error(result.mistakes.join());
};

for (const [locale, width, words] of [
  ['nl-NL', 1280, { later: 'Herinner mij later', yes: 'Ja, onthouden', forget: 'Vergeten' }],
  ['en-GB', 390, { later: 'Remind me later', yes: 'Yes, remember it', forget: 'Forget' }],
] as const) {
  describe(`the policy’s pages, ${locale} at ${width}`, () => {
    const tongue = locale.slice(0, 2);

    it('put off, say no, and remember a browser', async () => {
      const { account, ...newcomer } = await stage.installation.addPerson();
      await set({ grace: { days: 14 } });
      const laptop = await stage.openLaptop({ locale, width });
      await stage.givePassword(laptop, newcomer);
      await laptop.getByRole('button', { name: words.later }).waitFor();
      await stage.shot(laptop, `${tongue}-more-info-later-${width}`);
      await laptop.getByRole('button', { name: words.later }).click();
      await laptop.waitForSelector('#app');

      await laptop.context().clearCookies();
      await set({ deny: true });
      await stage.givePassword(laptop, newcomer);
      await laptop.waitForSelector('[role=alert]');
      await stage.shot(laptop, `${tongue}-denied-${width}`);
      expect(account.status).toBe('active');

      await set({ rememberBrowserHours: 12 });
      const person = await stage.addEnrolledPerson({ locale });
      await laptop.context().clearCookies();
      await stage.givePassword(laptop, person);
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.getByRole('button', { name: words.yes }).waitFor();
      await stage.shot(laptop, `${tongue}-remember-${width}`);
      await laptop.getByRole('button', { name: words.yes }).click();
      await laptop.waitForSelector('#app');
      const request = await stage.givePassword(laptop, person, { prompt: 'login' });
      await laptop.waitForSelector('#app');
      expect((await stage.rp.redeem(request, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:1fa');
      // One's own pages ask for two factors, whatever is remembered.
      await laptop.goto(`${stage.installation.url}/mfa/sessions`);
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.getByRole('button', { name: new RegExp(`^${words.forget}`) }).waitFor();
      await stage.shot(laptop, `${tongue}-account-remembered-${width}`);
      await laptop.getByRole('button', { name: new RegExp(`^${words.forget}`) }).click();
      await laptop.waitForSelector('.notice.good');
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });
  });
}
