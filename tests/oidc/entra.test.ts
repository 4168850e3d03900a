import { randomUUID, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { importX509, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeAccount, issuePass, resetAccount } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { type AppKey, makeAppKey, signJwt } from '../support/keys.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, enrolCodeApp, enrolPhone } from '../support/story.ts';

/**
 * Microsoft Entra's side of an external authentication method, by its published contract: the issuer, the keys and
 * the requests are this test's own.
 */
const TENANT = randomUUID();
const APPLICATION = randomUUID();
const REDIRECT = 'https://login.microsoftonline.com/common/federation/externalauthprovider';
const CLAIMS = {
  id_token: {
    acr: { essential: true, values: ['possessionorinherence'] },
    amr: {
      essential: true,
      values: ['face', 'fido', 'fpt', 'hwk', 'iris', 'otp', 'pop', 'retina', 'sc', 'sms', 'swk', 'tel', 'vbm'],
    },
  },
};

let installation: TestInstallation;
let microsoft: Server;
let issuer: string;
let key: AppKey;
let person: Enrolled;
let web: RelyingParty;
let objectId: string;

beforeAll(async () => {
  key = await makeAppKey('RS256');
  microsoft = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [key.publicJwk] }));
  });
  await new Promise<void>((resolve) => microsoft.listen(0, 'localhost', resolve));
  const origin = `http://localhost:${(microsoft.address() as { port: number }).port}`;
  issuer = `${origin}/${TENANT}/v2.0`;
  installation = await startInstallation();
  await installation.addClient({
    id: 'microsoft-365',
    name: 'Microsoft 365',
    profile: 'entra',
    redirectUris: [REDIRECT],
    entra: { tenantId: TENANT, applicationId: APPLICATION, issuer, jwksUri: `${origin}/keys` },
  });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'web', redirectUris: [redirectUri] });
  web = await RelyingParty.discover(installation.url, 'web', secret, redirectUri);
  person = await addEnrolledPerson(installation, new Laptop(), web);
  objectId = randomUUID();
});
beforeEach(() => installation.d.database.sql`DELETE FROM challenge`);
afterAll(async () => {
  await installation.close();
  microsoft.close();
});

/** Mails that were written to the outbox, as they are. */
const outbox = (): string[] => {
  const folder = join(installation.dataDir, 'outbox');
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
};

const now = () => Math.floor(Date.now() / 1000);

/** Signed, and expired from the start. */
const hint = (claims: Record<string, unknown> = {}, signer = key) =>
  signJwt(signer, {
    ver: '2.0',
    iss: issuer,
    aud: APPLICATION,
    sub: `pairwise ${objectId}`,
    oid: objectId,
    tid: TENANT,
    preferred_username: person.email,
    name: 'Test Persoon',
    iat: now(),
    nbf: now(),
    exp: now() - 1,
    ...claims,
  });

/** What Entra's page posts; @returns what it sent along. */
async function send(laptop: Laptop, changes: Record<string, string> = {}, claims: Record<string, unknown> = {}) {
  const fields: Record<string, string> = {
    scope: 'openid',
    response_type: 'id_token',
    response_mode: 'form_post',
    client_id: 'microsoft-365',
    redirect_uri: REDIRECT,
    nonce: randomUUID(),
    state: randomUUID(),
    claims: JSON.stringify(CLAIMS),
    'client-request-id': randomUUID(),
    id_token_hint: await hint(claims),
    ...changes,
  };
  const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value));
  await laptop.open(`${installation.url}/entra/auth`, {
    method: 'POST',
    body,
    headers: { origin: 'https://login.microsoftonline.com', 'sec-fetch-site': 'cross-site' },
  });
  return fields;
}

/** The fields of the form that goes back to Entra. */
function sentBack(laptop: Laptop): Record<string, string> {
  expect(laptop.page.html).toContain(`action="${REDIRECT}"`);
  return Object.fromEntries(
    [...laptop.page.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, k, v]) => [k!, v!]),
  );
}

/** As Entra validates an answer: by the discovery document, and the certificate of the key. */
async function verified(idToken: string) {
  const document = (await (await fetch(`${installation.url}/entra/.well-known/openid-configuration`)).json()) as {
    issuer: string;
    jwks_uri: string;
    authorization_endpoint: string;
    response_types_supported: string[];
    id_token_signing_alg_values_supported: string[];
  };
  expect(document).toMatchObject({
    issuer: `${installation.url}/entra`,
    authorization_endpoint: `${installation.url}/entra/auth`,
    response_types_supported: ['id_token'],
    id_token_signing_alg_values_supported: ['RS256'],
  });
  const { keys } = (await (await fetch(document.jwks_uri)).json()) as { keys: { kid: string; x5c: string[] }[] };
  const { kid } = JSON.parse(Buffer.from(idToken.split('.')[0]!, 'base64url').toString()) as { kid: string };
  const { x5c } = keys.find((each) => each.kid === kid)!;
  const pem = new X509Certificate(Buffer.from(x5c[0]!, 'base64')).toString();
  const options = { issuer: document.issuer, audience: 'microsoft-365' };
  return (await jwtVerify(idToken, await importX509(pem, 'RS256'), options)).payload;
}

/** From the page that asks for a temporary pass to the one that says more is required. */
async function givePass(laptop: Laptop, email: string) {
  const pass = await issuePass(installation, email);
  expect(laptop.title).toBe('Aanmelden met een tijdelijke toegangscode');
  await laptop.submit('/pass', { code: pass.code });
  await laptop.open(laptop.page.url);
  expect(laptop.title).toBe('Meer informatie vereist');
}

async function approve(laptop: Laptop, phone = person.phone) {
  const here = laptop.page.url;
  expect((await phone.approve(laptop.number)).status).toBe(200);
  await laptop.open(here);
}

describe('Microsoft Entra sends somebody for a second factor', () => {
  it('who approves on their phone, without our password, and goes back with what the contract asks', async () => {
    const laptop = new Laptop();
    const sent = await send(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    const [challenge] = await person.phone.challenges();
    expect(challenge!.context.client).toBe('Microsoft 365');
    await approve(laptop);
    const back = sentBack(laptop);
    expect(back.state).toBe(sent.state);
    const claims = await verified(back.id_token!);
    expect(claims).toMatchObject({
      sub: `pairwise ${objectId}`,
      nonce: sent.nonce,
      acr: 'possessionorinherence',
      amr: ['swk'],
    });
    expect(laptop.page.headers.get('content-security-policy')).toContain(
      "form-action 'self' https://login.microsoftonline.com",
    );
    // Once, and nobody is signed in at anything else by it.
    await laptop.open(laptop.page.url);
    expect(laptop.page.status).toBe(400);
    expect(laptop.cookie('op')).toBeUndefined();
  });

  it('by a code of an app, where that is what they have', async () => {
    const laptop = new Laptop();
    const { email } = await installation.addPerson();
    const other = randomUUID();
    const from = { oid: other, sub: other, preferred_username: email.toUpperCase() };
    await send(laptop, {}, from);
    await givePass(laptop, email);
    await enrolCodeApp(laptop, installation.url, new Date());
    const path = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)![1]!;
    await laptop.open(installation.url + path);
    expect(await verified(sentBack(laptop).id_token!)).toMatchObject({ sub: other, amr: ['otp'] });
  });

  it('and enrols a phone on the way with a temporary pass, once', async () => {
    const laptop = new Laptop();
    const { email } = await installation.addPerson();
    const from = { oid: randomUUID(), preferred_username: email };
    await send(laptop, {}, from);
    await givePass(laptop, email);
    const phone = await enrolPhone(laptop, installation.url);
    await laptop.open(installation.url + /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)![1]!);
    expect((await verified(sentBack(laptop).id_token!)).amr).toEqual(['swk']);
    await installation.d.database.sql`DELETE FROM challenge`;
    await send(laptop, {}, from);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    await approve(laptop, phone);
    expect(sentBack(laptop).id_token).toBeDefined();
  });

  it('who denies, and goes back with an error', async () => {
    const laptop = new Laptop();
    const sent = await send(laptop);
    const [challenge] = await person.phone.challenges();
    await person.phone.answer(challenge!, 'deny');
    await laptop.open(laptop.page.url);
    await laptop.submit('/cancel');
    expect(sentBack(laptop)).toEqual({ error: 'access_denied', state: sent.state });
  });
});

describe('a request that is not Entra’s', () => {
  it.each([
    [
      'of another key',
      async () => ({ id_token_hint: await hint({}, { ...(await makeAppKey('RS256')), publicJwk: key.publicJwk }) }),
    ],
    ['of another tenant', async () => ({ id_token_hint: await hint({ tid: randomUUID() }) })],
    ['of another issuer', async () => ({ id_token_hint: await hint({ iss: 'https://evil.example' }) })],
    ['for another application', async () => ({ id_token_hint: await hint({ aud: randomUUID() }) })],
    ['of an hour ago', async () => ({ id_token_hint: await hint({ iat: now() - 3600 }) })],
    ['that is no token', async () => ({ id_token_hint: 'nonsense' })],
    ['without a nonce', async () => ({ nonce: '' })],
    ['of another response type', async () => ({ response_type: 'code' })],
    [
      'that wants what we cannot prove',
      async () => ({ claims: JSON.stringify({ id_token: { acr: { values: ['knowledgeorinherence'] } } }) }),
    ],
  ])('with a hint %s gets an error back, and nobody is asked anything', async (_what, changes) => {
    const laptop = new Laptop();
    const sent = await send(laptop, await changes());
    expect(sentBack(laptop)).toEqual({
      error: expect.stringMatching(/^(invalid_request|unsupported_response_type|access_denied)$/),
      state: sent.state,
    });
    expect(await person.phone.challenges()).toEqual([]);
    const [event] = await installation.d.auditStore.list({ action: 'entra.refused', limit: 1 });
    expect(event!.detail!.clientRequestId).toBe(sent['client-request-id']);
  });

  it('is sent nowhere where the client or the address to go to is not registered', async () => {
    const laptop = new Laptop();
    await send(laptop, { redirect_uri: 'https://evil.example/' });
    expect(laptop.page.status).toBe(400);
    expect(laptop.page.html).not.toContain('evil.example/"');
    await send(laptop, { client_id: 'web' });
    expect(laptop.title).toBe('Deze app is hier niet bekend');
  });

  it('with a hint that was used before is refused', async () => {
    const once = await hint();
    await send(new Laptop(), { id_token_hint: once });
    const laptop = new Laptop();
    await send(laptop, { id_token_hint: once });
    expect(sentBack(laptop).error).toBe('invalid_request');
  });

  it('with such a hint is refused, however its signature is written', async () => {
    const once = await hint();
    await send(new Laptop(), { id_token_hint: once });
    // The last character of 256 octets in base64url carries four bits that count for nothing.
    const [last] = once.slice(-1);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = alphabet[alphabet.indexOf(last!) ^ 1];
    const laptop = new Laptop();
    await send(laptop, { id_token_hint: once.slice(0, -1) + other });
    expect(sentBack(laptop).error).toBe('invalid_request');
  });

  it.each(['\u0000', '\ud800'])('gets an answer, not a failure, with %j anywhere', async (odd) => {
    for (const changes of [
      { client_id: odd },
      { claims: odd },
      { state: odd },
      { nonce: odd },
      { redirect_uri: odd },
    ]) {
      const laptop = new Laptop();
      await send(laptop, changes);
      expect(laptop.page.status, JSON.stringify(changes)).toBeLessThan(500);
    }
  });

  it('fills no audit log, however often it comes', async () => {
    const refused = () => installation.d.auditStore.list({ action: 'entra.refused', limit: 200 });
    for (let time = 0; time < 25; time += 1) {
      const laptop = new Laptop();
      await send(laptop, { id_token_hint: 'nonsense' });
      expect(sentBack(laptop).error).toBe('invalid_request');
    }
    const kept = (await refused()).length;
    expect(kept).toBeLessThanOrEqual(21);
    await send(new Laptop(), { id_token_hint: 'nonsense' });
    expect(await refused()).toHaveLength(kept);
    // Whoever is really sent by Entra is not kept waiting by it.
    const laptop = new Laptop();
    await send(laptop);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });

  it('belongs to the browser that brought it', async () => {
    const laptop = new Laptop();
    await send(laptop);
    expect((await new Laptop().open(laptop.page.url)).status).toBe(400);
    expect((await new Laptop().open(`${laptop.page.url}/answer`)).status).toBe(400);
  });
});

describe('an account here', () => {
  it('belongs to one person there: a name that is given to somebody else opens nothing', async () => {
    const first = new Laptop();
    await send(first);
    await approve(first);
    await installation.d.database.sql`DELETE FROM challenge`;
    const laptop = new Laptop();
    await send(laptop, {}, { oid: randomUUID(), sub: 'somebody else' });
    expect(sentBack(laptop).error).toBe('access_denied');
    expect(await person.phone.challenges()).toEqual([]);
    const linked = await installation.d.auditStore.list({
      action: 'account.linked',
      accountId: person.accountId,
      limit: 5,
    });
    expect(linked).toHaveLength(1);
  });

  it('is nobody’s there before its own second factor, and after a reset', async () => {
    const { sql } = installation.d.database;
    const somebody = await addEnrolledPerson(installation, new Laptop(), web);
    const oid = randomUUID();
    const links = () => sql`SELECT 1 FROM entra_account WHERE account_id = ${somebody.accountId}`;
    const from = { oid, sub: oid, preferred_username: somebody.email };
    await sql`DELETE FROM challenge`;
    const laptop = new Laptop();
    await send(laptop, {}, from);
    expect(await links()).toHaveLength(0);
    await approve(laptop, somebody.phone);
    expect(sentBack(laptop).id_token).toBeDefined();
    expect(await links()).toHaveLength(1);
    await expect
      .poll(() =>
        outbox().some((mail) => mail.includes(somebody.email) && mail.includes('gekoppeld aan Microsoft 365')),
      )
      .toBe(true);
    await resetAccount(installation, somebody.email);
    expect(await links()).toHaveLength(0);
  });

  it('without a second factor is not given one by what Entra has checked: that takes a temporary pass', async () => {
    const laptop = new Laptop();
    const { email } = await installation.addPerson();
    await send(laptop, {}, { oid: randomUUID(), preferred_username: email });
    expect(laptop.title).toBe('Aanmelden met een tijdelijke toegangscode');
    const uid = laptop.page.url.split('/')[4];
    await laptop.open(`${installation.url}/interaction/${uid}/enrol`, { method: 'POST', body: new URLSearchParams() });
    expect((await laptop.open(`${installation.url}/mfa/setup/scan`)).url).not.toContain('/mfa/setup/scan');
  });

  it('opens nothing once the web app that stands for Entra is disabled', async () => {
    const laptop = new Laptop();
    await send(laptop);
    const by = { actor: 'cli', origin: 'cli' } as const;
    await installation.d.clientRegistration.setDisabled('microsoft-365', true, by);
    await expect.poll(async () => (await laptop.open(laptop.page.url)).status, { timeout: 5000 }).toBe(400);
    await installation.d.clientRegistration.setDisabled('microsoft-365', false, by);
    await expect.poll(async () => (await laptop.open(laptop.page.url)).status, { timeout: 5000 }).toBe(200);
  });

  it('is the one that Entra sent: signing in as oneself on the way proves nothing for the other', async () => {
    // The attacker knows the victim's password at Entra, and has an account and a phone of their own here.
    const laptop = new Laptop();
    await send(laptop);
    const attacker = await installation.addPerson();
    const uid = laptop.page.url.split('/').at(-1)!;
    await laptop.open(`${installation.url}/interaction/${uid}`);
    await installation.d.transactions.start(uid, { accountId: attacker.account.id, proof: 'password' }, new Date());
    await installation.d.transactions.prove(uid, { accountId: attacker.account.id, proof: 'push' }, new Date());
    await laptop.open(`${installation.url}/interaction/${uid}`);
    expect(sentBack(laptop).error).toBe('access_denied');
  });

  it('that nobody here knows, or that is suspended, gets an error back', async () => {
    const laptop = new Laptop();
    await send(laptop, {}, { oid: randomUUID(), preferred_username: 'nobody@example.org' });
    expect(sentBack(laptop).error).toBe('access_denied');
    const gone = await installation.addPerson();
    await send(laptop, {}, { oid: randomUUID(), preferred_username: gone.email });
    const here = laptop.page.url;
    await changeAccount(installation, gone.account.id, { status: 'suspended' });
    expect((await laptop.open(here)).status).toBe(400);
    await send(laptop, {}, { oid: randomUUID(), preferred_username: gone.email });
    expect(sentBack(laptop).error).toBe('access_denied');
  });
});
