import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiProgram } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import {
  addEnrolledPerson,
  approveAndGoOn,
  type Enrolled,
  enrolCodeApp,
  enrolPhone,
  givePassword,
} from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;
let laptop: Laptop;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({
    id: 'app',
    name: 'Zaaksysteem',
    redirectUris: [redirectUri],
    grants: ['refresh'],
  });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
beforeEach(async () => {
  laptop = new Laptop();
  person = await addEnrolledPerson(installation, laptop, rp);
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

const open = (path: string) => laptop.open(installation.url + path);
const idOf = async (kind: string, accountId = person.accountId) =>
  (await installation.d.authenticators.ofAccount(accountId)).find(
    (a) => a.kind === kind && a.state === 'active' && a.parentId === null,
  )!.id;
const addCodeApp = async () => {
  await open('/mfa');
  await laptop.submit('/mfa/add');
  return enrolCodeApp(laptop, installation.url, installation.clock.now());
};

/** As if everybody had signed in that much earlier: the library has a clock of its own. */
const age = async (seconds: number) => {
  const { sql } = installation.d.database;
  await sql`UPDATE op_session SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - ${seconds}::int))`;
  await sql`UPDATE portal_session SET data = jsonb_set(data, '{signedIn,authTime}',
    to_jsonb((data#>>'{signedIn,authTime}')::int - ${seconds}::int)) WHERE data ? 'signedIn'`;
};

describe('my authenticators', () => {
  it('can be added, renamed and removed; each change is in the history', async () => {
    await addCodeApp();
    const codeApp = await idOf('totp');
    await open('/mfa');
    expect(laptop.page.html).toContain('Testtelefoon');
    expect(laptop.page.html).toContain('Code-app');
    await open(`/mfa/authenticators/${codeApp}/rename`);
    await laptop.submit('/rename', { label: '  ' });
    expect(laptop.page.status).toBe(422);
    await laptop.submit('/rename', { label: 'Aegis op mijn tablet' });
    expect(laptop.page.html).toContain('De naam is gewijzigd.');
    expect(laptop.page.html).toContain('Aegis op mijn tablet');
    await open(`/mfa/authenticators/${codeApp}/remove`);
    expect(laptop.title).toBe('Wilt u dit verwijderen?');
    await laptop.submit('/remove');
    expect(laptop.page.html).toContain('Het is verwijderd.');
    expect(laptop.page.html).not.toContain('Aegis');
    await open('/mfa/history');
    expect(laptop.page.html).toContain('Verwijderd: Aegis op mijn tablet');
    expect(laptop.page.html).toContain('Toegevoegd: Code-app');
    expect(laptop.page.html).toContain('Aangemeld bij Zaaksysteem');
  });

  it('keep the last strong one, also when two are removed at once', async () => {
    const phone = await idOf('push');
    await open(`/mfa/authenticators/${phone}/remove`);
    expect(laptop.page.html).toContain('Dit is de laatste manier');
    const account = (await installation.d.accounts.byId(person.accountId))!;
    const origin = { ip: '127.0.0.1', browser: '' };
    expect(await installation.d.myAccount.remove(account, phone, origin)).toMatchObject({
      refusal: { code: 'last_authenticator' },
    });
    await addCodeApp();
    const both = [phone, await idOf('totp')];
    const results = fulfilled(
      await together(2, (index) => installation.d.myAccount.remove(account, both[index]!, origin)),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('of somebody else are not there: no name, no removal', async () => {
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    const theirs = await idOf('push', other.accountId);
    await open(`/mfa/authenticators/${theirs}/remove`);
    expect(laptop.page.url).toBe(`${installation.url}/mfa`);
    await addCodeApp();
    await open(`/mfa/authenticators/${await idOf('push')}/remove`);
    const token = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    for (const [path, fields] of [
      ['remove', {}],
      ['rename', { label: 'van mij' }],
    ] as const) {
      const response = await laptop.send(`${installation.url}/mfa/authenticators/${theirs}/${path}`, {
        method: 'POST',
        body: new URLSearchParams({ _csrf: token, ...fields }),
      });
      expect(response.status).toBe(303);
    }
    const [phone] = (await installation.d.authenticators.ofAccount(other.accountId)).filter((a) => a.id === theirs);
    expect(phone).toMatchObject({ state: 'active', label: 'Testtelefoon' });
    const nonsense = await laptop.send(`${installation.url}/mfa/authenticators/nonsense/remove`);
    expect(nonsense.status).toBe(400);
  });

  it('change only soon after signing in; the page that was wanted opens afterwards', async () => {
    await open('/mfa');
    await age(700);
    const path = `/mfa/authenticators/${await idOf('push')}/rename`;
    await open(path);
    expect(laptop.title).toBe('Aanmelden');
    await laptop.submit('/password', person);
    const here = laptop.page.url;
    await person.phone.approve(laptop.number);
    await laptop.open(here);
    expect(laptop.page.url).toBe(installation.url + path);
    await age(700);
    await laptop.submit('/rename', { label: 'te laat' });
    expect(laptop.title).toBe('Aanmelden');
    expect((await installation.d.authenticators.byId(await idOf('push')))!.label).toBe('Testtelefoon');
  });

  it('new recovery codes are shown once and end the old ones; few of them are a reason for a reminder', async () => {
    await open('/mfa');
    expect(laptop.page.html).not.toContain('nog maar');
    await installation.d.database.sql`UPDATE recovery_code SET used_at = now() WHERE ctid IN (SELECT r.ctid
      FROM recovery_code r JOIN authenticator a ON a.id = r.authenticator_id WHERE a.account_id = ${person.accountId} LIMIT 8)`;
    await open('/mfa');
    expect(laptop.page.html).toContain('U heeft nog maar 2 herstelcodes');
    await open('/mfa/recovery-codes');
    await laptop.submit('/mfa/recovery-codes');
    const codes = laptop.recoveryCodes;
    expect(new Set(codes).size).toBe(10);
    await open('/mfa/recovery-codes');
    expect(laptop.recoveryCodes).toEqual([]);
    const late = new Laptop();
    await givePassword(late, rp, person);
    await late.open(`${late.page.url}/recovery`);
    await late.submit('/recovery', { code: person.recoveryCodes[9]! });
    expect(late.page.status).toBe(401);
    await late.submit('/recovery', { code: codes[0]! });
    expect(late.title).toBe('Meer informatie vereist');
  });
});

describe('my sessions', () => {
  const elsewhere = async () => {
    const other = new Laptop({ 'accept-language': 'nl', 'user-agent': 'Mozilla/5.0 (Macintosh) Safari/605.1.15' });
    const request = await givePassword(other, rp, person);
    const landed = await approveAndGoOn(other, person.phone, rp);
    return { other, tokens: await rp.redeem(request, landed.url) };
  };
  const isSignedIn = async (other: Laptop) => {
    await other.open((await rp.request({ prompt: 'none' })).url, {}, rp.redirectUri);
    return other.page.url.includes('code=');
  };

  it('are seen, and ended one by one or all but this one, with their tokens', async () => {
    await open('/mfa');
    const { other, tokens } = await elsewhere();
    const third = await elsewhere();
    await open('/mfa/sessions');
    expect(laptop.page.html.match(/<li>/g)!.length).toBeGreaterThanOrEqual(3);
    expect(laptop.page.html).toContain('Deze browser');
    expect(laptop.page.html).toContain('Firefox, Windows');
    expect(laptop.page.html).toContain('Apps: Zaaksysteem');
    // Newest use first: the first one that can be ended is the third.
    await laptop.submit('/mfa/sessions/end');
    expect(laptop.page.html).toContain('U bent daar afgemeld.');
    expect([await isSignedIn(other), await isSignedIn(third.other)].filter(Boolean)).toHaveLength(1);
    await laptop.submit('/mfa/sessions/end-others');
    expect([await isSignedIn(other), await isSignedIn(third.other), await isSignedIn(laptop)]).toEqual([
      false,
      false,
      true,
    ]);
    const { refreshTokenGrant } = await import('openid-client');
    await expect(refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toThrow();
  });

  it('takes what was being set up in it along, when it is ended or signed out of', async () => {
    for (const end of ['elsewhere', 'here'] as const) {
      await open('/mfa');
      await laptop.submit('/mfa/add');
      await open('/mfa/setup/code');
      expect(laptop.page.status).toBe(200);
      const [session] = await installation.d.myAccount.sessions(person.accountId);
      const { opSessions, clock } = installation.d;
      if (end === 'elsewhere') await opSessions.revokeOne(person.accountId, session!.uid, clock.now());
      else await opSessions.revoke({ uid: session!.uid, id: 'any' }, clock.now());
      await open('/mfa/setup/code');
      expect(laptop.page.status).toBe(403);
      laptop = new Laptop();
      person = await addEnrolledPerson(installation, laptop, rp);
    }
  });

  it('of somebody else cannot be ended', async () => {
    await open('/mfa');
    const victim = await addEnrolledPerson(installation, new Laptop(), rp);
    const [session] = await installation.d.myAccount.sessions(victim.accountId);
    await elsewhere();
    await open('/mfa/sessions');
    const token = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    await laptop.send(`${installation.url}/mfa/sessions/end`, {
      method: 'POST',
      body: new URLSearchParams({ _csrf: token, uid: session!.uid }),
    });
    expect(await installation.d.myAccount.sessions(victim.accountId)).toHaveLength(1);
  });
});

describe('my history', () => {
  it('says in plain words what happened, and “this was not me” secures the account after a question', async () => {
    const burglar = new Laptop();
    await givePassword(burglar, rp, { email: person.email, password: 'fout wachtwoord' });
    await open('/mfa/history');
    expect(laptop.page.html).toContain('Verkeerd wachtwoord ingevuld');
    const path = /href="(\/mfa\/not-me\/\d+)"/.exec(laptop.page.html)![1]!;
    await open(path);
    expect(laptop.title).toBe('Was u dit niet?');
    expect((await installation.d.accounts.byId(person.accountId))!.pushFrozenAt).toBeNull();
    await laptop.submit(path);
    expect(laptop.title).toBe('Uw account is beveiligd');
    await open('/mfa');
    expect(laptop.title).toBe('Aanmelden');
    await laptop.submit('/password', person);
    expect(laptop.page.status).toBe(401);
  });

  it('shows twenty at a time, and nobody else’s', async () => {
    await open('/mfa');
    const account = (await installation.d.accounts.byId(person.accountId))!;
    for (let more = 0; more < 30; more += 1)
      await installation.d.myAccount.endSessions(account, { uid: 'none' }, { ip: '127.0.0.1', browser: '' });
    for (let more = 0; more < 21; more += 1) {
      await installation.d.audit({
        action: 'challenge.denied',
        object: 'challenge:x',
        result: 'refused',
        origin: '203.0.113.5',
        actor: 'test',
        accountId: account.id,
      });
    }
    await open('/mfa/history');
    expect(laptop.page.html.match(/Geweigerd op de telefoon/g)).toHaveLength(20);
    await open(/href="(\/mfa\/history\?before=\d+)"/.exec(laptop.page.html)![1]!);
    expect(laptop.page.html.match(/Geweigerd op de telefoon/g)).toHaveLength(1);
    await open('/mfa/history?before=nonsense');
    expect(laptop.page.status).toBe(200);
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    const { events } = await installation.d.myAccount.history(other.accountId);
    await open(`/mfa/not-me/${events[0]!.id}`);
    expect(laptop.page.url).toBe(`${installation.url}/mfa/history`);
  });
});

describe('my password and language', () => {
  it('a new password ends other sessions, keeps this one, and is checked like any', async () => {
    await open('/mfa');
    const other = new Laptop();
    await givePassword(other, rp, person);
    await approveAndGoOn(other, person.phone, rp);
    await open('/mfa/password');
    await laptop.submit('/mfa/password', { password: 'wachtwoord' });
    expect(laptop.page.status).toBe(422);
    await laptop.submit('/mfa/password', { password: 'een geheel nieuwe zin' });
    expect(laptop.page.html).toContain('Uw wachtwoord is gewijzigd');
    expect(await installation.d.myAccount.sessions(person.accountId)).toHaveLength(1);
    await open('/mfa/sessions');
    expect(laptop.page.html).toContain('U bent nergens anders aangemeld.');
    const old = new Laptop();
    await givePassword(old, rp, person);
    expect(old.page.status).toBe(401);
  });

  it('the language is that of pages and mails from then on', async () => {
    await open('/mfa');
    await laptop.submit('/mfa/language', { locale: 'en' });
    expect(laptop.page.html).toContain('<html lang="en">');
    expect((await installation.d.accounts.byId(person.accountId))!.locale).toBe('en');
    const stranger = new Laptop();
    await givePassword(stranger, rp, await installation.addPerson());
    await enrolPhone(stranger, installation.url);
    expect(stranger.page.html).toContain('<html lang="nl">');
  });
});

describe('somebody whose language is no longer there', () => {
  it('is spoken to in Dutch, and stays in the list', async () => {
    const { account } = await installation.addPerson(undefined, { locale: 'en' });
    const { d } = installation;
    await d.database.sql`UPDATE account SET locale = 'zz' WHERE id = ${account.id}::uuid`;
    const person = (await d.accounts.byId(account.id))!;
    await d.firstSteps.tryMail(person);
    await d.deliverMails();
    const outbox = join(installation.dataDir, 'outbox');
    expect(
      readdirSync(outbox)
        .map((file) => readFileSync(join(outbox, file), 'utf8'))
        .join(),
    ).toContain('Deze mail is een proef');
    const program = await apiProgram(installation, ['accounts:read']);
    expect((await program.call('GET', `/accounts/${account.id}`)).status).toBe(200);
  });
});
