import { randomUUID } from 'node:crypto';
import { WebAuthnEmulator } from 'nid-webauthn-emulator';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBindPassword } from '../../src/authenticators/password/bind.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createPasswordHasher } from '../../src/crypto/password-hash.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { openNotices } from '../../src/notices.ts';
import { OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { RelyingParty } from '../support/relying-party.ts';
import {
  addEnrolledPerson,
  type Enrolled,
  enrolCodeApp,
  enrolKey,
  enrolPhone,
  givePassword,
  goOn,
} from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';
import { totpCode } from '../support/totp.ts';

let mailServer: MailServer;
let installation: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;
const NEW = 'een heel nieuw wachtwoord';

beforeAll(async () => {
  mailServer = await MailServer.start();
  installation = await startInstallation({
    SMTP_URL: mailServer.url,
    MAIL_FROM: 'Dubbelslot <dubbelslot@example.org>',
    TRUST_PROXY: '127.0.0.1,::1',
  });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
beforeEach(async () => {
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterEach(() => {
  installation.clock.reset();
  mailServer.refusal = undefined;
  mailServer.isAboutUs = false;
});
afterAll(async () => {
  await installation.close();
  await mailServer.close();
});

const forgotten = async (email: string, laptop = new Laptop()) => {
  await laptop.open(`${installation.url}/password/forgotten`);
  await laptop.submit('/password/forgotten', { email });
  return laptop;
};
const resetLink = async () => {
  await forgotten(person.email);
  return linkIn(await mailServer.next(person.email, 'Een nieuw wachtwoord'), '/password/link');
};
/** From the mail to the sign-in that it leads to. */
const follow = async (link: string, laptop = new Laptop()) => {
  await laptop.open(link);
  await laptop.submit('/password/link');
  return laptop;
};

describe('a forgotten password', () => {
  it('is replaced through a mailed link, after the second factor', async () => {
    const laptop = await follow(await resetLink());
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    const here = laptop.page.url;
    await person.phone.approve(laptop.number);
    await laptop.open(here);
    expect(laptop.title).toBe('Kies een wachtwoord');
    for (const bad of ['kort', 'wachtwoord', person.email]) {
      await laptop.submit('/new-password', { password: bad });
      expect(laptop.page.status).toBe(422);
    }
    await laptop.submit('/new-password', { password: NEW });
    expect(laptop.page.url).toBe(`${installation.url}/mfa`);
    await mailServer.next(person.email, 'Uw wachtwoord is veranderd');
    const old = new Laptop();
    await givePassword(old, rp, person);
    expect(old.page.status).toBe(401);
    const fresh = new Laptop();
    await givePassword(fresh, rp, { ...person, password: NEW });
    expect(fresh.title).toBe('Bevestig op uw telefoon');
  });

  it('link gives nothing without the second factor: no password page, no portal, no web app', async () => {
    const laptop = await follow(await resetLink());
    const here = laptop.page.url;
    await laptop.open(`${here}/new-password`.replace('/new-password', ''));
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    await laptop.send(`${here}/new-password`, { method: 'POST', body: new URLSearchParams({ password: NEW }) });
    await laptop.open(`${installation.url}/mfa`);
    expect(laptop.page.url).toContain('/interaction/');
    // Another web app asks for the password: the link is for our own pages alone.
    await laptop.open((await rp.request()).url);
    expect(laptop.title).toBe('Aanmelden');
    const right = new Laptop();
    await givePassword(right, rp, person);
    expect(right.title).toBe('Bevestig op uw telefoon');
  });

  it('leads over a recovery code to a new password and a new phone', async () => {
    const laptop = await follow(await resetLink());
    await laptop.open(`${laptop.page.url}/recovery`);
    await laptop.submit('/recovery', { code: person.recoveryCodes[0]! });
    expect(laptop.title).toBe('Kies een wachtwoord');
    await laptop.submit('/new-password', { password: NEW });
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolPhone(laptop, installation.url);
    expect(laptop.title).toBe('Uw telefoon is klaar voor gebruik');
  });

  it('link is not used up where the machine is too busy to compute a hash', async () => {
    const { authenticators, config } = installation.d;
    const hasher = createPasswordHasher(secretKey(config.secretKeys[0]!), 1);
    const bind = createBindPassword(authenticators, hasher, systemRandom);
    let used = 0;
    const use = async () => {
      used += 1;
      return true;
    };
    const all = await together(100, () => bind(person.accountId, NEW, new Date(), undefined, use));
    expect(fulfilled(all).length).toBeLessThan(100);
    expect(used).toBe(fulfilled(all).length);
    expect(await bind(person.accountId, NEW, new Date(), undefined, async () => false)).toBe(false);
  });

  it('link works once, for half an hour, and the use of one ends the others', async () => {
    const first = await resetLink();
    const second = await resetLink();
    const laptop = await follow(first);
    const here = laptop.page.url;
    installation.clock.advance(1801);
    await laptop.open(second);
    expect(laptop.page.status).toBe(410);
    installation.clock.reset();
    const codes = new URL(second).searchParams.get('code')!;
    const uses = await together(4, () => installation.d.mailLinks.use(codes, installation.clock.now()));
    expect(fulfilled(uses).filter(Boolean)).toHaveLength(1);
    const late = await follow(second).catch(() => undefined);
    expect(late).toBeUndefined();
    await laptop.open(here);
    await person.phone.approve(laptop.number);
    await laptop.open(here);
    const third = await resetLink();
    await laptop.submit('/new-password', { password: NEW });
    await laptop.open(third);
    expect(laptop.page.status).toBe(410);
  });

  it('says the same for an unknown account, and mails to nobody; three mails, then one an hour', async () => {
    const known = await forgotten(person.email);
    const unknown = await forgotten('nobody@example.org');
    const words = (laptop: Laptop, email: string) =>
      laptop.page.html.replaceAll(email, 'E').replace(/value="[^"]*"/g, '');
    expect(words(unknown, 'nobody@example.org')).toBe(words(known, person.email));
    for (let more = 0; more < 4; more += 1) await forgotten(person.email);
    await installation.d.passwordLinks.settled();
    await expect
      .poll(() => mailServer.to(person.email).filter((m) => m.subject?.includes('nieuw wachtwoord')).length)
      .toBe(3);
    expect(mailServer.to('nobody@example.org')).toEqual([]);
    const elsewhere = new Laptop({ 'accept-language': 'nl', 'x-forwarded-for': '203.0.113.9' });
    for (let more = 0; more < 20; more += 1) await forgotten('nobody@example.org', elsewhere);
    expect(elsewhere.page.status).toBe(200);
    await forgotten('nobody@example.org', elsewhere);
    expect(elsewhere.page.status).toBe(429);
    await forgotten('not an address', elsewhere);
    expect(elsewhere.page.status).toBe(422);
  });
});

describe('a mail server', () => {
  const kept = () =>
    installation.d.database.sql<{ id: string; sealed: Buffer; lastError: string | null }>`SELECT * FROM mail`;
  const invite = async () => {
    const email = `wacht-${randomUUID()}@example.org`;
    const invited = await installation.d.administration.addAccount({ email, displayName: 'Wachtende' }, OPERATOR);
    expect(invited.ok).toBe(true);
    return email;
  };

  beforeEach(async () => {
    await installation.d.database.sql`DELETE FROM mail WHERE last_error IS NOT NULL`;
    await expect.poll(async () => (await kept()).length).toBe(0);
  });

  it('that says “not now” gets the mail later, and what waits can be read by nobody', async () => {
    mailServer.refusal = 451;
    const email = await invite();
    await expect.poll(async () => (await kept())[0]?.lastError).toContain('not now');
    const [mail] = await kept();
    expect(mail!.sealed.toString('latin1')).not.toContain(email);
    expect(await installation.d.overview.health()).toMatchObject({ mailsWaiting: 1 });
    mailServer.refusal = undefined;
    await installation.d.deliverMails();
    expect(mailServer.to(email)).toEqual([]);
    installation.clock.advance(61);
    await installation.d.deliverMails();
    expect(linkIn(await mailServer.next(email, 'Uw account'), '/link')).toContain(installation.url);
    expect((await kept()).length).toBe(0);
    // However many look at the same time, it goes once.
    expect(mailServer.to(email)).toEqual([]);
  });

  it('that never answers well is given up after a day, and one that says “never” at once', async () => {
    mailServer.refusal = 550;
    await invite();
    await expect.poll(async () => (await kept()).length).toBe(0);
    mailServer.refusal = 451;
    await invite();
    await expect.poll(async () => (await kept())[0]?.lastError).toContain('not now');
    for (let hours = 0; hours < 48; hours += 1) {
      installation.clock.advance(3601);
      await installation.d.deliverMails();
    }
    expect((await kept()).length).toBe(0);
    expect(installation.logLines.filter((line) => line.includes('mail given up'))).toHaveLength(2);
    expect(await installation.d.auditStore.list({ action: 'mail.given_up', limit: 9 })).toHaveLength(2);
  });

  it('that refuses us, and not whom the mail is for, gets it later', async () => {
    mailServer.refusal = 530;
    mailServer.isAboutUs = true;
    const email = await invite();
    await expect.poll(async () => (await kept())[0]?.lastError).toContain('authenticate first');
    mailServer.refusal = undefined;
    installation.clock.advance(61);
    await installation.d.deliverMails();
    await mailServer.next(email, 'Uw account');
  });

  it('gets no link that works no longer', async () => {
    mailServer.refusal = 451;
    const laptop = new Laptop();
    await laptop.open((await rp.request()).url);
    await laptop.open(new URL(/href="([^"]*forgotten[^"]*)"/.exec(laptop.page.html)![1]!, installation.url).href);
    await laptop.submit('/password/forgotten', { email: person.email });
    await expect.poll(async () => (await kept())[0]?.lastError).toContain('not now');
    mailServer.refusal = undefined;
    installation.clock.advance(1801);
    await installation.d.deliverMails();
    expect((await kept()).length).toBe(0);
    expect(mailServer.to(person.email).filter(({ subject }) => subject?.includes('nieuw wachtwoord'))).toEqual([]);
  });

  it('gets each mail once, however many instances send', async () => {
    mailServer.refusal = 451;
    const emails = await Promise.all(Array.from({ length: 12 }, invite));
    await expect.poll(async () => (await kept()).filter(({ lastError }) => lastError !== null).length).toBe(12);
    mailServer.refusal = undefined;
    installation.clock.advance(61);
    const { mails, audit, config, organisation, mailLinks, clock, random, log } = installation.d;
    const others = Array.from({ length: 3 }, () =>
      openNotices({ mails, audit, config, organisation, mailLinks, clock, random, log }),
    );
    await Promise.all([installation.d.deliverMails(), ...others.map((each) => each.deliverMails())]);
    for (const email of emails) expect(mailServer.to(email)).toHaveLength(1);
    await Promise.all(others.map((each) => each.close()));
  });
});

describe('an invitation', () => {
  it('leads by mail to a first password, a second factor and one’s own page', async () => {
    const email = 'nieuw@example.org';
    const added = await installation.d.administration.addAccount(
      { email, displayName: 'Nieuwe Collega', locale: 'en' },
      OPERATOR,
    );
    expect(added.ok).toBe(true);
    const mail = await mailServer.next(email, 'Your account');
    expect(mail.from?.text).toBe('"Dubbelslot" <dubbelslot@example.org>');
    expect(mail.html).toContain('Choose a password');
    const laptop = await follow(linkIn(mail, '/password/link'));
    expect(laptop.title).toBe('Kies een wachtwoord');
    await laptop.submit('/new-password', { password: NEW });
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolCodeApp(laptop, installation.url, installation.clock.now());
    const path = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)![1]!;
    await laptop.open(installation.url + path);
    expect(laptop.title).toBe('Mijn aanmeldgegevens');
    const again = await installation.d.administration.invite(email, OPERATOR);
    expect(again).toMatchObject({ ok: false, refusal: { code: 'password_there' } });
  });
});

describe('a mail', () => {
  it('is text and HTML in the person’s language, and tells of each change', async () => {
    const added = await mailServer.next(person.email, 'Er is een manier van aanmelden toegevoegd');
    expect(added.text).toContain('Testtelefoon');
    expect(added.html).toContain('<html lang="nl">');
    expect(added.html).toContain('Testtelefoon');
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.open(`${laptop.page.url}/recovery`);
    await laptop.submit('/recovery', { code: person.recoveryCodes[0]! });
    expect((await mailServer.next(person.email, 'Er is een herstelcode gebruikt')).text).toContain('nog 9 codes');
  });

  it('escapes what people call their things', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.open(`${laptop.page.url}/recovery`);
    await laptop.submit('/recovery', { code: person.recoveryCodes[0]! });
    const emulator = new WebAuthnEmulator();
    await enrolKey(laptop, installation.url, emulator);
    const account = (await installation.d.accounts.byId(person.accountId))!;
    const other = { ...account, displayName: '<script>alert(1)</script>' };
    const { createRenderMail } = await import('../../src/mail/html.ts');
    const { mailFor } = await import('../../src/mail/notices.ts');
    const render = createRenderMail(new URL('../../views/mail', import.meta.url).pathname);
    const mail = mailFor(
      { displayName: other.displayName, address: other.email, locale: 'nl' },
      { kind: 'authenticator_added', label: '<b>"&', ip: '::1' },
      'https://id.example.org/not-me?code=x',
      { organisation: { ...installation.d.organisation, name: 'IPO & <co>' }, render },
    );
    expect(mail.html).not.toContain('<script>');
    expect(mail.html).not.toContain('<b>');
    expect(mail.html).toContain('IPO &amp; &lt;co&gt;');
    expect(mail.text).toContain('https://id.example.org/not-me?code=x');
  });

  it('comes after a sign-in from a new place, and not from a known one', async () => {
    const signInFrom = async (ip: string) => {
      const laptop = new Laptop({ 'accept-language': 'nl', 'x-forwarded-for': ip });
      await givePassword(laptop, rp, person);
      const here = laptop.page.url;
      await person.phone.approve(laptop.number);
      await laptop.open(here, {}, rp.redirectUri);
    };
    await signInFrom('198.51.100.7');
    const mail = await mailServer.next(person.email, 'Aangemeld vanaf een nieuwe plaats');
    expect(mail.text).toContain('198.51.100.7');
    expect(mail.text).toContain('Zaaksysteem');
    // The same network is the same place.
    await signInFrom('198.51.100.99');
    await installation.d.database.sql`SELECT 1`;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(mailServer.to(person.email).some(({ subject }) => subject?.includes('nieuwe plaats'))).toBe(false);
  });

  it('has a link “this was not me” that needs no sign-in, asks first, and secures the account once', async () => {
    const laptop = new Laptop();
    const link = linkIn(await mailServer.next(person.email, 'manier van aanmelden toegevoegd'), '/not-me');
    // A program that opens every link changes nothing.
    await laptop.open(link);
    expect(laptop.title).toBe('Was u dit niet?');
    expect((await installation.d.accounts.byId(person.accountId))!.pushFrozenAt).toBeNull();
    await laptop.submit('/not-me');
    expect(laptop.title).toBe('Uw account is beveiligd');
    expect((await installation.d.accounts.byId(person.accountId))!.pushFrozenAt).not.toBeNull();
    await mailServer.next(person.email, 'Uw account is beveiligd');
    const burglar = new Laptop();
    await givePassword(burglar, rp, person);
    expect(burglar.page.status).toBe(401);
    await laptop.open(link);
    expect(laptop.page.status).toBe(410);
    // The owner comes back by mail and a recovery code.
    const back = await follow(await resetLink());
    expect(back.title).not.toBe('Bevestig op uw telefoon');
  });
});

describe('whoever has a code app', () => {
  it('confirms a new password with a code', async () => {
    const { account, ...who } = await installation.addPerson();
    const laptop = new Laptop();
    await givePassword(laptop, rp, who);
    const secret = await enrolCodeApp(laptop, installation.url, installation.clock.now());
    await goOn(laptop, rp);
    installation.clock.advance(30);
    await forgotten(account.email);
    const link = linkIn(await mailServer.next(account.email, 'Een nieuw wachtwoord'), '/password/link');
    const fresh = await follow(link);
    await fresh.submit('/code', { code: totpCode(secret, installation.clock.now()) });
    expect(fresh.title).toBe('Kies een wachtwoord');
  });
});
