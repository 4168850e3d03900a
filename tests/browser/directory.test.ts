import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeAccount, OPERATOR } from '../support/administration.ts';
import { Slapd } from '../support/slapd.ts';
import { Stage } from '../support/stage.ts';

const isHere = Slapd.isInstalled();
const why = isHere ? '' : ' (skipped: slapd and ldap-utils are not installed here; .ci/run installs them)';

describe.skipIf(!isHere)(`people from a directory, in a browser${why}`, () => {
  let slapd: Slapd;
  let stage: Stage;

  beforeAll(async () => {
    slapd = await Slapd.start();
    stage = await Stage.set(slapd.settings({ ADMIN_ACR: 'mfa' }));
  });
  afterAll(async () => {
    await stage?.strike();
    await slapd?.stop();
  });

  const sync = async () => {
    while (!(await stage.installation.d.directorySync!.run({}, OPERATOR)))
      await new Promise((resolve) => setTimeout(resolve, 50));
  };

  for (const [locale, width] of [
    ['nl-NL', 1280],
    ['en-GB', 390],
  ] as const) {
    it(`sign in, read whose their password is, and what to do while the directory is away, ${locale} at ${width}`, async () => {
      const tongue = locale.slice(0, 2) as 'nl' | 'en';
      const { installation } = stage;
      const colorScheme = tongue === 'en' ? 'dark' : 'light';
      const person = { email: `anne-${tongue}@example.org`, password: 'van het netwerk' };
      const boss = await installation.addPerson(`baas-${tongue}@example.org`, { role: 'administrator' });
      slapd.add(
        { uid: `anne-${tongue}`, name: 'Anne de Vries', password: person.password },
        { uid: `baas-${tongue}`, password: 'x' },
      );
      await sync();
      const phone = await stage.enrolPhone(person, { locale });
      const account = (await installation.d.accounts.byEmail(person.email))!;
      await changeAccount(installation, account.id, { role: 'owner' });
      const laptop = await stage.openLaptop({ locale, width, colorScheme });
      await laptop.goto(`${installation.url}/admin`);
      await laptop.fill('#email', person.email);
      await laptop.fill('#password', person.password);
      await laptop.click('form button[type=submit]');
      await phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForURL('**/admin');
      for (const [name, path, says] of [
        ['settings', '/admin/settings', boss.email],
        ['self', `/admin/people/${account.id}`, tongue === 'nl' ? 'Dit bent u zelf' : 'This is you'],
        ['account', '/mfa', tongue === 'nl' ? 'netwerk van uw organisatie' : 'organisation’s network'],
        ['password', '/mfa/password', tongue === 'nl' ? 'U verandert het daar' : 'You change it there'],
      ] as const) {
        await laptop.goto(`${installation.url}${path}`);
        expect(await laptop.textContent('main'), path).toContain(says);
        await stage.shot(laptop, `${tongue}-directory-${name}-${width}`);
      }
      // Half of it is gone, by a mistake.
      const uids = Array.from({ length: 8 }, (_, index) => `weg-${tongue}-${index}`);
      slapd.add(...uids.map((uid) => ({ uid })));
      await sync();
      slapd.remove(...uids);
      await sync();
      await laptop.goto(`${installation.url}/admin`);
      expect(await laptop.textContent('main')).toContain('directory sync --many');
      await stage.shot(laptop, `${tongue}-directory-too-many-${width}`);
      await installation.d.directorySync!.run({ mayBeMany: true }, OPERATOR);

      await slapd.pause();
      const other = await stage.openLaptop({ locale, width, colorScheme });
      await stage.givePassword(other, person);
      await other.locator('h1').waitFor();
      await stage.shot(other, `${tongue}-directory-away-${width}`);
      expect(await other.title()).toContain(
        tongue === 'nl' ? 'Aanmelden lukt nu even niet' : 'does not work right now',
      );
      await slapd.resume();
      installation.clock.advance(11);
      // The same sign-in goes on.
      await other.locator('a.button').click();
      await other.fill('#email', person.email);
      await other.fill('#password', person.password);
      await other.click('form button[type=submit]');
      await other.locator('.number').waitFor();
      installation.clock.reset();
      expect([...laptop.errors, ...other.errors]).toEqual([]);
      for (const each of [laptop, other]) await each.context().close();
      await phone.close();
    });
  }
});
