import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

/** RFC 9700: what an attacker tries at an authorization server. */
let installation: TestInstallation;
let honest: RelyingParty;
let other: RelyingParty;
let dpop: RelyingParty;
let person: Enrolled;

async function addParty(id: string, more: object = {}): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id, redirectUris: [redirectUri], grants: ['refresh'], ...more });
  return RelyingParty.discover(installation.url, id, secret, redirectUri);
}

beforeAll(async () => {
  installation = await startInstallation();
  honest = await addParty('honest');
  other = await addParty('other');
  dpop = await addParty('bound', { isDpopBound: true });
  person = await addEnrolledPerson(installation, new Laptop(), honest);
});
beforeEach(() => installation.d.database.sql`DELETE FROM challenge`);
afterAll(() => installation.close());

async function signedIn(party = honest) {
  const laptop = new Laptop();
  const request = await givePassword(laptop, party, person);
  return { laptop, request, landed: (await approveAndGoOn(laptop, person.phone, party)).url };
}

/** Another code in the same browser. */
async function silently(laptop: Laptop, party: RelyingParty) {
  const request = await party.request({ prompt: 'none' });
  await laptop.open(request.url, {}, party.redirectUri);
  return { request, landed: laptop.page.url };
}

const errorOf = (url: string) => new URL(url).searchParams.get('error');

describe('mix-up', () => {
  it('is noticed by the client: every answer of the authorization endpoint says who gives it', async () => {
    const { laptop, landed, request } = await signedIn();
    expect(new URL(landed).searchParams.get('iss')).toBe(installation.url);
    const forged = new URL(landed);
    forged.searchParams.set('iss', 'https://evil.example');
    await expect(honest.redeem(request, forged.href)).rejects.toThrow();
    const refused = await honest.request({ prompt: 'none', scope: 'openid', response_type: 'code', max_age: '-1' });
    await laptop.open(refused.url, {}, honest.redirectUri);
    expect(errorOf(laptop.page.url)).toBe('invalid_request');
    expect(new URL(laptop.page.url).searchParams.get('iss')).toBe(installation.url);
    expect(honest.config.serverMetadata().authorization_response_iss_parameter_supported).toBe(true);
  });
});

describe('a stolen code', () => {
  it('is worth nothing in the attacker’s own sign-in (injection): the verifier is another', async () => {
    const victim = await signedIn();
    const attacker = await honest.request();
    const injected = new URL(victim.landed);
    injected.searchParams.set('state', attacker.state);
    await expect(honest.redeem(attacker, injected.href)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('is worth nothing without a verifier, with an empty one, or the challenge itself (downgrade)', async () => {
    const { laptop, request, landed } = await signedIn();
    const secret = (await installation.d.clientRegistration.rotateSecret(
      'honest',
      { actor: 'test', origin: 'test' },
      60,
    )) as {
      value: string;
    };
    const redeem = (url: string, more: Record<string, string>) =>
      fetch(`${installation.url}/oidc/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`honest:${secret.value}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: new URL(url).searchParams.get('code')!,
          redirect_uri: honest.redirectUri,
          ...more,
        }),
      });
    expect((await redeem(landed, {})).status).toBe(400);
    const challenge = new URL(request.url).searchParams.get('code_challenge')!;
    for (const verifier of ['', challenge]) {
      const next = await silently(laptop, honest);
      expect((await redeem(next.landed, { code_verifier: verifier })).status, verifier).toBe(400);
    }
    // A verifier where none was asked for cannot be: a request without a challenge gets no code at all.
    for (const change of [{ code_challenge: '' }, { code_challenge_method: 'plain' }, { code_challenge_method: '' }]) {
      const url = new URL((await honest.request({ prompt: 'none' })).url);
      for (const [name, value] of Object.entries(change)) {
        if (value) url.searchParams.set(name, value);
        else url.searchParams.delete(name);
      }
      await laptop.open(url.href, {}, honest.redirectUri);
      expect(errorOf(laptop.page.url), JSON.stringify(change)).toBe('invalid_request');
    }
  });

  it('is worth nothing for another client, or for another redirect address', async () => {
    const { laptop, landed } = await signedIn();
    const foreign = await other.request();
    const callback = new URL(landed.replace(honest.redirectUri, other.redirectUri));
    callback.searchParams.set('state', foreign.state);
    await expect(other.redeem(foreign, callback.href)).rejects.toMatchObject({ error: 'invalid_grant' });
    const next = await silently(laptop, honest);
    const elsewhere = next.landed.replace('/callback', '/elsewhere');
    await expect(honest.redeem(next.request, elsewhere)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('redeemed by twenty at once gives tokens once, and shown again takes them back', async () => {
    const { laptop } = await signedIn();
    for (let time = 0; time < 10; time += 1) {
      const { request, landed } = await silently(laptop, honest);
      const results = await together(20, () => honest.redeem(request, landed));
      expect(fulfilled(results)).toHaveLength(1);
      const [tokens] = fulfilled(results);
      await expect(honest.redeem(request, landed)).rejects.toMatchObject({ error: 'invalid_grant' });
      await expect(oidc.refreshTokenGrant(honest.config, tokens!.refresh_token!)).rejects.toMatchObject({
        error: 'invalid_grant',
      });
    }
    const [event] = await installation.d.auditStore.list({ action: 'token.reuse_detected', limit: 1 });
    expect(event).toMatchObject({ object: 'client:honest', result: 'refused' });
  });
});

describe('a stolen refresh token', () => {
  it('used by twenty at once gives tokens once; used again later, it ends the family', async () => {
    const { laptop, request, landed } = await signedIn();
    expect((await honest.redeem(request, landed)).refresh_token).toBeDefined();
    for (let time = 0; time < 5; time += 1) {
      const next = await silently(laptop, honest);
      const tokens = await honest.redeem(next.request, next.landed);
      const results = await together(20, () => oidc.refreshTokenGrant(honest.config, tokens.refresh_token!));
      expect(fulfilled(results)).toHaveLength(1);
      await expect(oidc.refreshTokenGrant(honest.config, tokens.refresh_token!)).rejects.toThrow();
      const [refreshed] = fulfilled(results);
      await expect(oidc.refreshTokenGrant(honest.config, refreshed!.refresh_token!)).rejects.toThrow();
    }
    const events = await installation.d.auditStore.list({ action: 'token.reuse_detected', limit: 50 });
    expect(events.filter(({ detail }) => detail?.grantType === 'refresh_token')).not.toHaveLength(0);
    expect(events.find(({ detail }) => detail?.grantType === 'refresh_token')!.accountId).toBe(person.accountId);
  });

  it('is never widened: neither its scope, nor the API that it is for', async () => {
    const { request, landed } = await signedIn();
    const tokens = await honest.redeem(request, landed);
    await expect(
      oidc.refreshTokenGrant(honest.config, tokens.refresh_token!, { scope: 'openid groups' }),
    ).rejects.toMatchObject({ error: 'invalid_scope' });
    await expect(
      oidc.refreshTokenGrant(honest.config, tokens.refresh_token!, { resource: 'https://api.example.org/' }),
    ).rejects.toMatchObject({ error: 'invalid_target' });
  });

  it('is worth nothing for another client', async () => {
    const { request, landed } = await signedIn();
    const tokens = await honest.redeem(request, landed);
    await expect(oidc.refreshTokenGrant(other.config, tokens.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    expect((await oidc.refreshTokenGrant(honest.config, tokens.refresh_token!)).access_token).toBeDefined();
  });
});

describe('redirects', () => {
  it.each([
    ['a path more', (uri: string) => `${uri}/../evil`],
    ['an encoded slash', (uri: string) => uri.replace('/callback', '%2fcallback')],
    ['a query', (uri: string) => `${uri}?next=https://evil.example`],
    ['a fragment', (uri: string) => `${uri}#x`],
    ['user information', (uri: string) => uri.replace('http://', 'http://localhost@evil.example:80#')],
    ['another case', (uri: string) => uri.toUpperCase()],
    ['a tab inside', (uri: string) => uri.replace('callback', 'call\tback')],
    ['another host', () => 'https://evil.example/callback'],
    ['a backslash', (uri: string) => uri.replace('/callback', '\\callback')],
    ['javascript', () => 'javascript:alert(1)'],
    ['nothing', () => ''],
  ])('with %s are refused by a page, and never followed', async (_what, change) => {
    const laptop = new Laptop();
    const url = new URL((await honest.request()).url);
    url.searchParams.set('redirect_uri', change(honest.redirectUri));
    const response = await laptop.send(url.href);
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
    const twice = new URL((await honest.request()).url);
    twice.searchParams.append('redirect_uri', 'https://evil.example/');
    expect((await laptop.send(twice.href)).status).toBe(400);
  });

  it('to a loopback address of a native app may have another port (RFC 8252, section 7.3)', async () => {
    const native = await addParty('native', { profile: 'app' });
    const { laptop } = await signedIn(native);
    const url = new URL((await native.request({ prompt: 'none' })).url);
    const elsewhere = new URL(native.redirectUri);
    elsewhere.port = '1';
    url.searchParams.set('redirect_uri', elsewhere.href);
    const landed = (await laptop.send(url.href)).headers.get('location')!;
    expect(landed.startsWith(`${elsewhere.href}?code=`)).toBe(true);
    elsewhere.pathname = '/other';
    url.searchParams.set('redirect_uri', elsewhere.href);
    expect((await laptop.send(url.href)).status).toBe(400);
  });

  it('from a form are 303, never 307: a password is not sent on', async () => {
    const laptop = new Laptop();
    const request = await honest.request();
    await laptop.open(request.url);
    const statuses: number[] = [];
    const send = laptop.send.bind(laptop);
    laptop.send = async (...args) => {
      const response = await send(...args);
      if (response.status >= 300 && response.status < 400) statuses.push(response.status);
      return response;
    };
    await laptop.submit('/password', { email: person.email, password: person.password });
    await approveAndGoOn(laptop, person.phone, honest);
    await laptop.open(`${installation.url}/oidc/sign-out?client_id=honest`);
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' });
    expect(statuses.length).toBeGreaterThan(3);
    expect(new Set(statuses)).toEqual(new Set([303]));
  });

  it('go nowhere on their own: no page of ours takes an address to go to', async () => {
    const laptop = new Laptop();
    for (const path of ['/', '/mfa', '/mfa/sign-in', '/setup', '/help', '/oidc/sign-out/success', '/oidc/device'])
      for (const name of ['next', 'url', 'return', 'returnTo', 'redirect', 'post_logout_redirect_uri']) {
        const response = await laptop.send(`${installation.url}${path}?${name}=https://evil.example/`);
        expect(response.headers.get('location') ?? '', `${path} ${name}`).not.toMatch(/^https:\/\/evil|^\/\/evil/);
      }
  });
});

describe('pages', () => {
  it('cannot be framed', async () => {
    const laptop = new Laptop();
    await laptop.open((await honest.request()).url);
    const interaction = laptop.page.url;
    for (const url of [interaction, `${installation.url}/oidc/device`, `${installation.url}/oidc/auth?client_id=x`]) {
      const { headers } = await laptop.send(url);
      expect(headers.get('content-security-policy'), url).toContain("frame-ancestors 'none'");
      expect(headers.get('x-frame-options'), url).toBe('DENY');
    }
  });
});

describe('a DPoP proof', () => {
  it('used again, made for another call, too old, or by another key, is refused', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    const proof = (claims: object, header: object = {}) =>
      new SignJWT({ htm: 'GET', htu: `${installation.url}/oidc/userinfo`, jti: randomUUID(), ath, ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
        .setIssuedAt((claims as { iat?: number }).iat)
        .sign(privateKey);
    const DPoP = oidc.getDPoPHandle(dpop.config, { privateKey, publicKey } as CryptoKeyPair);
    const { request, landed } = await signedIn(dpop);
    const { access_token } = await dpop.redeem(request, landed, {}, { DPoP });
    const { createHash } = await import('node:crypto');
    const ath = createHash('sha256').update(access_token).digest('base64url');
    const call = async (value: string, scheme = 'DPoP') =>
      (
        await fetch(`${installation.url}/oidc/userinfo`, {
          headers: { authorization: `${scheme} ${access_token}`, dpop: value },
        })
      ).status;
    const good = await proof({});
    expect(await call(good)).toBe(200);
    expect(await call(good)).not.toBe(200);
    const fresh = await proof({});
    const statuses = await Promise.all(Array.from({ length: 20 }, () => call(fresh)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(await call(await proof({ htm: 'POST' }))).not.toBe(200);
    expect(await call(await proof({ htu: `${installation.url}/oidc/token` }))).not.toBe(200);
    expect(await call(await proof({ iat: Math.floor(Date.now() / 1000) - 3600 }))).not.toBe(200);
    expect(await call(await proof({ ath: 'x' }))).not.toBe(200);
    expect(await call(await proof({}), 'Bearer')).not.toBe(200);
    const stranger = await exportJWK((await generateKeyPair('ES256')).publicKey);
    expect(await call(await proof({}, { jwk: stranger }))).not.toBe(200);
  });
});

describe('a grant that this server does not have', () => {
  it.each([
    ['implicit', { response_type: 'token' }],
    ['implicit with an ID token', { response_type: 'id_token token' }],
    ['hybrid', { response_type: 'code id_token' }],
  ])('%s is refused', async (_name, more) => {
    const laptop = new Laptop();
    await laptop.open((await honest.request(more)).url, {}, honest.redirectUri);
    expect(laptop.page.url).toMatch(/error=unsupported_response_type/);
  });
  it('the password grant is refused', async () => {
    await expect(
      oidc.genericGrantRequest(honest.config, 'password', { username: person.email, password: person.password }),
    ).rejects.toMatchObject({ error: 'unsupported_grant_type' });
  });
  it('nobody registers a client over the network', async () => {
    expect(honest.config.serverMetadata().registration_endpoint).toBeUndefined();
    for (const path of ['/oidc/reg', '/reg', '/oidc/register'])
      expect((await fetch(`${installation.url}${path}`, { method: 'POST' })).status).toBe(404);
  });
});

describe('tokens', () => {
  it('are taken in a header, never in an address', async () => {
    const { request, landed } = await signedIn();
    const { access_token } = await honest.redeem(request, landed);
    expect((await fetch(`${installation.url}/oidc/userinfo?access_token=${access_token}`)).status).toBe(400);
    const answer = await fetch(`${installation.url}/oidc/userinfo`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('no-store');
  });
  it('of one client tell another nothing, and cannot be revoked by it', async () => {
    const { request, landed } = await signedIn();
    const { access_token } = await honest.redeem(request, landed);
    expect(await oidc.tokenIntrospection(other.config, access_token)).toEqual({ active: false });
    await oidc.tokenRevocation(other.config, access_token);
    expect(await oidc.tokenIntrospection(honest.config, access_token)).toMatchObject({
      active: true,
      acr: 'urn:dubbelslot:acr:mfa',
    });
  });
});
