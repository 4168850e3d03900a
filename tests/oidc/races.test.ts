import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseAway } from '../../src/core/errors.ts';
import { digest } from '../../src/crypto/digest.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

/** ../shared/oidc-notes.md 3.4 and 3.5: what a stock adapter gets wrong, provoked on purpose. */
const TRIES = 50;

let installation: TestInstallation;
const parties: RelyingParty[] = [];
const secrets: string[] = [];
let person: Enrolled;

beforeAll(async () => {
  installation = await startInstallation();
  for (let index = 0; index < 5; index += 1) {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({
      id: `app${index}`,
      redirectUris: [redirectUri],
      grants: ['refresh'],
    });
    secrets.push(secret);
    parties.push(await RelyingParty.discover(installation.url, `app${index}`, secret, redirectUri));
  }
  person = await addEnrolledPerson(installation, new Laptop(), parties[0]!);
});
afterAll(() => installation.close());

async function signedIn(party: RelyingParty) {
  await installation.d.database.sql`DELETE FROM challenge`;
  const laptop = new Laptop();
  const request = await givePassword(laptop, party, person);
  const landed = await approveAndGoOn(laptop, person.phone, party);
  return { laptop, request, landed };
}

/** One tab of a browser: the same cookies at the start, its own from then on is what a browser does not do, so they are shared. */
async function openTab(laptop: Laptop, party: RelyingParty) {
  const request = await party.request({ prompt: 'none' });
  let next = request.url;
  for (let hop = 0; hop < 10; hop += 1) {
    const response = await laptop.send(next);
    await response.arrayBuffer();
    next = new URL(response.headers.get('location')!, next).href;
    if (next.startsWith(party.redirectUri)) return { request, url: next };
  }
  throw new Error('no way home');
}

describe('a sign-in that was ended between its last page and the web app', () => {
  it('begins no session', async () => {
    await installation.d.database.sql`DELETE FROM challenge`;
    const [party] = parties as [RelyingParty];
    const laptop = new Laptop();
    await givePassword(laptop, party, person);
    await person.phone.approve(laptop.number);
    const { url: resume } = await laptop.open(laptop.page.url, {}, `${installation.url}/oidc/auth/`);
    expect(resume).toContain('/oidc/auth/');
    await installation.d.database
      .sql`UPDATE login_transaction SET state = 'ended' WHERE account_id = ${person.accountId}`;
    const before = await installation.d.opSessions.ofAccount(person.accountId, new Date());
    const landed = await laptop.open(resume, {}, party.redirectUri);
    expect([landed.url.startsWith(party.redirectUri), landed.status]).toEqual([false, 400]);
    expect(await installation.d.opSessions.ofAccount(person.accountId, new Date())).toEqual(before);
  });
});

describe('a token that is written after its grant was revoked', () => {
  it('is worth nothing, nor after the person has opened the web app again in the same session', async () => {
    const [party] = parties as [RelyingParty];
    const { laptop, request, landed } = await signedIn(party);
    const tokens = await party.redeem(request, landed.url);
    const { payloads } = installation.d;
    const stolen = (await payloads.find('AccessToken', tokens.access_token, new Date()))!;
    // Somebody shows the code again: what it led to is gone.
    await expect(party.redeem(request, landed.url)).rejects.toThrow();
    expect(await payloads.find('AccessToken', tokens.access_token, new Date())).toBeUndefined();
    await payloads.put('AccessToken', tokens.access_token, stolen, new Date(Date.now() + 600_000));
    const ask = async (token: string): Promise<number> =>
      (await fetch(`${installation.url}/oidc/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await ask(tokens.access_token)).toBe(401);
    const again = await openTab(laptop, party);
    const fresh = await party.redeem(again.request, again.url);
    expect(await ask(fresh.access_token)).toBe(200);
    expect(await ask(tokens.access_token)).toBe(401);
  });
});

describe('one code, redeemed three times at once', () => {
  it('gives tokens once, 200 times', async () => {
    const { laptop } = await signedIn(parties[0]!);
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const { request, url } = await openTab(laptop, parties[0]!);
      const results = await together(3, () => parties[0]!.redeem(request, url));
      expect(fulfilled(results)).toHaveLength(1);
    }
  }, 240_000);
});

describe('a code that is shown with something else wrong', () => {
  it('is used up all the same', async () => {
    const { laptop } = await signedIn(parties[0]!);
    const { request, url } = await openTab(laptop, parties[0]!);
    const wrong = { resource: 'https://nobody.example.org/' };
    await expect(
      oidc.authorizationCodeGrant(
        parties[0]!.config,
        new URL(url),
        { pkceCodeVerifier: request.codeVerifier, expectedState: request.state, expectedNonce: request.nonce },
        wrong,
      ),
    ).rejects.toMatchObject({ error: 'invalid_target' });
    await expect(parties[0]!.redeem(request, url)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

describe('a code whose grant is ended while it is exchanged', () => {
  it('gives nothing', async () => {
    const { laptop } = await signedIn(parties[0]!);
    const { request, url } = await openTab(laptop, parties[0]!);
    const { payloads, database } = installation.d;
    const [row] = await database.sql<{ grantId: string }>`SELECT grant_id FROM oidc_payload
      WHERE type = 'AuthorizationCode' AND id_digest = ${digest(new URL(url).searchParams.get('code')!)}`;
    // Between the look at the code and what it is exchanged for.
    const { exchange } = payloads;
    payloads.exchange = async (...given) => {
      await payloads.revokeByGrant('AuthorizationCode', row!.grantId);
      return exchange(...given);
    };
    try {
      await expect(parties[0]!.redeem(request, url)).rejects.toMatchObject({ error: 'invalid_grant' });
    } finally {
      payloads.exchange = exchange;
    }
    const left = await database.sql`SELECT type FROM oidc_payload WHERE grant_id = ${row!.grantId}`;
    expect(left).toEqual([]);
    const [event] = await installation.d.auditStore.list({ action: 'token.refused', limit: 1 });
    expect(event).toMatchObject({ result: 'refused', accountId: person.accountId, detail: { error: 'invalid_grant' } });
  });
});

describe('a code that is shown while the database is away', () => {
  it('is answered as the protocol says, and can be shown again', async () => {
    const { laptop } = await signedIn(parties[0]!);
    const { request, url } = await openTab(laptop, parties[0]!);
    const { payloads } = installation.d;
    const { exchange } = payloads;
    payloads.exchange = async () => {
      throw databaseAway(new Error('gone'));
    };
    try {
      const answer = await fetch(`${installation.url}/oidc/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`app0:${secrets[0]}`).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: new URL(url).searchParams.get('code')!,
          redirect_uri: parties[0]!.redirectUri,
          code_verifier: request.codeVerifier,
        }),
      });
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ error: 'server_error' });
      expect(answer.headers.get('retry-after')).toBe('5');
      expect(answer.headers.get('cache-control')).toContain('no-store');
    } finally {
      payloads.exchange = exchange;
    }
    expect((await parties[0]!.redeem(request, url)).access_token).toBeTruthy();
  });
});

describe('one refresh token, used three times at once', () => {
  it('gives tokens once', async () => {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const { request, landed } = await signedIn(parties[0]!);
      const tokens = await parties[0]!.redeem(request, landed.url);
      const results = await together(3, () => oidc.refreshTokenGrant(parties[0]!.config, tokens.refresh_token!));
      expect(fulfilled(results)).toHaveLength(1);
    }
  });
});

describe('five web apps opened at once in one browser', () => {
  it('all get in, and stay in', async () => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { laptop } = await signedIn(parties[0]!);
      const tabs = await Promise.all(parties.map((party) => openTab(laptop, party)));
      const tokens = await Promise.all(tabs.map(({ request, url }, index) => parties[index]!.redeem(request, url)));
      const infos = await Promise.all(
        tokens.map((each, index) => oidc.fetchUserInfo(parties[index]!.config, each.access_token, person.accountId)),
      );
      expect(infos.map(({ sub }) => sub)).toEqual(Array(5).fill(person.accountId));
    }
  }, 240_000);
});

describe('the same web app in five tabs', () => {
  it('gets in in each, without a grant of one ending another’s', async () => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { laptop } = await signedIn(parties[0]!);
      const tabs = await Promise.all(Array.from({ length: 5 }, () => openTab(laptop, parties[1]!)));
      const tokens = await Promise.all(tabs.map(({ request, url }) => parties[1]!.redeem(request, url)));
      const refreshed = await Promise.all(
        tokens.map((each) => oidc.refreshTokenGrant(parties[1]!.config, each.refresh_token!)),
      );
      expect(refreshed).toHaveLength(5);
    }
  }, 240_000);
});

describe('a sign-out that races silent renewals', () => {
  it('wins, always', async () => {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { laptop } = await signedIn(parties[0]!);
      await openTab(laptop, parties[1]!);
      await laptop.open(`${installation.url}/oidc/sign-out?client_id=app0`);
      const before = laptop.cookie('op')!;
      await Promise.all([
        laptop.submit('/oidc/sign-out/confirm', { logout: 'yes' }),
        openTab(laptop, parties[1]!).catch(() => {}),
        openTab(laptop, parties[2]!).catch(() => {}),
      ]);
      // Whichever cookie the browser is left with, none of them opens anything.
      const after = await openTab(laptop, parties[3]!);
      expect(new URL(after.url).searchParams.get('error')).toBe('login_required');
      laptop.setCookie('op', before);
      const alive = await installation.d.database
        .sql`SELECT 1 FROM op_session WHERE revoked_at IS NULL AND account_id = ${person.accountId} AND id_digest = sha256(${before}::bytea)`;
      expect(alive).toHaveLength(0);
    }
  }, 240_000);
});
