import { X509Certificate } from 'node:crypto';
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';

const BY = { actor: 'test', origin: 'test' };
const SECRET_KEY = 'k'.repeat(43);
const HOUR = 3600;

let one: TestInstallation;
let other: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;

beforeAll(async () => {
  one = await startInstallation({ SECRET_KEY });
  other = await startInstallation({ SECRET_KEY, PUBLIC_URL: one.url }, { databaseUrl: one.d.database.url });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await one.addClient({
    id: 'app',
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [redirectUri],
    grants: ['refresh'],
  });
  rp = await RelyingParty.discover(one.url, 'app', secret, redirectUri);
  person = await addEnrolledPerson(one, new Laptop(), rp);
});
afterAll(async () => {
  await other.close();
  await one.close();
});

async function signedIn() {
  await one.d.database.sql`DELETE FROM challenge`;
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  return rp.redeem(request, (await approveAndGoOn(laptop, person.phone, rp)).url);
}

const published = async (installation = one): Promise<Record<string, string>[]> => {
  const { port } = installation.app.server.address() as { port: number };
  const answer = await fetch(`http://localhost:${port}/oidc/jwks`);
  return ((await answer.json()) as { keys: Record<string, string>[] }).keys;
};
const kids = async (installation = one) => (await published(installation)).map(({ kid }) => kid!);
const kidOf = (token: string) => decodeProtectedHeader(token).kid!;

describe('signing keys', () => {
  it('are sealed at rest, and in no log or answer', async () => {
    const rows = await one.d.database.sql<{ privateSealed: Buffer }>`SELECT private_sealed FROM signing_key`;
    for (const { privateSealed } of rows) expect(privateSealed.toString('latin1')).not.toMatch(/"d"|"kty"/);
    for (const key of await published())
      for (const part of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(key[part]).toBeUndefined();
    expect(one.logLines.join('')).not.toMatch(/"d":"/);
  });

  it('of RSA come with a certificate of that very key, which Microsoft Entra reads', async () => {
    const key = (await published()).find(({ alg }) => alg === 'RS256') as unknown as { x5c: string[]; n: string };
    const certificate = new X509Certificate(Buffer.from(key.x5c[0]!, 'base64'));
    expect((await exportJWK(certificate.publicKey)).n).toBe(key.n);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  it('are published before they sign and after they have signed, in every instance', async () => {
    const before = await signedIn();
    const [old] = await kids();
    expect(kidOf(before.id_token!)).toBe(old);
    const made = await one.d.signingKeyStore.rotate(
      one.clock.now(),
      new Date(one.clock.now().getTime() + 48 * HOUR * 1000),
    );
    expect(made).toHaveLength(2);
    for (const installation of [one, other])
      await expect.poll(() => kids(installation)).toEqual(expect.arrayContaining([old, ...made]));
    expect(kidOf((await signedIn()).id_token!)).toBe(old);
    // A second rotation while the first waits makes nothing.
    expect(
      await one.d.signingKeyStore.rotate(one.clock.now(), new Date(one.clock.now().getTime() + 48 * HOUR * 1000)),
    ).toEqual([]);

    // Tokens live by the machine's own clock: the keys are put back in time instead.
    const signedSince = async (hours: number) => {
      const since = new Date(Date.now() - hours * HOUR * 1000);
      await one.d.database.sql`UPDATE signing_key SET signs_from = ${since} WHERE kid = ANY(${made})`;
      await one.d.openid.refreshKeys();
    };
    await one.d.database
      .sql`UPDATE signing_key SET signs_from = signs_from - interval '30 days' WHERE kid <> ALL(${made})`;
    await signedSince(0.01);
    const after = await oidc.refreshTokenGrant(rp.config, (await signedIn()).refresh_token!);
    expect(made).toContain(kidOf(after.id_token!));
    // A web app that has the old token yet can verify it, and sign out with it.
    const jwks = createRemoteJWKSet(new URL(`${one.url}/oidc/jwks`));
    await jwtVerify(before.id_token!, jwks, { issuer: one.url, currentDate: new Date() });
    const url = oidc.buildEndSessionUrl(rp.config, { id_token_hint: before.id_token! });
    expect((await new Laptop().open(url.href)).status).toBe(200);

    expect(await kids()).toContain(old);
    await signedSince(8 * 24);
    expect(await kids()).not.toContain(old);
  });

  it('are renewed by themselves when they are old, once, however many instances there are', async () => {
    const before = await kids();
    one.clock.advance(100 * 24 * HOUR);
    other.clock.advance(100 * 24 * HOUR);
    const made = await Promise.all([one.d.keyRotation.rotateOld(), other.d.keyRotation.rotateOld()]);
    expect(made.flat()).toHaveLength(2);
    const events = await one.d.auditStore.list({ action: 'key.made', limit: 20 });
    for (const kid of made.flat()) expect(events.map(({ object }) => object)).toContain(`key:${kid}`);
    one.clock.reset();
    other.clock.reset();
    expect(await one.d.keyRotation.rotateOld()).toEqual([]);
    expect(before.length).toBeGreaterThan(0);
  });

  it('can be replaced at once and withdrawn, after a leak', async () => {
    const old = kidOf((await signedIn()).id_token!);
    // Read once: a millisecond later is not at once.
    const now = one.clock.now();
    const made = await one.d.signingKeyStore.rotate(now, now);
    await expect.poll(async () => made.includes(kidOf((await signedIn()).id_token!))).toBe(true);
    expect(await one.d.signingKeyStore.withdraw(old, one.clock.now())).toBe(true);
    await expect.poll(() => kids(other)).not.toContain(old);
  });

  it('of another algorithm are made when a web app first asks for one, and only then announced', async () => {
    const announced = async () => {
      const answer = await fetch(`${one.url}/.well-known/openid-configuration`);
      return ((await answer.json()) as { id_token_signing_alg_values_supported: string[] })
        .id_token_signing_alg_values_supported;
    };
    expect(await announced()).toEqual(['ES256', 'RS256']);
    await one.d.clientRegistration.change('app', { idTokenAlgorithm: 'EdDSA' }, BY);
    expect(await announced()).toContain('EdDSA');
    const eddsa = await RelyingParty.discover(
      one.url,
      'app',
      ((await one.d.clientRegistration.rotateSecret('app', BY)) as { value: string }).value,
      rp.redirectUri,
      {
        id_token_signed_response_alg: 'EdDSA',
      },
    );
    await one.d.database.sql`DELETE FROM challenge`;
    const laptop = new Laptop();
    const request = await givePassword(laptop, eddsa, person);
    const tokens = await eddsa.redeem(request, (await approveAndGoOn(laptop, person.phone, eddsa)).url);
    expect(decodeProtectedHeader(tokens.id_token!).alg).toBe('EdDSA');
  });
});
