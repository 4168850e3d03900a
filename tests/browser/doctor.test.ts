import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set({ ADMIN_ACR: 'mfa' });
});
afterAll(() => stage?.strike());

for (const [locale, width, words] of [
  ['nl-NL', 1280, { check: 'Controleren', again: 'Opnieuw controleren', title: 'Webapps' }],
  ['en-GB', 390, { check: 'Check', again: 'Check again', title: 'Web apps' }],
] as const) {
  describe(`the doctor for web apps, ${locale} at ${width}`, () => {
    it('tells an administrator in words what is wrong', async () => {
      const tongue = locale.slice(0, 2);
      const { installation, rp } = stage;
      const person = await stage.addEnrolledPerson({ locale });
      await installation.d.database.sql`UPDATE account SET role = 'administrator' WHERE id = ${person.accountId}`;
      const laptop = await stage.openLaptop({ locale, width, colorScheme: tongue === 'en' ? 'dark' : 'light' });
      // A mistake of the app’s, at a real sign-in.
      const wrong = new URL((await rp.request()).url);
      wrong.searchParams.set('redirect_uri', 'https://elders.example.org/callback');
      await laptop.goto(wrong.href);

      await laptop.goto(`${installation.url}/admin/clients`);
      await laptop.fill('#email', person.email);
      await laptop.fill('#password', person.password);
      await laptop.click('form button[type=submit]');
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.getByRole('heading', { name: words.title }).waitFor();
      await stage.shot(laptop, `${tongue}-client-list-${width}`);
      await laptop.getByRole('link', { name: 'Zaaksysteem' }).click();
      await stage.shot(laptop, `${tongue}-client-${width}`);
      await laptop.getByRole('link', { name: words.check, exact: true }).click();
      await laptop.fill('#f-start', new URL('/', rp.redirectUri).href);
      await laptop.getByRole('button', { name: words.again }).click();
      await expect.poll(() => laptop.textContent('main table')).toContain('https://elders.example.org/callback');
      await stage.shot(laptop, `${tongue}-client-check-${width}`);
      expect(laptop.errors).toEqual([]);
      await laptop.context().close();
      await person.phone.close();
    });
  });
}
