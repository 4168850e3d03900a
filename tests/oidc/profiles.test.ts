import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientToAdd } from '../../src/flow/clients.ts';
import { changeAccount } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { type AppKey, makeAppKey, signJwt } from '../support/keys.ts';
import { Laptop } from '../support/laptop.ts';
import { type AuthorizationRequest, RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled } from '../support/story.ts';

const API = 'https://api.example.org/';

let installation: TestInstallation;
let plain: RelyingParty;
let person: Enrolled;
let key: AppKey;

type Wishes = Omit<ClientToAdd, 'id' | 'redirectUris'>;

async function addParty(
  id: string,
  wishes: Wishes = {},
  auth?: (secret: string) => oidc.ClientAuth,
  metadata: Partial<oidc.ClientMetadata> = {},
): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id, redirectUris: [redirectUri], ...wishes });
  return RelyingParty.discover(installation.url, id, auth ? auth(secret) : secret, redirectUri, metadata);
}

const byKey = () => oidc.PrivateKeyJwt({ key: key.privateKey as never, kid: key.publicJwk.kid! });

beforeAll(async () => {
  installation = await startInstallation();
  key = await makeAppKey();
  plain = await addParty('plain');
  person = await addEnrolledPerson(installation, new Laptop(), plain);
  await changeAccount(installation, person.accountId, { groups: ['beheer', 'inkoop'] });
});
afterAll(() => installation.close());

/** Signs in with both factors at this request; @returns the address with the code. */
async function signIn(party: RelyingParty, request: AuthorizationRequest, laptop = new Laptop()): Promise<string> {
  await installation.d.database.sql`DELETE FROM challenge`;
  await laptop.open(request.url, {}, party.redirectUri);
  if (laptop.page.url.startsWith(party.redirectUri)) return laptop.page.url;
  await laptop.submit('/password', { email: person.email, password: person.password }, party.redirectUri);
  return (await approveAndGoOn(laptop, person.phone, party)).url;
}

async function tokensOf(party: RelyingParty, more: Record<string, string> = {}) {
  const request = await party.request(more);
  return party.redeem(request, await signIn(party, request));
}

const errorOf = (url: string) => new URL(url).searchParams.get('error');

describe('a client proves itself', () => {
  it('with its secret in the body as well as in the header', async () => {
    const party = await addParty('post', { authentication: 'client_secret_post' }, oidc.ClientSecretPost);
    expect((await tokensOf(party)).claims()!.sub).toBe(person.accountId);
  });

  it('with a key (private_key_jwt), each assertion once', async () => {
    const party = await addParty(
      'by-key',
      { authentication: 'private_key_jwt', jwks: { keys: [key.publicJwk] } },
      byKey,
    );
    expect((await tokensOf(party)).claims()!.sub).toBe(person.accountId);
    const assertion = await signJwt(key, { iss: 'by-key', sub: 'by-key', aud: installation.url });
    const use = (client_assertion: string) =>
      fetch(`${installation.url}/oidc/revoke`, {
        method: 'POST',
        body: new URLSearchParams({
          token: 'none',
          client_assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        }),
      });
    expect((await use(assertion)).status).toBe(200);
    expect((await use(assertion)).status).toBe(401);
    const other = await makeAppKey();
    const forged = { ...other, publicJwk: { ...other.publicJwk, kid: key.publicJwk.kid! } };
    for (const [bad, why] of [
      [await signJwt(forged, { iss: 'by-key', sub: 'by-key', aud: installation.url }), 'another key'],
      [await signJwt(key, { iss: 'by-key', sub: 'by-key', aud: 'https://other.example' }), 'another server'],
      [await signJwt(key, { iss: 'by-key', sub: 'by-key', aud: installation.url, exp: 1_700_000_000 }), 'expired'],
    ] as const)
      expect((await use(bad)).status, why).toBe(401);
  });

  it('in no way that was not registered for it, and never by HS256 with what stands in for its secret', async () => {
    const assertion = async (secret: string) => {
      const { SignJWT } = await import('jose');
      return new SignJWT({ iss: 'plain', sub: 'plain', aud: installation.url, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('60s')
        .sign(new TextEncoder().encode(secret));
    };
    const answer = await fetch(`${installation.url}/oidc/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: 'x',
        client_assertion: await assertion('stored as a digest'),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    });
    expect(answer.status).toBe(401);
    const { request_object_signing_alg_values_supported: algs } = plain.config.serverMetadata();
    expect(algs).toEqual(['ES256', 'RS256', 'PS256', 'EdDSA']);
  });
});

describe('a request', () => {
  it('may be pushed first (PAR), is used once, and must be where that is registered', async () => {
    const party = await addParty('pushing', { mustPush: true });
    const request = await party.request({}, (parameters) =>
      oidc.buildAuthorizationUrlWithPAR(party.config, parameters),
    );
    expect(request.url).toContain('request_uri=urn');
    const laptop = new Laptop();
    const landed = await signIn(party, request, laptop);
    expect((await party.redeem(request, landed)).claims()!.sub).toBe(person.accountId);
    await laptop.open(request.url, {}, party.redirectUri);
    expect(laptop.page.html + laptop.page.url).toMatch(/invalid_request_uri|niet kan/);
    const plainly = await party.request();
    await laptop.open(plainly.url, {}, party.redirectUri);
    expect(errorOf(laptop.page.url)).toBe('invalid_request');
  });

  it('may be signed (JAR), and must be where that is registered; a forged one is refused', async () => {
    const party = await addParty('signing', { mustSign: true, jwks: { keys: [key.publicJwk] } });
    const signed = (signer: AppKey) => (parameters: Record<string, string>) =>
      oidc.buildAuthorizationUrlWithJAR(party.config, parameters, {
        key: signer.privateKey as never,
        kid: key.publicJwk.kid!,
      });
    const request = await party.request({}, signed(key));
    expect((await party.redeem(request, await signIn(party, request))).claims()!.sub).toBe(person.accountId);
    const laptop = new Laptop();
    await laptop.open((await party.request({}, signed(await makeAppKey()))).url, {}, party.redirectUri);
    expect(laptop.page.status).toBe(400);
    await laptop.open((await party.request()).url, {}, party.redirectUri);
    expect(errorOf(laptop.page.url) ?? laptop.page.status).toMatch(/invalid_request|400/);
  });

  it('that names an address to fetch a request from is refused, and nothing is fetched', async () => {
    const laptop = new Laptop();
    const { createServer } = await import('node:http');
    let fetched = 0;
    const server = createServer((_request, response) => {
      fetched += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const { port } = server.address() as { port: number };
    for (const uri of [
      `http://localhost:${port}/request`,
      `https://127.0.0.1:${port}/`,
      'file:///etc/passwd',
      'urn:x',
    ]) {
      const request = await plain.request({ request_uri: uri });
      await laptop.open(request.url, {}, plain.redirectUri);
      expect(errorOf(laptop.page.url) ?? laptop.page.status, uri).toMatch(/request_uri|invalid_request|400/);
    }
    server.close();
    expect(fetched).toBe(0);
  });

  it('may want its answer by form_post, which the page’s policy lets through', async () => {
    const laptop = new Laptop();
    const request = await plain.request({ response_mode: 'form_post' });
    await laptop.open(request.url);
    await laptop.submit('/password', { email: person.email, password: person.password });
    await installation.d.database.sql`SELECT 1`;
    const here = laptop.page.url;
    await person.phone.approve(laptop.number);
    await laptop.open(here);
    expect(laptop.page.html).toContain(`action="${plain.redirectUri}"`);
    expect(laptop.page.headers.get('content-security-policy')).toMatch(/script-src 'self' 'sha256-/);
    const code = /name="code" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    const iss = /name="iss" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    const callback = new URL(plain.redirectUri);
    for (const [name, value] of Object.entries({ code, iss, state: request.state }))
      callback.searchParams.set(name, value);
    expect((await plain.redeem(request, callback.href)).claims()!.sub).toBe(person.accountId);
  });
});

describe('a token', () => {
  it('can be bound to a key (DPoP): without its proof, or with a used one, it is worth nothing', async () => {
    const party = await addParty('dpop', { isDpopBound: true, grants: ['refresh'] });
    const DPoP = oidc.getDPoPHandle(party.config, await oidc.randomDPoPKeyPair());
    const request = await party.request();
    const landed = await signIn(party, request);
    await expect(party.redeem(request, landed)).rejects.toMatchObject({ error: 'invalid_grant' });
    const tokens = await party.redeem(request, landed, {}, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const info = await oidc.fetchUserInfo(party.config, tokens.access_token, person.accountId, { DPoP });
    expect(info.sub).toBe(person.accountId);
    await expect(oidc.fetchUserInfo(party.config, tokens.access_token, person.accountId)).rejects.toThrow();
    const other = oidc.getDPoPHandle(party.config, await oidc.randomDPoPKeyPair());
    await expect(
      oidc.fetchUserInfo(party.config, tokens.access_token, person.accountId, { DPoP: other }),
    ).rejects.toThrow();
    const refreshed = await oidc.refreshTokenGrant(party.config, tokens.refresh_token!, {}, { DPoP });
    expect(refreshed.token_type).toBe('dpop');
  });

  it('for an API is a JWT with how strongly the person signed in, for that API alone', async () => {
    const party = await addParty('with-api', {
      resources: [{ uri: API, scopes: ['read', 'write'], format: 'jwt' }],
      lifetimes: { accessToken: 120 },
    });
    const request = await party.request({ scope: 'openid read', resource: API });
    const tokens = await party.redeem(request, await signIn(party, request), { resource: API });
    const header = decodeProtectedHeader(tokens.access_token);
    const claims = decodeJwt(tokens.access_token);
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(claims).toMatchObject({
      iss: installation.url,
      aud: API,
      scope: 'read',
      sub: person.accountId,
      client_id: 'with-api',
      acr: 'urn:dubbelslot:acr:mfa',
    });
    expect(claims.amr).toContain('mfa');
    expect(claims.exp! - claims.iat!).toBe(120);
    const laptop = new Laptop();
    await laptop.open((await party.request({ resource: 'https://other.example.org/' })).url, {}, party.redirectUri);
    expect(errorOf(laptop.page.url)).toBe('invalid_target');
  });
});

describe('a machine', () => {
  it('gets tokens for itself, opaque ones that its API can look into, and JWTs', async () => {
    const secret = await installation.addClient({
      id: 'robot',
      profile: 'machine',
      resources: [
        { uri: API, scopes: ['read'], format: 'jwt' },
        { uri: 'https://ledger.example.org/', scopes: ['book'], format: 'opaque' },
      ],
    });
    const apiSecret = await installation.addClient({
      id: 'ledger',
      profile: 'machine',
      serves: ['https://ledger.example.org/'],
    });
    const robot = await RelyingParty.discover(installation.url, 'robot', secret, '');
    const ledger = await RelyingParty.discover(installation.url, 'ledger', apiSecret, '');
    const jwt = await oidc.clientCredentialsGrant(robot.config, { resource: API, scope: 'read' });
    expect(decodeJwt(jwt.access_token)).toMatchObject({ aud: API, client_id: 'robot', scope: 'read' });
    const opaque = await oidc.clientCredentialsGrant(robot.config, {
      resource: 'https://ledger.example.org/',
      scope: 'book',
    });
    expect(opaque.access_token).not.toContain('.');
    const seen = await oidc.tokenIntrospection(ledger.config, opaque.access_token);
    expect(seen).toMatchObject({ active: true, client_id: 'robot', scope: 'book' });
    // Nobody else learns anything.
    expect(await oidc.tokenIntrospection(plain.config, opaque.access_token)).toEqual({ active: false });
    await oidc.tokenRevocation(robot.config, opaque.access_token);
    expect(await oidc.tokenIntrospection(ledger.config, opaque.access_token)).toEqual({ active: false });
    await expect(
      oidc.clientCredentialsGrant(robot.config, { resource: 'https://other.example.org/' }),
    ).rejects.toMatchObject({ error: 'invalid_target' });
    await expect(oidc.clientCredentialsGrant(plain.config)).rejects.toMatchObject({
      error_description: 'requested grant type is not allowed for this client',
    });
  });
});

describe('what a client is told', () => {
  it('is what was registered: scopes, groups, names by the claims parameter, amr', async () => {
    const told = await addParty('told', { scopes: ['email', 'groups'], groups: ['inkoop', 'elders'] });
    const tokens = await tokensOf(told, { scope: 'openid email groups' });
    const info = await oidc.fetchUserInfo(told.config, tokens.access_token, person.accountId);
    expect(info).toMatchObject({ email: person.email, groups: ['inkoop'] });
    expect(info.name).toBeUndefined();

    const quiet = await addParty('quiet', { scopes: [], hidesAmr: true });
    const claims = JSON.stringify({ userinfo: { email: null, name: { essential: true } }, id_token: { amr: null } });
    const few = await tokensOf(quiet, { scope: 'openid', claims });
    expect(few.claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
    expect(few.claims()!.amr).toBeUndefined();
    expect(await oidc.fetchUserInfo(quiet.config, few.access_token, person.accountId)).toEqual({
      sub: person.accountId,
    });
    const laptop = new Laptop();
    await laptop.open((await quiet.request({ scope: 'openid email' })).url, {}, quiet.redirectUri);
    expect(errorOf(laptop.page.url)).toBe('invalid_scope');

    const allowed = await addParty('asking', { scopes: ['email'] });
    const asked = await tokensOf(allowed, { scope: 'openid', claims: JSON.stringify({ id_token: { email: null } }) });
    expect(asked.claims()!.email).toBe(person.email);
    expect(asked.claims()!.amr).toContain('mfa');
  });
});

describe('the NL GOV profile', () => {
  it('is pairwise, without amr, with signed userinfo, an ID token of five minutes and a refresh of six hours', async () => {
    const wishes: Wishes = { profile: 'nl_gov', jwks: { keys: [key.publicJwk] }, grants: ['refresh'] };
    const metadata = { id_token_signed_response_alg: 'RS256', userinfo_signed_response_alg: 'RS256' };
    const party = await addParty('gov', wishes, byKey, metadata);
    const tokens = await tokensOf(party);
    const claims = tokens.claims()!;
    expect(claims.sub).not.toBe(person.accountId);
    expect(claims.amr).toBeUndefined();
    expect(claims.acr).toBe('urn:dubbelslot:acr:mfa');
    expect(claims.exp - claims.iat).toBe(300);
    expect(decodeProtectedHeader(tokens.id_token!).alg).toBe('RS256');
    const raw = await fetch(`${installation.url}/oidc/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(raw.headers.get('content-type')).toContain('application/jwt');
    expect(decodeJwt(await raw.text())).toMatchObject({ sub: claims.sub, email: person.email });
    const info = await oidc.fetchUserInfo(party.config, tokens.access_token, claims.sub);
    expect(info.sub).toBe(claims.sub);
    const [row] = await installation.d.database.sql<{ seconds: number }>`SELECT
      round(extract(epoch FROM expires_at - now()))::int AS seconds FROM oidc_payload
      WHERE type = 'RefreshToken' AND payload->>'clientId' = 'gov'`;
    expect(row!.seconds).toBeGreaterThan(6 * 3600 - 60);
    expect(row!.seconds).toBeLessThanOrEqual(6 * 3600);
    const signed = await party.request({}, (parameters) =>
      oidc.buildAuthorizationUrlWithJAR(party.config, parameters, {
        key: key.privateKey as never,
        kid: key.publicJwk.kid!,
      }),
    );
    expect((await party.redeem(signed, await signIn(party, signed))).claims()!.sub).toBe(claims.sub);
  });
});

describe('the FAPI 2.0 profile', () => {
  it('takes pushed requests and bound tokens only, by a key', async () => {
    const psKey = await makeAppKey('PS256');
    const auth = () =>
      oidc.PrivateKeyJwt(
        { key: psKey.privateKey as never, kid: psKey.publicJwk.kid! },
        {
          [oidc.modifyAssertion]: (_header, payload) => {
            payload.aud = installation.url;
          },
        },
      );
    const wishes: Wishes = { profile: 'fapi2', jwks: { keys: [psKey.publicJwk] }, grants: ['refresh'] };
    const party = await addParty('bank', wishes, auth, { id_token_signed_response_alg: 'PS256' });
    const laptop = new Laptop();
    await laptop.open((await party.request()).url, {}, party.redirectUri);
    expect(errorOf(laptop.page.url)).toBe('invalid_request');
    const DPoP = oidc.getDPoPHandle(party.config, await oidc.randomDPoPKeyPair());
    const request = await party.request({}, (parameters) =>
      oidc.buildAuthorizationUrlWithPAR(party.config, parameters, { DPoP }),
    );
    const landed = await signIn(party, request, laptop);
    await expect(party.redeem(request, landed)).rejects.toMatchObject({ error: 'invalid_grant' });
    const tokens = await party.redeem(request, landed, {}, { DPoP });
    expect(decodeProtectedHeader(tokens.id_token!).alg).toBe('PS256');
    expect(tokens.token_type).toBe('dpop');
    // Section 5.3.2.1: bound tokens are not rotated.
    const refreshed = await oidc.refreshTokenGrant(party.config, tokens.refresh_token!, {}, { DPoP });
    expect(refreshed.refresh_token ?? tokens.refresh_token).toBe(tokens.refresh_token);
  });
});

describe('an app in a browser', () => {
  it('may call from where it may be sent back to, and from nowhere else', async () => {
    const party = await addParty('page', { profile: 'app', grants: ['refresh'] });
    const { origin } = new URL(party.redirectUri);
    const tokens = await tokensOf(party);
    const call = (from: string) =>
      fetch(`${installation.url}/oidc/token`, {
        method: 'POST',
        headers: { origin: from },
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'page',
          refresh_token: tokens.refresh_token!,
        }),
      });
    const foreign = await call('https://evil.example');
    expect(foreign.status).toBe(400);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    const own = await call(origin);
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe(origin);
  });
});
