import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mistakeInEnglish } from '../../src/i18n/mistakes.ts';
import { requestedAcr } from '../../src/policy/requirements.ts';
import { changeAccount, issuePass, OPERATOR } from '../support/administration.ts';
import { forgetPolicies, startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, enrolPhone, givePassword, goOn } from '../support/story.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let other: RelyingParty;
let person: Enrolled;
const BY = { actor: 'test', origin: 'test' } as const;

beforeAll(async () => {
  installation = await startInstallation({ TRUST_PROXY: '127.0.0.1,::1' });
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
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

const set = async (...rules: object[]) => {
  const document = { rules: rules.map((rule, index) => ({ name: `regel ${index + 1}`, ...rule })) };
  const result = await installation.d.policyAdministration.set(document, BY);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
};
const from = (ip: string) => new Laptop({ 'accept-language': 'nl', 'x-forwarded-for': ip });
const claimsOf = async (laptop: Laptop, request: Parameters<RelyingParty['redeem']>[0], app = rp) =>
  (await app.redeem(request, laptop.page.url)).claims()!;

describe('a policy', () => {
  it('lets the password be enough in one network for one app, and the token says so', async () => {
    await set({ when: { networks: ['198.51.100.0/24'], clients: ['app'] }, outcome: { allow: '1fa' } });
    const office = from('198.51.100.9');
    const request = await givePassword(office, rp, person);
    expect(await claimsOf(office, request)).toMatchObject({ acr: 'urn:dubbelslot:acr:1fa', amr: ['pwd'] });
    // Another app asks for the second factor in the same session.
    const next = await other.request();
    await office.open(next.url, {}, other.redirectUri);
    expect(office.title).toBe('Bevestig op uw telefoon');
    const home = from('203.0.113.9');
    await givePassword(home, rp, person);
    expect(home.title).toBe('Bevestig op uw telefoon');
    const asked = from('198.51.100.10');
    await givePassword(asked, rp, person, { acr_values: 'mfa' });
    expect(asked.title).toBe('Bevestig op uw telefoon');
  });

  it('is applied to a session that exists: what was enough in the office is not at home', async () => {
    await set({ when: { networks: ['198.51.100.0/24'] }, outcome: { allow: '1fa' } });
    const laptop = from('198.51.100.9');
    await givePassword(laptop, rp, person);
    laptop.headers['x-forwarded-for'] = '203.0.113.9';
    await laptop.open((await rp.request()).url, {}, rp.redirectUri);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    await laptop.open((await rp.request({ prompt: 'none' })).url, {}, rp.redirectUri);
    expect(laptop.page.url).toContain('error=');
    expect(laptop.page.url).not.toContain('code=');
  });

  it('denies, with a page that says so, also with a session', async () => {
    await set({ when: { groups: ['extern'], clients: ['app'] }, outcome: { deny: true } });
    await changeAccount(installation, person.accountId, { groups: ['extern'] });
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    expect(laptop.page.status).toBe(403);
    expect(laptop.title).toBe('Dit mag hier niet');
    await laptop.submit('/cancel', {}, rp.redirectUri);
    expect(laptop.page.url).toContain('error=access_denied');
    await givePassword(laptop, other, person);
    await approveAndGoOn(laptop, person.phone, other);
    await laptop.open((await rp.request()).url, {}, rp.redirectUri);
    expect(laptop.title).toBe('Dit mag hier niet');
    await laptop.open((await rp.request({ prompt: 'none' })).url, {}, rp.redirectUri);
    expect(laptop.page.url).not.toContain('code=');
  });

  it('asks for a new sign-in after some hours', async () => {
    await set({ outcome: { reauthenticateAfterHours: 2 } });
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await approveAndGoOn(laptop, person.phone, rp);
    const again = async () => {
      await laptop.open((await rp.request()).url, {}, rp.redirectUri);
      return laptop.page.url.includes('code=') ? 'in' : laptop.title;
    };
    expect(await again()).toBe('in');
    await installation.d.database.sql`UPDATE op_session SET payload = jsonb_set(payload, '{loginTs}',
      to_jsonb((payload->>'loginTs')::int - 7300)) WHERE account_id = ${person.accountId}`;
    expect(await again()).toBe('Aanmelden');
    await laptop.submit('/password', person, rp.redirectUri);
    await approveAndGoOn(laptop, person.phone, rp);
    expect(laptop.page.url).toContain('code=');
  });

  it('gives grace: “remind me later” so many times, honest tokens, and never for what an app asks', async () => {
    await set({ outcome: { grace: { signIns: 2 } } });
    const { account, ...who } = await installation.addPerson();
    for (const _ of [1, 2]) {
      const laptop = new Laptop();
      const request = await givePassword(laptop, rp, who);
      expect(laptop.page.html).toContain('Herinner mij later');
      await laptop.submit('/later', {}, rp.redirectUri);
      expect(await claimsOf(laptop, request)).toMatchObject({ acr: 'urn:dubbelslot:acr:1fa', amr: ['pwd'] });
      // The same session is not asked at every app.
      await laptop.open((await other.request()).url, {}, other.redirectUri);
      if (_ === 1) expect(laptop.page.url).toContain('code=');
      const asked = await rp.request({ acr_values: 'mfa' });
      await laptop.open(asked.url, {}, rp.redirectUri);
      expect(laptop.title).toBe('Meer informatie vereist');
      expect(laptop.page.html).not.toContain('Herinner mij later');
    }
    const third = new Laptop();
    await givePassword(third, rp, who);
    expect(third.title).toBe('Meer informatie vereist');
    expect(third.page.html).not.toContain('Herinner mij later');
    await enrolPhone(third, installation.url);
    await goOn(third, rp);
    expect((await installation.d.accounts.byId(account.id))!.graceSignIns).toBe(2);
  });

  it('lets people set up a second factor only in one place, elsewhere with a temporary pass', async () => {
    await set(
      { when: { networks: ['198.51.100.0/24'] }, outcome: { enrolment: 'allow' } },
      { outcome: { enrolment: 'pass' } },
    );
    const { account, ...who } = await installation.addPerson();
    const home = from('203.0.113.9');
    await givePassword(home, rp, who);
    expect(home.title).toBe('Aanmelden met een tijdelijke toegangscode');
    const office = from('198.51.100.9');
    await givePassword(office, rp, who);
    expect(office.title).toBe('Meer informatie vereist');
    const pass = await issuePass(installation, account.email);
    await home.submit('/pass', { code: pass.code });
    expect(home.title).toBe('Meer informatie vereist');
    await enrolPhone(home, installation.url);
    expect(home.title).toBe('Uw telefoon is klaar voor gebruik');
    await forgetPolicies(installation);
    await set({ outcome: { enrolment: 'deny' } });
    const somebody = await installation.addPerson();
    await givePassword(office, rp, somebody);
    expect(office.title).toBe('Dit mag hier niet');
  });
});

describe('a remembered browser', () => {
  beforeEach(() => set({ outcome: { rememberBrowserHours: 12 } }));
  const remember = async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const here = laptop.page.url;
    await person.phone.approve(laptop.number);
    await laptop.open(here);
    expect(laptop.title).toBe('Deze browser onthouden?');
    return laptop;
  };
  const again = async (laptop: Laptop, more: Record<string, string> = {}, who: Enrolled = person) => {
    const request = await rp.request({ prompt: 'login', ...more });
    await laptop.open(request.url);
    await laptop.submit('/password', who, rp.redirectUri);
    return request;
  };

  it('is asked for the password only, for some hours; the token says so', async () => {
    const laptop = await remember();
    await laptop.submit('/remember', { answer: 'yes' }, rp.redirectUri);
    expect(laptop.page.url).toContain('code=');
    const request = await again(laptop);
    expect((await claimsOf(laptop, request)).acr).toBe('urn:dubbelslot:acr:1fa');
    await again(laptop, { acr_values: 'mfa' });
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    installation.clock.advance(12 * 3600 + 1);
    await again(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });

  it('is remembered for one account, only when it was said, and forgotten on one’s own page', async () => {
    const no = await remember();
    await no.submit('/remember', { answer: 'no' }, rp.redirectUri);
    await again(no);
    expect(no.title).toBe('Bevestig op uw telefoon');

    const laptop = await remember();
    await laptop.submit('/remember', { answer: 'yes' }, rp.redirectUri);
    const neighbour = await addEnrolledPerson(installation, new Laptop(), rp);
    await again(laptop, {}, neighbour);
    expect(laptop.title).toBe('Bevestig op uw telefoon');

    const [browser] = await installation.d.myAccount.remembered(person.accountId);
    const account = (await installation.d.accounts.byId(person.accountId))!;
    const stranger = (await installation.d.accounts.byId(neighbour.accountId))!;
    const origin = { ip: '127.0.0.1', browser: '' };
    expect(await installation.d.myAccount.forgetBrowser(stranger, browser!.id, origin)).toBe(false);
    expect(await installation.d.myAccount.forgetBrowser(account, browser!.id, origin)).toBe(true);
    await again(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });

  it('is nothing without the policy’s leave, and ends with a new password', async () => {
    const laptop = await remember();
    await laptop.submit('/remember', { answer: 'yes' }, rp.redirectUri);
    await forgetPolicies(installation);
    await again(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    await set({ outcome: { rememberBrowserHours: 12 } });
    await installation.d.administration.setPassword(person.email, person.password, OPERATOR);
    await again(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });
});

describe('changing the policy', () => {
  const problems = async (...rules: object[]) => {
    const document = { rules: rules.map((rule, index) => ({ name: `regel ${index + 1}`, ...rule })) };
    return (await installation.d.policyAdministration.mistakes(document)).map(mistakeInEnglish);
  };

  it('is refused where it is malformed, contradictory, about unknown apps, or locks out every administrator', async () => {
    expect(await problems({ outcome: { require: 'aal4' } })).toHaveLength(1);
    expect((await problems({ outcome: { require: 'mfa', deny: true } }))[0]).toContain('more than one');
    expect((await problems({ when: { clients: ['nowhere'] }, outcome: { deny: true } }))[0]).toContain(
      'there is no web app “nowhere”',
    );
    expect(await problems({ outcome: { deny: true } })).toEqual([]);
    const owner = await installation.addPerson('eigenaar@example.org', { role: 'owner' });
    expect((await problems({ outcome: { deny: true } }))[0]).toBe(
      'This would lock out every administrator (1): rule “regel 1”.',
    );
    expect((await problems({ outcome: { enrolment: 'deny' } }))[0]).toContain('lock out every administrator');
    expect(await problems({ when: { clients: ['app'] }, outcome: { deny: true } })).toEqual([]);
    expect(await problems({ when: { notNetworks: ['10.0.0.0/8'] }, outcome: { deny: true } })).toEqual([]);
    expect(await problems({ outcome: { deny: true }, reportOnly: true })).toEqual([]);
    const refusedSet = await installation.d.policyAdministration.set(
      { rules: [{ name: 'x', outcome: { deny: true } }] },
      BY,
    );
    expect(refusedSet.ok).toBe(false);
    expect((await installation.d.policyAdministration.current()).version).toBe('0');
    await installation.d.database.sql`UPDATE account SET status = 'revoked' WHERE id = ${owner.account.id}`;
  });

  it('can be tried first: what would be asked, and by which rule', async () => {
    await set({ when: { clients: ['app'] }, outcome: { require: 'phr' }, reportOnly: true });
    const account = (await installation.d.accounts.byId(person.accountId))!;
    const question = {
      account,
      clientId: 'app',
      ip: '203.0.113.1',
      at: new Date(),
      requested: requestedAcr([]),
      isBrowserRemembered: false,
    };
    const answer = await installation.d.policyAdministration.whatIf(question);
    expect(answer.decision.access).toBe('urn:dubbelslot:acr:mfa');
    expect(answer.withReportOnly).toMatchObject({ access: 'urn:dubbelslot:acr:phr', because: { access: 'regel 1' } });
    expect(answer.facts.has).toEqual(['push', 'totp']);
  });

  it('can be replayed on real sign-ins: by rules that only report, or by another policy', async () => {
    await set({ when: { clients: ['app'] }, outcome: { require: 'phr' }, reportOnly: true });
    const since = new Date();
    for (const app of [rp, other]) {
      const laptop = new Laptop();
      await givePassword(laptop, app, person);
      await approveAndGoOn(laptop, person.phone, app);
    }
    const [event] = await installation.d.auditStore.list({
      action: 'sign_in.completed',
      accountId: person.accountId,
      limit: 2,
    });
    expect(event!.detail).toMatchObject({ policy: expect.any(String), decided: { access: 'urn:dubbelslot:acr:mfa' } });
    const mine = (replay: { changes: readonly { accountId: string; client: string }[] }) =>
      replay.changes.filter(({ accountId }) => accountId === person.accountId).map(({ client }) => client);
    expect(mine(await installation.d.policyAdministration.replay(since))).toEqual(['app']);
    const parsed = {
      rules: [{ name: 'x', when: { clients: ['other'] }, outcome: { deny: true as const }, reportOnly: false }],
    };
    expect(mine(await installation.d.policyAdministration.replay(since, parsed))).toEqual(['other']);
  });
});
