import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { Phone } from '../support/phone.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, enrolPhone, enrolPhoneFromWizard, givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let installation: TestInstallation;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterAll(() => installation.close());

/** A laptop at the wizard's second step. */
async function atScan() {
  const person = await installation.addPerson();
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  await laptop.submit('/enrol');
  await laptop.open(`${installation.url}/mfa/setup/scan`);
  return { person, laptop, request, code: laptop.typedCode };
}

describe('an enrolment code', () => {
  it('has 128 bits, is shown again on a reload and in a second tab, and is stored sealed', async () => {
    const { laptop, code } = await atScan();
    expect(code.replaceAll('-', '')).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    expect(laptop.typedCode).toBe(code);
    const stored = JSON.stringify(
      await installation.d.database
        .sql`SELECT encode(code_digest, 'escape') AS a, encode(code_sealed, 'escape') AS b FROM enrolment_code`,
    );
    expect(stored).not.toContain(code.replaceAll('-', ''));
  });
  it('binds one phone, once', async () => {
    const { code } = await atScan();
    const phone = await Phone.make(installation.url);
    const enrolled = await phone.enrol(code.toLowerCase().replaceAll('-', ' '));
    expect(enrolled.status).toBe(201);
    expect(enrolled.body).toMatchObject({
      organisation: 'Voorbeeldorganisatie',
      state: 'pending',
      isPushFrozen: false,
    });
    const second = await (await Phone.make(installation.url)).enrol(code);
    expect(second).toMatchObject({ status: 409, body: { code: 'enrolment_code_used' } });
  });
  it('is won by exactly one of several phones at once, 200 times', async () => {
    const phones = await Promise.all(Array.from({ length: 3 }, () => Phone.make(installation.url)));
    const { person } = await atScan();
    const { id: authenticator } = (await installation.d.authenticators.passwordOf(person.account.id))!;
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const origin = { ip: '127.0.0.1', browser: '' };
      const { token } = (await installation.d.binding.open(person.account, { authenticator }, 'mfa', origin))!;
      const view = (await installation.d.binding.look(token))!;
      const { typed } = await installation.d.binding.offer(view);
      const results = fulfilled(await together(3, (index) => phones[index]!.enrol(typed)));
      expect(results.filter(({ status }) => status === 201)).toHaveLength(1);
      await installation.d.database.sql`DELETE FROM binding_session`;
      await installation.d.database.sql`DELETE FROM authenticator WHERE parent_id IS NOT NULL`;
      await installation.d.database.sql`DELETE FROM authenticator WHERE kind = 'push'`;
    }
  }, 120_000);
  it('that nobody was given is unknown', async () => {
    const phone = await Phone.make(installation.url);
    expect(await phone.enrol('0000-0000-0000-0000-0000-0000-00')).toMatchObject({
      status: 404,
      body: { code: 'enrolment_code_unknown' },
    });
  });
  it('comes anew for whoever asks for more time, a dozen times, and is shown no longer than ten minutes', async () => {
    const { laptop, code, person } = await atScan();
    try {
      installation.clock.advance(500);
      await laptop.submit('/more-time');
      expect(laptop.page.url).toBe(`${installation.url}/mfa/setup/scan`);
      const second = laptop.typedCode;
      expect(second).not.toBe(code);
      const phone = await Phone.make(installation.url);
      phone.clockOffset = 500;
      // Whoever is typing the one from before may finish; it ends when it would have ended.
      installation.clock.advance(101);
      phone.clockOffset = 601;
      expect((await phone.enrol(code)).body).toMatchObject({ code: 'enrolment_code_expired' });
      installation.clock.advance(-101);
      // Until the code is over; then there is a new one, still without the password.
      installation.clock.advance(590);
      await laptop.open(`${installation.url}/mfa/setup/scan`);
      expect(laptop.typedCode).toBe(second);
      for (let time = 0; time < 10; time += 1) {
        await laptop.submit('/more-time');
        installation.clock.advance(590);
      }
      await laptop.open(`${installation.url}/mfa/setup/scan`);
      const events = await installation.d.auditStore.list({ action: 'binding.extended', limit: 100 });
      expect(events.filter(({ accountId }) => accountId === person.account.id)).toHaveLength(11);
      // Two hours are enough.
      installation.clock.advance(5);
      await laptop.submit('/more-time');
      installation.clock.advance(7200 - 500 - 11 * 590);
      await laptop.submit('/more-time');
      installation.clock.advance(400);
      await laptop.open(`${installation.url}/mfa/setup/scan`);
      expect(laptop.page.status).toBe(403);
    } finally {
      installation.clock.reset();
    }
  });
  it('that was shown before there was more time works until its own end', async () => {
    const { laptop, code } = await atScan();
    await laptop.submit('/more-time');
    expect((await (await Phone.make(installation.url)).enrol(code)).status).toBe(201);
    // What is bound goes on where it stands, whatever page asked.
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    await laptop.submit('/more-time', { path: '/mfa/setup/store-app/test/code' });
    expect([laptop.page.status, laptop.page.url]).toEqual([200, `${installation.url}/mfa/setup/scan`]);
  });
  it('goes back to no other page for it', async () => {
    const { laptop } = await atScan();
    const fields = { path: '//evil.example.org' };
    await laptop.submit('/more-time', fields);
    expect(laptop.page.url).toBe(`${installation.url}/mfa/setup`);
  });
  it('ends with its ten minutes; the laptop is told to begin again with the password', async () => {
    const { laptop, code } = await atScan();
    installation.clock.advance(601);
    const phone = await Phone.make(installation.url);
    phone.clockOffset = 601;
    expect(await phone.enrol(code)).toMatchObject({ status: 410, body: { code: 'enrolment_code_expired' } });
    expect((await laptop.open(`${installation.url}/mfa/setup/scan`)).status).toBe(403);
    expect(laptop.title).toBe('Het instellen duurde te lang');
    installation.clock.advance(-601);
  });
  it('cannot bind a key that is bound already, nor one without proof of possession', async () => {
    const { code } = await atScan();
    const phone = await Phone.make(installation.url);
    await phone.enrol(code);
    const other = await atScan();
    expect(await phone.enrol(other.code)).toMatchObject({ status: 409, body: { code: 'key_in_use' } });
    const thief = await Phone.make(installation.url);
    const third = await atScan();
    const stolen = await thief.proof('POST', '/app/api/enrolments', { jwk: phone.jwk });
    expect(await thief.call('POST', '/app/api/enrolments', { code: third.code }, stolen)).toMatchObject({
      status: 401,
      body: { code: 'proof_invalid' },
    });
    // The refused proof has not used the code up.
    expect((await thief.enrol(third.code)).status).toBe(201);
  });
});

describe('the wizard', () => {
  it('opened directly asks to sign in first', async () => {
    const laptop = new Laptop();
    await laptop.open(`${installation.url}/mfa/setup`);
    expect(laptop.title).toBe('Aanmelden');
  });
  it('opened directly leads a person without a phone through enrolment to their own page', async () => {
    const person = await installation.addPerson();
    const laptop = new Laptop();
    await laptop.open(`${installation.url}/mfa/setup`);
    await laptop.submit('/password', person);
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolPhone(laptop, installation.url);
    const path = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)![1]!;
    await laptop.open(installation.url + path);
    expect(laptop.title).toBe('Mijn aanmeldgegevens');
    expect(laptop.page.html).toContain(person.email);
    expect(laptop.page.html).toContain('Testtelefoon');
    expect(laptop.page.html).toContain('Nog 10 codes over');
  });
  it('sends every step that is not due to the one that is', async () => {
    const { laptop } = await atScan();
    const at = async (path: string) => new URL((await laptop.open(installation.url + path)).url).pathname;
    expect(await at('/mfa/setup/test')).toBe('/mfa/setup/scan');
    expect(await at('/mfa/setup/done')).toBe('/mfa/setup');
    expect(await at('/mfa/setup')).toBe('/mfa/setup');
    const phone = await enrolPhoneFromWizard(laptop, installation.url);
    expect(await at('/mfa/setup')).toBe('/mfa/setup/done');
    expect(await at('/mfa/setup/scan')).toBe('/mfa/setup/done');
    expect(await at('/mfa/setup/test')).toBe('/mfa/setup/done');
    expect((await phone.call('GET', '/app/api/account')).body).toMatchObject({ state: 'active' });
  });
  it('shows the same recovery codes again on a reload, and never after', async () => {
    const { laptop } = await atScan();
    await enrolPhoneFromWizard(laptop, installation.url);
    const codes = laptop.recoveryCodes;
    expect(new Set(codes).size).toBe(10);
    await laptop.open(`${installation.url}/mfa/setup/done`);
    expect(laptop.recoveryCodes).toEqual(codes);
    await goOn(laptop, rp);
    installation.clock.advance(601);
    await laptop.open(`${installation.url}/mfa/setup/done`);
    expect(laptop.recoveryCodes).toEqual([]);
    installation.clock.advance(-601);
  });
  it('goes on after a denied test, and with another phone', async () => {
    const { laptop, code } = await atScan();
    const first = await Phone.make(installation.url);
    await first.enrol(code);
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    await laptop.submit('/mfa/setup/test');
    await first.answer((await first.challenges())[0]!, 'deny');
    await laptop.open(`${installation.url}/mfa/setup/test`);
    expect(laptop.page.html).toContain('Er is niets veranderd');
    await laptop.submit('/mfa/setup/again');
    expect(laptop.typedCode).not.toBe(code);
    expect((await first.call('GET', '/app/api/account')).status).toBe(401);
    await enrolPhoneFromWizard(laptop, installation.url);
    expect(laptop.title).toBe('Uw telefoon is klaar voor gebruik');
  });
  it('lets a new phone answer its own test and nothing else', async () => {
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const { id: authenticator } = (await installation.d.authenticators.passwordOf(person.accountId))!;
    const { token } = (await installation.d.binding.open(
      (await installation.d.accounts.byId(person.accountId))!,
      { authenticator },
      'mfa',
      { ip: '127.0.0.1', browser: '' },
    ))!;
    const { typed } = await installation.d.binding.offer((await installation.d.binding.look(token))!);
    const pending = await Phone.make(installation.url);
    await pending.enrol(typed);
    expect(await pending.challenges()).toEqual([]);
    const [waiting] = await person.phone.challenges();
    expect(await pending.answer(waiting!, 'approve', { number: laptop.number })).toMatchObject({ status: 404 });
    expect(await pending.call('GET', '/app/api/history')).toMatchObject({ body: { challenges: [] } });
  });
  it('tells the owner by mail that a phone was added', async () => {
    const { person } = await atScan();
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await enrolPhone(laptop, installation.url);
    await expect
      .poll(
        () =>
          installation.logLines.filter(
            (line) => line.includes('authenticator_added') && line.includes(person.account.id),
          ).length,
      )
      .toBe(1);
  });
});
