import { AuthenticatorEmulator, PasskeysCredentialsMemoryRepository, WebAuthnEmulator } from 'nid-webauthn-emulator';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { issuePass, OPERATOR } from '../support/administration.ts';
import { heldBack } from '../support/held-back.ts';
import { forgetPolicies, startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { StoreAppPhone, type Waiting } from '../support/store-app.ts';
import {
  addEnrolledPerson,
  approveAndGoOn,
  type Enrolled,
  enrolKey,
  enrolPhone,
  enrolPhoneFromWizard,
  givePassword,
} from '../support/story.ts';

/** What a review tried, and what must not work. */
let mailServer: MailServer;
let installation: TestInstallation;
let rp: RelyingParty;
let other: RelyingParty;
let person: Enrolled;
let laptop: Laptop;
const ORIGIN = { ip: '127.0.0.1', browser: '' };

beforeAll(async () => {
  mailServer = await MailServer.start();
  installation = await startInstallation({ SMTP_URL: mailServer.url, TRUST_PROXY: '127.0.0.1,::1' });
  const make = async (id: string, name: string) => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id, name, redirectUris: [redirectUri] });
    return RelyingParty.discover(installation.url, id, secret, redirectUri);
  };
  rp = await make('app', 'Zaaksysteem');
  other = await make('other', 'Intranet');
});
beforeEach(async () => {
  await forgetPolicies(installation);
  laptop = new Laptop();
  person = await addEnrolledPerson(installation, laptop, rp);
});
afterEach(() => installation.clock.reset());
afterAll(async () => {
  await installation.close();
  await mailServer.close();
});

const set = async (...rules: object[]) => {
  const document = { rules: rules.map((rule, index) => ({ name: `regel ${index + 1}`, ...rule })) };
  const result = await installation.d.policyAdministration.set(document, OPERATOR);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
};
const account = async (id = person.accountId) => (await installation.d.accounts.byId(id))!;
const isIn = (browser: Laptop) => browser.page.url.includes('code=');
const key = () =>
  new WebAuthnEmulator(new AuthenticatorEmulator({ credentialsRepository: new PasskeysCredentialsMemoryRepository() }));
/** Posts a form of this sign-in that the page does not show. */
const post = (browser: Laptop, base: string, path: string, fields: Record<string, string> = {}) => {
  const token = /name="_csrf" value="([^"]*)"/.exec(browser.page.html)![1]!;
  const body = new URLSearchParams({ _csrf: token, ...fields });
  return browser.send(base + path, { method: 'POST', body, headers: { origin: new URL(base).origin } });
};

describe('putting off', () => {
  it('with one’s own account opens nobody else’s in the same sign-in', async () => {
    await set({ outcome: { grace: { signIns: 5 } } });
    const { account: _own, ...attacker } = await installation.addPerson();
    const browser = new Laptop();
    await givePassword(browser, rp, attacker);
    const base = browser.page.url;
    await post(browser, base, '/later');
    await post(browser, base, '/password', { email: person.email, password: person.password });
    await browser.open(base, {}, rp.redirectUri);
    expect(isIn(browser)).toBe(false);
    expect(browser.title).toBe('Bevestig op uw telefoon');
  });

  it('ends where the owner has set up a second factor meanwhile', async () => {
    await set({ outcome: { grace: { signIns: 5 } } });
    const { account: _account, ...who } = await installation.addPerson();
    const thief = new Laptop();
    await givePassword(thief, rp, who);
    const base = thief.page.url;
    await post(thief, base, '/later');
    const owner = new Laptop();
    await givePassword(owner, rp, who);
    await enrolPhone(owner, installation.url);
    await thief.open(base, {}, rp.redirectUri);
    expect(isIn(thief)).toBe(false);
  });

  it('is counted, also by way of an app that asks for the password only, and never for who had a phone', async () => {
    await set({ when: { clients: ['other'] }, outcome: { allow: '1fa' } }, { outcome: { grace: { signIns: 1 } } });
    const { account: _account, ...who } = await installation.addPerson();
    for (let more = 0; more < 3; more += 1) {
      const browser = new Laptop();
      await givePassword(browser, other, who);
      await browser.open((await rp.request()).url, {}, rp.redirectUri);
      expect(isIn(browser)).toBe(false);
    }
    const phone = (await installation.d.authenticators.ofAccount(person.accountId)).find((a) => a.kind === 'push')!;
    await installation.d.authenticators.move(phone.id, ['active'], 'removed', new Date());
    const browser = new Laptop();
    await givePassword(browser, other, person);
    await browser.open((await rp.request()).url, {}, rp.redirectUri);
    expect(browser.title).toBe('Aanmelden met een herstelcode');
  });

  it('does not exceed its number by many tabs at once', async () => {
    await set({ outcome: { grace: { signIns: 1 } } });
    const { account: _account, ...who } = await installation.addPerson();
    // Four: more passwords at once are taken for guesses, and wait.
    const tabs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const tab = new Laptop();
        await givePassword(tab, rp, who);
        return tab;
      }),
    );
    await Promise.all(tabs.map((tab) => tab.submit('/later', {}, rp.redirectUri)));
    expect(tabs.filter(isIn).length).toBe(1);
  });

  it('does not open enrolment where the policy closes it', async () => {
    await set({ outcome: { enrolment: 'deny', grace: { days: 14 } } });
    const { account: mine, ...who } = await installation.addPerson();
    const browser = new Laptop();
    await givePassword(browser, rp, who);
    expect(browser.page.html).toContain('Herinner mij later');
    const base = browser.page.url;
    await post(browser, base, '/enrol');
    await browser.open(`${installation.url}/mfa/setup/scan`);
    expect(browser.typedCode).toBe('');
    expect((await installation.d.authenticators.ofAccount(mine.id)).length).toBe(1);
    await forgetPolicies(installation);
    await set({ outcome: { enrolment: 'pass', grace: { days: 14 } } });
    await givePassword(browser, rp, who);
    expect(browser.title).toBe('Aanmelden met een tijdelijke toegangscode');
    await browser.submit('/later', {}, rp.redirectUri);
    expect(isIn(browser)).toBe(true);
  });
});

describe('a browser that was remembered', () => {
  it('under a lenient rule counts for as long as the strict one says', async () => {
    await set(
      { when: { clients: ['other'] }, outcome: { rememberBrowserHours: 720, acceptDeviation: 'accepted by the CISO' } },
      { outcome: { rememberBrowserHours: 1 } },
    );
    const browser = new Laptop();
    await givePassword(browser, other, person);
    await approveAndGoOn(browser, person.phone, other);
    await browser.submit('/remember', { answer: 'yes' }, other.redirectUri);
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    installation.clock.advance(10 * 86_400);
    await givePassword(browser, rp, person);
    expect(isIn(browser)).toBe(false);
    await givePassword(browser, other, person);
    expect(isIn(browser)).toBe(true);
  });
});

describe('“this was not me”', () => {
  it('ends what an intruder added: a passkey, recovery codes, a temporary pass; what is older stays', async () => {
    const { sql } = installation.d.database;
    await sql`UPDATE authenticator SET created_at = created_at - interval '30 days' WHERE account_id = ${person.accountId}`;
    const intruder = key();
    await laptop.open(`${installation.url}/mfa`);
    await laptop.submit('/mfa/add');
    await enrolKey(laptop, installation.url, intruder);
    await laptop.open(`${installation.url}/mfa/recovery-codes`);
    await laptop.submit('/mfa/recovery-codes');
    const stolenCodes = laptop.recoveryCodes;
    const pass = await issuePass(installation, person.email);
    const mail = await mailServer.next(person.email, 'nieuwe herstelcodes');
    const owner = new Laptop();
    await owner.open(linkIn(mail, '/not-me'));
    await owner.submit('/not-me');
    const thief = new Laptop();
    await thief.open((await rp.request()).url);
    const said = intruder.getJSON(installation.url, thief.keyOptions as never);
    await thief.submit('/passkey', { response: JSON.stringify(said) }, rp.redirectUri);
    expect(thief.page.status).toBe(401);
    const state = async (kind: string) =>
      (await installation.d.authenticators.ofAccount(person.accountId))
        .filter((a) => a.kind === kind)
        .map((a) => a.state);
    expect(await state('temporary_pass')).toEqual(['revoked']);
    expect(await state('recovery_code')).toEqual(['revoked', 'revoked']);
    expect(await state('push')).toEqual(['active']);
    expect(stolenCodes).toHaveLength(10);
    expect(pass.code).toHaveLength(19);
  });
});

describe('an administrator’s new password', () => {
  it('and a reset end links in mails and temporary passes', async () => {
    const email = `uitgenodigd-${Date.now()}@example.org`;
    await installation.d.administration.addAccount({ email, displayName: 'Nieuw Mens' }, OPERATOR);
    const link = linkIn(await mailServer.next(email, 'Uw account'), '/password/link');
    await issuePass(installation, email);
    await installation.d.administration.setPassword(email, 'abcd-efgh-zxcv-9876', OPERATOR);
    const browser = new Laptop();
    await browser.open(link);
    expect(browser.page.status).toBe(410);
    const invited = (await installation.d.accounts.byEmail(email))!;
    const passes = (await installation.d.authenticators.ofAccount(invited.id)).filter(
      (a) => a.kind === 'temporary_pass',
    );
    expect(passes.map(({ state }) => state)).toEqual(['revoked']);
  });
});

describe('a sign-in that was finished, and not yet picked up', () => {
  it('does not outlive the password that it was made with', async () => {
    await set({ when: { clients: ['other'] }, outcome: { allow: '1fa' } });
    const thief = new Laptop();
    await thief.open((await other.request()).url, {}, other.redirectUri);
    const base = thief.page.url;
    await post(thief, base, '/password', { email: person.email, password: person.password });
    const done = await thief.send(base);
    const changed = await installation.d.passwordLinks.change(
      await account(),
      'een heel nieuw wachtwoord',
      (await installation.d.myAccount.sessions(person.accountId))[0]!.uid,
      ORIGIN,
    );
    expect(changed.ok).toBe(true);
    await thief.open(new URL(done.headers.get('location')!, base).href, {}, other.redirectUri);
    expect(isIn(thief)).toBe(false);
  });
});

describe('a password that is replaced while it is being compared', () => {
  it('opens nothing', async () => {
    const browser = new Laptop();
    let posting: Promise<unknown> | undefined;
    const { sql, transaction } = installation.d.database;
    await transaction(async (replacing) => {
      await replacing`UPDATE authenticator SET state = 'revoked', ended_at = now()
        WHERE account_id = ${person.accountId} AND kind = 'password'`;
      let isOver = false;
      posting = givePassword(browser, rp, person).finally(() => {
        isOver = true;
      });
      for (let isWaiting = false; !isWaiting && !isOver; ) {
        const rows = await sql`SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        isWaiting = rows.length > 0;
      }
    });
    await posting;
    expect(browser.page.html).toContain('name="password"');
    expect(browser.page.html).toContain('wachtwoord klopt niet');
  });
});

describe('what ends while a form is on its way', () => {
  it('takes the form along: no password, no enrolment, no codes', async () => {
    const rights = [
      ['/mfa/password', { password: 'een heel nieuw wachtwoord' }],
      ['/mfa/add', {}],
      ['/mfa/recovery-codes', {}],
    ] as const;
    for (const [path, fields] of rights) {
      const browser = new Laptop();
      const owner = await addEnrolledPerson(installation, browser, rp);
      await browser.open(`${installation.url}/mfa`);
      const before = await installation.d.authenticators.ofAccount(owner.accountId);
      const token = /name="_csrf" value="([^"]*)"/.exec(browser.page.html)![1]!;
      const text = new URLSearchParams({ _csrf: token, ...fields }).toString();
      const headers = { origin: installation.url, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await browser.send(`${installation.url}${path}`, {
        ...heldBack(text, () => installation.d.people.endSessions(owner.accountId, OPERATOR)),
        headers,
      });
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/mfa/sign-in']);
      expect(await installation.d.authenticators.ofAccount(owner.accountId)).toEqual(before);
      expect(browser.cookie('binding')).toBeUndefined();
    }
  });

  it('is an enrolment that a password alone began, once a pass is asked for', async () => {
    const browser = new Laptop();
    const { email, password, account: owner } = await installation.addPerson();
    await givePassword(browser, rp, { email, password });
    await browser.submit('/enrol');
    await installation.d.database.sql`UPDATE account SET pass_required_at = now() WHERE id = ${owner.id}`;
    await expect(enrolPhoneFromWizard(browser, installation.url)).rejects.toThrow();
    const all = await installation.d.authenticators.ofAccount(owner.id);
    expect(all.filter(({ kind, state }) => kind === 'push' && state === 'active')).toEqual([]);
    expect((await account(owner.id)).passRequiredAt).not.toBeNull();
  });

  it('is an approval by a phone that was taken away before it was used', async () => {
    const browser = new Laptop();
    await givePassword(browser, rp, person);
    expect((await person.phone.approve(browser.number)).status).toBe(200);
    const [phone] = (await installation.d.authenticators.ofAccount(person.accountId)).filter(
      ({ kind }) => kind === 'push',
    );
    expect((await installation.d.people.revokeAuthenticator(person.accountId, phone!.id, 'kwijt', OPERATOR)).ok).toBe(
      true,
    );
    await browser.open(browser.page.url, {}, rp.redirectUri);
    expect(isIn(browser)).toBe(false);
    expect((await account()).passRequiredAt).not.toBeNull();
  });
});

describe('a stranger', () => {
  const forgotten = async (email: string, browser = new Laptop()) => {
    await browser.open(`${installation.url}/password/forgotten`);
    await browser.submit('/password/forgotten', { email });
    return browser.page.status;
  };

  it('does not end an invitation by asking for a forgotten password', async () => {
    const email = `vers-${Date.now()}@example.org`;
    await installation.d.administration.addAccount({ email, displayName: 'Vers Mens' }, OPERATOR);
    const link = linkIn(await mailServer.next(email, 'Uw account'), '/password/link');
    await forgotten(email);
    await installation.d.passwordLinks.settled();
    const browser = new Laptop();
    await browser.open(link);
    expect(browser.page.status).toBe(200);
  });

  it('who asked too often holds up the others at that address for an hour, not longer', async () => {
    const browser = new Laptop({ 'accept-language': 'nl', 'x-forwarded-for': '203.0.113.77' });
    for (let more = 0; more < 20; more += 1) await forgotten(`x${more}@example.org`, browser);
    expect(await forgotten('x22@example.org', browser)).toBe(429);
    installation.clock.advance(3600);
    expect(await forgotten('x23@example.org', browser)).toBe(200);
  });

  it('with the password cannot switch off the owner’s key, nor make it wait by wrong codes', async () => {
    const mine = key();
    await laptop.open(`${installation.url}/mfa`);
    await laptop.submit('/mfa/add');
    await enrolKey(laptop, installation.url, mine);
    const thief = new Laptop();
    await givePassword(thief, rp, person);
    const base = thief.page.url;
    const nonsense = JSON.stringify({
      id: 'a',
      rawId: 'a',
      type: 'public-key',
      clientExtensionResults: {},
      response: { clientDataJSON: 'a', authenticatorData: 'a', signature: 'a' },
    });
    for (let wrong = 0; wrong < 70; wrong += 1) {
      await post(thief, base, '/key', { response: nonsense });
      await post(thief, base, '/recovery', { code: 'x' });
      installation.clock.advance(31);
    }
    const owner = new Laptop();
    await owner.open((await rp.request()).url);
    const said = mine.getJSON(installation.url, owner.keyOptions as never);
    await owner.submit('/passkey', { response: JSON.stringify(said) }, rp.redirectUri);
    expect(isIn(owner)).toBe(true);
  });
});

describe('odd input', () => {
  it('a name that is cut in the middle of a character, transports that are no words', async () => {
    const phone = (await installation.d.authenticators.ofAccount(person.accountId)).find((a) => a.kind === 'push')!;
    await laptop.open(`${installation.url}/mfa/authenticators/${phone.id}/rename`);
    await laptop.submit('/rename', { label: `${'a'.repeat(59)}😀😀` });
    expect(laptop.page.status).toBe(200);
    expect((await installation.d.authenticators.byId(phone.id))!.label).toBe(`${'a'.repeat(59)}😀`);
    await laptop.submit('/mfa/add');
    await laptop.open(`${installation.url}/mfa/setup/key`);
    const made = key().createJSON(installation.url, laptop.keyOptions as never) as unknown as {
      response: { transports: string[] };
    };
    made.response.transports = ['\u0000'];
    await laptop.submit('/mfa/setup/key', { response: JSON.stringify(made) });
    expect(laptop.page.status).toBe(422);
  });

  it('doubled, nested, NUL and oversized fields get a clear answer on every new address', async () => {
    await laptop.open(`${installation.url}/mfa`);
    for (const path of [
      '/mfa/sign-in?again=a&again=b&fresh=1&fresh=2',
      '/password/link?code=a&code=b',
      '/not-me?code=a&code=b',
      `/password/link?code=${'x'.repeat(5000)}`,
      '/ttype/push?serial=a&serial=b',
      '/ttype/push?serial=a&timestamp=x&signature=%ED%A0%80',
      '/mfa/history?before=999999999999999999',
      '/mfa/history?before=1&before=2',
      '/mfa/not-me/999999999999999999',
      '/mfa/authenticators/zz/remove',
    ])
      expect([path, (await laptop.send(installation.url + path)).status < 500]).toEqual([path, true]);
    for (const body of ['serial=a&serial=b&nonce=c', 'enrollment_credential=x&pubkey=x&serial=a', '', 'nonce=%00']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const { status } = await fetch(`${installation.url}/ttype/push`, { method: 'POST', body, headers });
      expect([body, status < 500]).toEqual([body, true]);
    }
    for (const body of ['null', '[]', '{"nonce":{}}', '{"nonce":"\\u0000"}']) {
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(`${installation.url}/ttype/push`, { method: 'POST', body, headers });
      expect([body, status < 500]).toEqual([body, true]);
    }
  });
});

describe('the store app', () => {
  const scan = async () => {
    await laptop.open(`${installation.url}/mfa/setup/store-app`);
    const address = /href="(otpauth:[^"]+)"/.exec(laptop.page.html)![1]!.replaceAll('&amp;', '&');
    return new StoreAppPhone(address, { 'accept-language': 'nl' });
  };

  it('can be tried again in the same enrolment; an approval that is too old is said to be over', async () => {
    await laptop.open(`${installation.url}/mfa`);
    await laptop.submit('/mfa/add');
    expect((await (await scan()).enrol()).status).toBe(200);
    await laptop.open(`${installation.url}/mfa/setup/store-app/test`);
    await laptop.submit('/mfa/setup/again');
    const phone = await scan();
    expect((await phone.enrol()).status).toBe(200);
    await laptop.open(`${installation.url}/mfa/setup/store-app`);
    await laptop.submit('/store-app/test');
    const approve = async () => {
      const [waiting] = (await phone.poll()) as Waiting[];
      return (await phone.accept(waiting!)).json!.detail!.display_code!;
    };
    const code = await approve();
    await laptop.open(`${installation.url}/mfa/setup/store-app/test`);
    await laptop.submit('/store-app/test/code', { code });
    expect(laptop.title).toBe('Uw app is klaar voor gebruik');

    const browser = new Laptop();
    await givePassword(browser, rp, person);
    await browser.open(`${browser.page.url}/store-app`);
    await approve();
    const here = browser.page.url;
    installation.clock.advance(601);
    await browser.open(here);
    expect(browser.page.html).toContain('Het verzoek is voorbij');
    expect(browser.page.html).toContain('Nieuw verzoek starten');
  });
});

describe('a web app that asks for consent', () => {
  it('gets an answer, not a sign-in without end', async () => {
    const browser = new Laptop();
    const request = await givePassword(browser, rp, person);
    await approveAndGoOn(browser, person.phone, rp);
    expect(request.state).toBeTruthy();
    const again = await rp.request({ prompt: 'consent' });
    await browser.open(again.url, {}, rp.redirectUri);
    expect(isIn(browser)).toBe(true);
  });
});
