import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let weak: RelyingParty;
let spa: RelyingParty;
let person: Enrolled;

async function addParty(id: string, more: object = {}): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({
    id,
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [new URL('/', redirectUri).href],
    grants: ['refresh'],
    ...more,
  });
  return RelyingParty.discover(installation.url, id, secret, redirectUri);
}

beforeAll(async () => {
  installation = await startInstallation();
  rp = await addParty('strong');
  weak = await addParty('weak', { requiredAcr: 'urn:dubbelslot:acr:1fa' });
  spa = await addParty('spa', { profile: 'app' });
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterAll(() => installation.close());

/** A browser that is signed in with both factors, and the tokens of its first web app. */
async function signedIn(party = rp) {
  const laptop = new Laptop();
  const request = await givePassword(laptop, party, person);
  const landed = await approveAndGoOn(laptop, person.phone, party);
  return { laptop, tokens: await party.redeem(request, landed.url) };
}

/** Asks again in the same browser. @returns where it ended: the web app's address, or a page of ours */
async function again(laptop: Laptop, party: RelyingParty, more: Record<string, string> = {}) {
  const request = await party.request(more);
  await laptop.open(request.url, {}, party.redirectUri);
  return request;
}

const errorOf = (laptop: Laptop) => new URL(laptop.page.url).searchParams.get('error');
const forgetBudget = () => installation.d.database.sql`DELETE FROM challenge`;

describe('the surface', () => {
  it('is described, with PKCE S256 alone and our classes', async () => {
    const metadata = rp.config.serverMetadata();
    expect(metadata.issuer).toBe(installation.url);
    expect(metadata.code_challenge_methods_supported).toEqual(['S256']);
    expect(metadata.acr_values_supported).toContain('urn:dubbelslot:acr:mfa');
    expect(metadata.response_types_supported).toEqual(['code', 'none']);
    expect(metadata.grant_types_supported).toEqual([
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:openid:params:grant-type:ciba',
    ]);
    const jwks = (await (await fetch(metadata.jwks_uri!)).json()) as { keys: Record<string, string>[] };
    expect(jwks.keys.map(({ alg }) => alg)).toEqual(['ES256', 'RS256']);
    expect(JSON.stringify(jwks)).not.toMatch(/"d":/);
  });

  it('is built from the public address, whatever Host and X-Forwarded-* say', async () => {
    const { port } = new URL(installation.url);
    const answer = await fetch(`http://127.0.0.1:${port}/.well-known/openid-configuration`, {
      headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    });
    const text = await answer.text();
    expect(text).not.toContain('evil');
    const endpoints = Object.entries(JSON.parse(text)).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name));
    expect(endpoints.length).toBeGreaterThan(4);
    for (const [name, url] of endpoints) expect(url, name).toMatch(new RegExp(`^${installation.url}/`));
  });
});

describe('an authorization request', () => {
  const begin = async (change: (url: URL) => void) => {
    const request = await rp.request();
    const url = new URL(request.url);
    change(url);
    const laptop = new Laptop();
    await laptop.open(url.href, {}, rp.redirectUri);
    return laptop;
  };

  it('with a redirect address that differs by one character is answered by a page, never a redirect', async () => {
    for (const uri of [
      `${rp.redirectUri}/`,
      `${rp.redirectUri}?`,
      rp.redirectUri.replace('callback', 'callbacK'),
      rp.redirectUri.slice(0, -1),
    ]) {
      const laptop = await begin((url) => url.searchParams.set('redirect_uri', uri));
      expect(laptop.page.status, uri).toBe(400);
      expect(laptop.title).toBe('De app is niet goed ingesteld');
      expect(laptop.page.html).toMatch(/Kenmerk voor de helpdesk: [\w-]+/);
    }
  });
  it('may be posted by a form of the web app, and goes on as if it had been opened', async () => {
    await forgetBudget();
    const laptop = new Laptop();
    const request = await rp.request();
    const elsewhere = { origin: new URL(rp.redirectUri).origin, 'sec-fetch-site': 'cross-site' };
    const post = (url: URL) =>
      laptop.open(
        url.origin + url.pathname,
        { method: 'POST', body: url.searchParams, headers: elsewhere },
        rp.redirectUri,
      );
    await post(new URL(request.url));
    expect(laptop.title).toBe('Aanmelden');
    await laptop.submit('/password', person);
    const tokens = await rp.redeem(request, (await approveAndGoOn(laptop, person.phone, rp)).url);
    const signOut = oidc.buildEndSessionUrl(rp.config, { id_token_hint: tokens.id_token! });
    await post(signOut);
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' });
    expect(laptop.title).toBe('U bent afgemeld');
    const twice = new URL(request.url);
    twice.searchParams.append('scope', 'email');
    await post(twice);
    expect(errorOf(laptop)).toBe('invalid_request');
    twice.searchParams.set('state', 'x'.repeat(20_000));
    expect((await post(twice)).status).toBe(413);
  });

  it('from an unknown client is answered by a page', async () => {
    expect((await begin((url) => url.searchParams.set('client_id', 'nobody'))).page.status).toBe(400);
  });
  it('without PKCE, or with the plain method, is refused to the client', async () => {
    expect(errorOf(await begin((url) => url.searchParams.delete('code_challenge')))).toBe('invalid_request');
    expect(errorOf(await begin((url) => url.searchParams.set('code_challenge_method', 'plain')))).toBe(
      'invalid_request',
    );
  });
  it('of another response type is refused', async () => {
    for (const type of ['token', 'id_token', 'code id_token']) {
      const laptop = await begin((url) => url.searchParams.set('response_type', type));
      expect(laptop.page.url).toMatch(/error=unsupported_response_type/);
    }
  });
});

describe('a code', () => {
  it('gives tokens once; shown again, it takes back what it gave', async () => {
    const laptop = new Laptop();
    await forgetBudget();
    const request = await givePassword(laptop, rp, person);
    const landed = await approveAndGoOn(laptop, person.phone, rp);
    expect(new URL(landed.url).searchParams.get('iss')).toBe(installation.url);
    const tokens = await rp.redeem(request, landed.url);
    const info = await oidc.fetchUserInfo(rp.config, tokens.access_token, tokens.claims()!.sub);
    expect(info).toMatchObject({
      sub: person.accountId,
      email: person.email,
      email_verified: true,
      name: 'Test Persoon',
    });
    await expect(rp.redeem(request, landed.url)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(oidc.fetchUserInfo(rp.config, tokens.access_token, person.accountId)).rejects.toThrow();
  });
  it('is worthless without its verifier, and for another client', async () => {
    const laptop = new Laptop();
    await forgetBudget();
    const request = await givePassword(laptop, rp, person);
    const landed = await approveAndGoOn(laptop, person.phone, rp);
    await expect(
      rp.redeem({ ...request, codeVerifier: oidc.randomPKCECodeVerifier() }, landed.url),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
    const other = await again(laptop, rp);
    const callback = laptop.page.url.replace(rp.redirectUri, weak.redirectUri);
    await expect(weak.redeem(other, callback)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
  it('needs the client’s secret, of which only a digest is stored', async () => {
    const wrong = await RelyingParty.discover(installation.url, 'strong', 'a wrong secret', rp.redirectUri);
    await forgetBudget();
    const { laptop } = await signedIn();
    const request = await again(laptop, rp);
    await expect(wrong.redeem(request, laptop.page.url)).rejects.toMatchObject({ status: 401 });
    const stored = JSON.stringify(await installation.d.database.sql`SELECT * FROM client`);
    expect(stored).not.toContain('client_secret"');
    await expect(rp.redeem(request, laptop.page.url)).resolves.toBeDefined();
  });
});

describe('a refresh token', () => {
  it('is replaced at each use; an old one used again ends the family', async () => {
    await forgetBudget();
    const { tokens } = await signedIn();
    const second = await oidc.refreshTokenGrant(rp.config, tokens.refresh_token!);
    expect(second.refresh_token).not.toBe(tokens.refresh_token);
    expect(decodeJwt(second.id_token!).acr).toBe('urn:dubbelslot:acr:mfa');
    expect(decodeJwt(second.id_token!).auth_time).toBe(tokens.claims()!.auth_time);
    await expect(oidc.refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(oidc.refreshTokenGrant(rp.config, second.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
  it('works for a public client too, and dies with its session', async () => {
    await forgetBudget();
    const { tokens } = await signedIn(spa);
    const second = await oidc.refreshTokenGrant(spa.config, tokens.refresh_token!);
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    await expect(oidc.refreshTokenGrant(spa.config, second.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});

describe('single sign-on', () => {
  it('lets a second web app in without a question, with the same strength and time', async () => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    const request = await again(laptop, weak);
    const claims = (await weak.redeem(request, laptop.page.url)).claims()!;
    expect(claims.acr).toBe('urn:dubbelslot:acr:mfa');
    expect(claims.auth_time).toBe(tokens.claims()!.auth_time);
  });
  it('answers prompt=none without a session with login_required', async () => {
    const laptop = new Laptop();
    await again(laptop, rp, { prompt: 'none' });
    expect(errorOf(laptop)).toBe('login_required');
  });
});

describe('a request that asks for more', () => {
  /** A browser signed in by the password alone, at the client that allows it. */
  async function weaklySignedIn() {
    await forgetBudget();
    const laptop = new Laptop();
    const request = await givePassword(laptop, weak, person);
    const claims = (await weak.redeem(request, laptop.page.url)).claims()!;
    expect(claims.acr).toBe('urn:dubbelslot:acr:1fa');
    expect(claims.amr).toEqual(['pwd']);
    return { laptop, authTime: claims.auth_time! };
  }

  it.each([
    ['acr_values', { acr_values: 'urn:dubbelslot:acr:mfa' }],
    ['another name for the class', { acr_values: 'https://refeds.org/profile/mfa' }],
    ['an essential acr claim', { claims: JSON.stringify({ id_token: { acr: { essential: true, values: ['mfa'] } } }) }],
  ])('by %s gets a step-up: the second factor alone, auth_time kept', async (_name, more) => {
    const { laptop, authTime } = await weaklySignedIn();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const request = await again(laptop, weak, more);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    const landed = await approveAndGoOn(laptop, person.phone, weak);
    const claims = (await weak.redeem(request, landed.url)).claims()!;
    expect(claims.acr).toBe('urn:dubbelslot:acr:mfa');
    expect(claims.amr).toEqual(['pwd', 'pop', 'swk', 'mca', 'mfa']);
    expect(claims.auth_time).toBe(authTime);
  });

  it('by being another client gets a step-up too', async () => {
    const { laptop } = await weaklySignedIn();
    await again(laptop, rp);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });

  it('with prompt=none is told what is missing', async () => {
    const { laptop } = await weaklySignedIn();
    await again(laptop, weak, { prompt: 'none', acr_values: 'mfa' });
    expect(errorOf(laptop)).toBe('unmet_authentication_requirements');
  });

  it.each([
    ['max_age', { max_age: '1' }],
    ['prompt=login', { prompt: 'login' }],
    ['max_age=0', { max_age: '0' }],
  ])('by %s gets a whole new sign-in, and a new auth_time', async (_name, more) => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const request = await again(laptop, rp, more);
    expect(laptop.title).toBe('Aanmelden');
    expect(laptop.page.html).toContain('Bewijs dat u het bent');
    await laptop.submit('/password', { email: person.email, password: person.password });
    const landed = await approveAndGoOn(laptop, person.phone, rp);
    const claims = (await rp.redeem(request, landed.url)).claims()!;
    expect(claims.auth_time).toBeGreaterThan(tokens.claims()!.auth_time!);
    expect(claims.acr).toBe('urn:dubbelslot:acr:mfa');
  });

  it('as essential is not weakened by what is merely wished for beside it', async () => {
    await forgetBudget();
    const { laptop } = await signedIn();
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: 'phr' } } });
    await again(laptop, weak, { acr_values: '1fa', claims });
    expect(laptop.page.html).toContain('vraagt om een toegangssleutel of een beveiligingssleutel');
  });

  it('that a person does not reach is an error, never a weaker answer', async () => {
    await forgetBudget();
    const { laptop } = await signedIn();
    await again(laptop, rp, { acr_values: 'phr' });
    expect(laptop.page.html).toContain('vraagt om een toegangssleutel of een beveiligingssleutel');
    await laptop.submit('/cancel', {}, rp.redirectUri);
    expect(errorOf(laptop)).toBe('unmet_authentication_requirements');
    await again(laptop, rp, {
      claims: JSON.stringify({ id_token: { acr: { essential: true, value: 'urn:unknown' } } }),
    });
    expect(errorOf(laptop)).toBe('unmet_authentication_requirements');
  });
});

describe('a hint of who it is', () => {
  it('by address fills that in; by language chooses that', async () => {
    const laptop = new Laptop();
    await again(laptop, rp, { login_hint: person.email, ui_locales: 'en' });
    expect(laptop.page.html).toContain(`value="${person.email}"`);
    expect(laptop.title).toBe('Sign in');
  });
  it('by an ID token is answered for that person alone', async () => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    const mine = await again(laptop, rp, { prompt: 'none', id_token_hint: tokens.id_token! });
    expect((await rp.redeem(mine, laptop.page.url)).claims()!.sub).toBe(person.accountId);
    await forgetBudget();
    const somebodyElse = await addEnrolledPerson(installation, new Laptop(), rp);
    const browser = new Laptop();
    const request = await givePassword(browser, rp, somebodyElse);
    const theirs = await rp.redeem(request, (await approveAndGoOn(browser, somebodyElse.phone, rp)).url);
    await again(laptop, rp, { prompt: 'none', id_token_hint: theirs.id_token! });
    expect(errorOf(laptop)).toBe('login_required');
    await again(laptop, rp, { prompt: 'none', id_token_hint: `${theirs.id_token}x` });
    expect(errorOf(laptop)).toBe('invalid_request');
  });
});

describe('an address that is not there', () => {
  it('is answered by a page of ours, below /oidc too', async () => {
    const laptop = new Laptop();
    expect((await laptop.open(`${installation.url}/oidc/nothing`)).status).toBe(404);
    expect(laptop.title).toBe('Deze pagina bestaat niet');
    expect((await fetch(`${installation.url}/oidc/token`)).status).toBe(404);
  });
});

describe('another person at the same browser', () => {
  it('takes over the session only after the first was signed out of it', async () => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    const request = await again(laptop, rp, { prompt: 'login' });
    await laptop.submit('/password', { email: other.email, password: other.password });
    const approved = await other.phone.approve(laptop.number);
    expect(approved.status).toBe(200);
    await laptop.open(laptop.page.url, {}, rp.redirectUri);
    // The library signs the first person out with a page that submits itself.
    await laptop.submit('/oidc/sign-out/confirm', {}, rp.redirectUri);
    expect((await rp.redeem(request, laptop.page.url)).claims()!.sub).toBe(other.accountId);
    await expect(oidc.refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});

describe('a suspended account', () => {
  it('is asked to sign in, its session notwithstanding, and cannot', async () => {
    await forgetBudget();
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, other);
    const tokens = await rp.redeem(request, (await approveAndGoOn(laptop, other.phone, rp)).url);
    await installation.d.database.sql`UPDATE account SET status = 'suspended' WHERE id = ${other.accountId}`;
    await again(laptop, rp);
    expect(laptop.title).toBe('Aanmelden');
    await laptop.submit('/password', other);
    expect(laptop.page.status).toBe(401);
    await expect(oidc.refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toThrow();
    expect((await other.phone.call('GET', '/app/api/account')).status).toBe(401);
  });
});

describe('signing out', () => {
  it('asks, ends the session and its tokens, and goes back to the web app', async () => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    const back = new URL('/', rp.redirectUri).href;
    const url = oidc.buildEndSessionUrl(rp.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: back,
      state: 'xyz',
    });
    await laptop.open(url.href);
    expect(laptop.title).toBe('Wilt u zich afmelden?');
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' }, back);
    expect(laptop.page.url).toBe(`${back}?state=xyz`);
    await expect(oidc.fetchUserInfo(rp.config, tokens.access_token, person.accountId)).rejects.toThrow();
    await expect(oidc.refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await again(laptop, rp, { prompt: 'none' });
    expect(errorOf(laptop)).toBe('login_required');
  });
  it('goes nowhere that was not registered', async () => {
    const url = new URL(rp.config.serverMetadata().end_session_endpoint!);
    url.searchParams.set('client_id', 'strong');
    url.searchParams.set('post_logout_redirect_uri', 'https://evil.example/');
    expect((await new Laptop().open(url.href)).status).toBe(400);
  });
});

describe('the audit log', () => {
  it('keeps that the keys were made, once', async () => {
    const made = await installation.d.auditStore.list({ action: 'key.made', limit: 10 });
    const kids = (await installation.d.database.sql<{ kid: string }>`SELECT kid FROM signing_key`).map(
      ({ kid }) => `key:${kid}`,
    );
    expect(made.map(({ object }) => object).sort()).toEqual([...kids, 'key:vapid'].sort());
  });

  it('keeps tokens given and refused, and sign-outs, with whom and for which client', async () => {
    await forgetBudget();
    const since = Date.now();
    const { laptop, tokens } = await signedIn();
    await oidc.refreshTokenGrant(rp.config, tokens.refresh_token!);
    await expect(oidc.refreshTokenGrant(rp.config, tokens.refresh_token!)).rejects.toThrow();
    await laptop.open(`${installation.url}/oidc/sign-out?client_id=strong`);
    await laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' });
    const events = (await installation.d.auditStore.list({ limit: 30 })).filter(({ at }) => at.getTime() >= since);
    const kept = events
      .filter(({ action }) => /^(token|session)\./.test(action))
      .map(({ action, detail, accountId }) => [action, detail?.grantType ?? null, accountId]);
    expect(kept.reverse()).toEqual([
      ['token.issued', 'authorization_code', person.accountId],
      ['token.issued', 'refresh_token', person.accountId],
      ['token.reuse_detected', 'refresh_token', person.accountId],
      ['session.ended', null, person.accountId],
    ]);
    expect(JSON.stringify(events)).not.toContain(tokens.refresh_token!);
  });
});

describe('an interaction', () => {
  it('belongs to the browser that began it: a changed, missing or foreign cookie ends it', async () => {
    const laptop = new Laptop();
    const request = await rp.request();
    await laptop.open(request.url);
    const here = laptop.page.url;
    expect((await new Laptop().open(here)).status).toBe(400);
    const foreign = new Laptop();
    await foreign.open((await rp.request()).url);
    const uid = here.split('/').at(-1)!;
    foreign.setCookie('interaction', uid);
    expect((await foreign.open(foreign.page.url)).status).toBe(400);
    const value = laptop.cookie('interaction')!;
    laptop.setCookie('interaction', `${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`);
    expect((await laptop.open(here)).status).toBe(400);
    expect(laptop.title).toBe('Dit aanmelden is verlopen');
    laptop.setCookie('interaction', value);
    laptop.setCookie('interaction.sig', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA');
    expect((await laptop.open(here)).status).toBe(400);
  });
  it('stores neither the session’s cookie nor any token in the clear', async () => {
    await forgetBudget();
    const { laptop, tokens } = await signedIn();
    await again(laptop, rp, { prompt: 'login' });
    const dump = JSON.stringify(
      await installation.d.database
        .sql`SELECT payload, encode(id_digest, 'escape') FROM oidc_payload UNION ALL SELECT payload, encode(id_digest, 'escape') FROM op_session`,
    );
    for (const secret of [laptop.cookie('op')!, tokens.access_token, tokens.refresh_token!])
      expect(dump).not.toContain(secret);
  });
});
