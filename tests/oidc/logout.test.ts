import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';
import { WebServer } from '../support/web-server.ts';

let installation: TestInstallation;
let web: WebServer;
let first: RelyingParty;
let second: RelyingParty;
let person: Enrolled;

async function addParty(id: string): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({
    id,
    redirectUris: [redirectUri],
    logoutUri: `${web.origin}/${id}/logout`,
    grants: ['refresh'],
  });
  return RelyingParty.discover(installation.url, id, secret, redirectUri);
}

beforeAll(async () => {
  installation = await startInstallation();
  web = await WebServer.start();
  first = await addParty('first');
  second = await addParty('second');
  person = await addEnrolledPerson(installation, new Laptop(), first);
});
afterEach(() => {
  web.received.length = 0;
  web.status = 200;
  web.delayMs = 0;
  installation.clock.reset();
});
afterAll(async () => {
  await installation.close();
  web.close();
});

/** A browser that is signed in at both web apps. */
async function signedIn() {
  await installation.d.database.sql`DELETE FROM challenge`;
  const laptop = new Laptop();
  const request = await givePassword(laptop, first, person);
  const tokens = await first.redeem(request, (await approveAndGoOn(laptop, person.phone, first)).url);
  const again = await second.request();
  await laptop.open(again.url, {}, second.redirectUri);
  const others = await second.redeem(again, laptop.page.url);
  return { laptop, tokens, others };
}

/** The logout tokens that have come in, verified as OpenID Connect Back-Channel Logout, section 2.6 says. */
async function logouts() {
  const jwks = createRemoteJWKSet(new URL(`${installation.url}/oidc/jwks`));
  return Promise.all(
    web.received.map(async ({ path, body }) => {
      const client = path.split('/')[1]!;
      const token = new URLSearchParams(body).get('logout_token')!;
      const { payload, protectedHeader } = await jwtVerify(token, jwks, { issuer: installation.url, audience: client });
      expect(protectedHeader.typ).toBe('logout+jwt');
      expect(payload.events).toEqual({ 'http://schemas.openid.net/event/backchannel-logout': {} });
      expect(payload.nonce).toBeUndefined();
      return { client, sub: payload.sub, sid: payload.sid };
    }),
  );
}

const told = async () => (await logouts()).map(({ client }) => client).sort();

describe('when a session ends, each of its web apps is told', () => {
  it('by the person signing out, with the `sid` that its ID token had', async () => {
    const { laptop, tokens, others } = await signedIn();
    await laptop.open(`${installation.url}/oidc/sign-out?client_id=first`);
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' });
    await expect.poll(told).toEqual(['first', 'second']);
    const seen = await logouts();
    expect(seen.find(({ client }) => client === 'first')).toMatchObject({
      sub: person.accountId,
      sid: tokens.claims()!.sid,
    });
    expect(seen.find(({ client }) => client === 'second')!.sid).toBe(others.claims()!.sid);
  });

  it.each([
    [
      'an administrator resetting the account',
      () => installation.d.administration.setPassword(person.email, person.password, OPERATOR),
    ],
    ['the person, everywhere', () => installation.d.opSessions.revokeAll(person.accountId, new Date())],
    [
      'the person, one session',
      async () => {
        const [session] = await installation.d.myAccount.sessions(person.accountId);
        const account = (await installation.d.accounts.byId(person.accountId))!;
        await installation.d.myAccount.endSessions(account, { uid: session!.uid }, { ip: '', browser: '' });
      },
    ],
  ])('by %s: OP session, refresh tokens and all', async (_who, end) => {
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    await expect.poll(async () => (await installation.d.database.sql`SELECT 1 FROM client_call`).length).toBe(0);
    web.received.length = 0;
    const { laptop, tokens, others } = await signedIn();
    await end();
    await expect.poll(told).toEqual(['first', 'second']);
    for (const each of [tokens, others])
      await expect(
        oidc.refreshTokenGrant(each === tokens ? first.config : second.config, each.refresh_token!),
      ).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(oidc.fetchUserInfo(first.config, tokens.access_token, person.accountId)).rejects.toThrow();
    const request = await first.request({ prompt: 'none' });
    await laptop.open(request.url, {}, first.redirectUri);
    expect(new URL(laptop.page.url).searchParams.get('error')).toBe('login_required');
  });
});

describe('a web app that does not answer', () => {
  it('is told again later, and the person does not wait for it', async () => {
    web.status = 503;
    const { laptop } = await signedIn();
    await laptop.open(`${installation.url}/oidc/sign-out?client_id=first`);
    // Neither web app has answered yet when the page is there.
    web.delayMs = 2000;
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' });
    expect(laptop.title).toBe('U bent afgemeld');
    expect(await installation.d.database.sql`SELECT 1 FROM client_call`).toHaveLength(2);
    await expect.poll(() => web.received.length).toBeGreaterThanOrEqual(2);
    await expect
      .poll(async () => (await installation.d.clientProblems.of('second', new Date(0))).length)
      .toBeGreaterThan(0);
    web.received.length = 0;
    web.status = 200;
    web.delayMs = 0;
    await expect
      .poll(async () => {
        installation.clock.advance(31);
        await installation.d.makeCalls();
        return (await told()).length;
      })
      .toBe(2);
    const waiting = await installation.d.database.sql`SELECT 1 FROM client_call`;
    expect(waiting).toHaveLength(0);
  });

  it('is given up after a day, which the audit log keeps', async () => {
    web.status = 500;
    await signedIn();
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    await expect
      .poll(
        async () => {
          installation.clock.advance(13 * 3600);
          await installation.d.makeCalls();
          return (await installation.d.database.sql`SELECT 1 FROM client_call`).length;
        },
        { timeout: 60_000 },
      )
      .toBe(0);
    const events = await installation.d.auditStore.list({ action: 'client.told', limit: 50 });
    expect(events.filter(({ result }) => result === 'failure').length).toBeGreaterThanOrEqual(2);
    const problems = await installation.d.clientProblems.of('first', new Date(0));
    expect(problems.find(({ route }) => route === 'logout')).toMatchObject({ error: 'unreachable' });
    expect(problems.find(({ route }) => route === 'logout')!.detail).toContain('500');
  });
});

describe('a web app that is owed a call', () => {
  it('about a request that is gone is told nothing, and nothing else is said of it', async () => {
    await installation.d.clientCalls.add(
      { kind: 'ping', clientId: 'first', accountId: person.accountId, sid: null, requestId: 'gone' },
      installation.clock.now(),
    );
    await expect
      .poll(async () => (await installation.d.auditStore.list({ action: 'client.not_told', limit: 1 }))[0]?.result)
      .toBe('failure');
    expect(web.received).toEqual([]);
  });
});

describe('a logout address inside the network', () => {
  it('is not called unless the operator has listed its host', async () => {
    const closed = await startInstallation({ PUBLIC_URL: 'https://login.example.org', CLIENT_HOSTS: 'app.intern' });
    await closed.addClient({
      id: 'inside',
      redirectUris: ['https://inside.example.org/callback'],
      logoutUri: `${web.origin}/inside/logout`,
    });
    const { account } = await closed.addPerson();
    await closed.d.clientCalls.add(
      { kind: 'logout', clientId: 'inside', accountId: account.id, sid: 'x', requestId: null },
      new Date(),
    );
    await expect
      .poll(async () => (await closed.d.clientProblems.of('inside', new Date(0))).map(({ detail }) => detail).join())
      .toContain('special-use');
    expect(web.received).toEqual([]);
    await closed.close();
  });
});

describe('a refresh token', () => {
  it('works on when its session has been idle for too long to sign anybody in, until the session is ended', async () => {
    const { laptop, tokens } = await signedIn();
    await installation.d.database
      .sql`UPDATE op_session SET expires_at = now() - interval '1 second' WHERE account_id = ${person.accountId}`;
    const request = await first.request({ prompt: 'none' });
    await laptop.open(request.url, {}, first.redirectUri);
    expect(new URL(laptop.page.url).searchParams.get('error')).toBe('login_required');
    const refreshed = await oidc.refreshTokenGrant(first.config, tokens.refresh_token!);
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    await expect(oidc.refreshTokenGrant(first.config, refreshed.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});
