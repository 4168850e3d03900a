import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mistake } from '../../src/core/mistakes.ts';
import { mistakeInEnglish } from '../../src/i18n/mistakes.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, givePassword } from '../support/story.ts';

const BY = { actor: 'test', origin: 'test' };
const SECRET_KEY = 'k'.repeat(43);
const REDIRECT = 'https://app.example.org/callback';

/** Two instances on one database: what changes at one is true at the other within a second. */
let one: TestInstallation;
let other: TestInstallation;

beforeAll(async () => {
  one = await startInstallation({ SECRET_KEY });
  other = await startInstallation({ SECRET_KEY, PUBLIC_URL: one.url }, { databaseUrl: one.d.database.url });
});
afterAll(async () => {
  await other.close();
  await one.close();
});

const registration = () => one.d.clientRegistration;

async function accepted<T>(result: Promise<{ ok: true; value: T } | { ok: false; mistakes: readonly Mistake[] }>) {
  const it = await result;
  if (!it.ok) throw new Error(it.mistakes.map(mistakeInEnglish).join(' '));
  return it.value;
}

/** What an instance answers to a machine with this secret. */
async function ask(installation: TestInstallation, id: string, secret: string): Promise<string> {
  const { port } = installation.app.server.address() as { port: number };
  const answer = await fetch(`http://localhost:${port}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const body = (await answer.json()) as { error?: string; access_token?: string; expires_in?: number };
  return body.error ?? `token for ${body.expires_in}`;
}

describe('a web app', () => {
  it('is changed everywhere within a second, without a restart', async () => {
    const secret = (await accepted(registration().register({ id: 'robot', profile: 'machine' }, BY)))!;
    expect(await ask(one, 'robot', secret)).toBe('token for 900');
    expect(await ask(other, 'robot', secret)).toBe('token for 900');
    await accepted(registration().change('robot', { lifetimes: { accessToken: 60 } }, BY));
    expect(await ask(one, 'robot', secret)).toBe('token for 60');
    await expect.poll(() => ask(other, 'robot', secret)).toBe('token for 60');
  });

  it('is disabled and enabled again, and its tokens with it', async () => {
    const secret = (await accepted(registration().register({ id: 'switched', profile: 'machine' }, BY)))!;
    const party = await RelyingParty.discover(one.url, 'switched', secret, REDIRECT);
    const { access_token } = await oidc.clientCredentialsGrant(party.config);
    const reader = (await accepted(registration().register({ id: 'reader', profile: 'machine' }, BY)))!;
    await accepted(registration().setDisabled('switched', true, BY));
    expect(await ask(one, 'switched', secret)).toBe('invalid_client');
    await expect.poll(() => ask(other, 'switched', secret)).toBe('invalid_client');
    await expect(oidc.tokenIntrospection(party.config, access_token)).rejects.toThrow();
    expect(await ask(one, 'reader', reader)).toBe('token for 900');
    await accepted(registration().setDisabled('switched', false, BY));
    expect(await ask(one, 'switched', secret)).toBe('token for 900');
  });

  it('has a new secret while the old one works on for a while', async () => {
    const first = (await accepted(registration().register({ id: 'rotating', profile: 'machine' }, BY)))!;
    const second = await accepted(registration().rotateSecret('rotating', BY, 3600));
    expect(await ask(one, 'rotating', first)).toBe('token for 900');
    expect(await ask(one, 'rotating', second)).toBe('token for 900');
    one.clock.advance(3601);
    expect(await ask(one, 'rotating', first)).toBe('invalid_client');
    expect(await ask(one, 'rotating', second)).toBe('token for 900');
    one.clock.reset();
    const third = await accepted(registration().rotateSecret('rotating', BY, 0));
    expect(await ask(one, 'rotating', second)).toBe('invalid_client');
    expect(await ask(one, 'rotating', third)).toBe('token for 900');
    const dump = JSON.stringify([
      await one.d.database.sql`SELECT id, metadata, settings FROM client`,
      await one.d.database.sql`SELECT detail FROM audit_event`,
      one.logLines,
    ]);
    for (const secret of [first, second, third]) expect(dump).not.toContain(secret);
  });

  it('keeps what a change does not mention, and gets a secret when it comes to need one', async () => {
    await accepted(
      registration().register(
        {
          id: 'growing',
          profile: 'app',
          name: 'Groei',
          redirectUris: [REDIRECT],
          logoutUri: 'https://app.example.org/out',
        },
        BY,
      ),
    );
    expect(await accepted(registration().change('growing', { grants: ['refresh'] }, BY))).toBeUndefined();
    const secret = await accepted(registration().change('growing', { authentication: 'client_secret_basic' }, BY));
    expect(secret).toHaveLength(43);
    await accepted(registration().change('growing', { logoutUri: '' }, BY));
    const client = (await one.d.clients.byId('growing'))!;
    expect(client).toMatchObject({ name: 'Groei', profile: 'app' });
    expect(client.metadata.grant_types).toEqual(['authorization_code', 'refresh_token']);
    expect(client.metadata.redirect_uris).toEqual([REDIRECT]);
    expect(client.metadata.backchannel_logout_uri).toBeUndefined();
  });

  it.each([
    ['no redirect address', {}, 'Give at least one redirect address.'],
    ['a wildcard', { redirectUris: ['https://*.example.org/'] }, 'no wildcards'],
    ['a fragment', { redirectUris: ['https://app.example.org/#x'] }, 'no fragment'],
    ['plain http', { redirectUris: ['http://app.example.org/'] }, 'must start with https'],
    ['javascript', { redirectUris: ['javascript:alert(1)'] }, 'must start with https'],
    ['a password in the address', { redirectUris: ['https://a:b@app.example.org/'] }, 'no name or password'],
    [
      'a key that is asked for and not given',
      { redirectUris: [REDIRECT], authentication: 'private_key_jwt' as const },
      'public keys',
    ],
    ['a lifetime beyond reason', { redirectUris: [REDIRECT], lifetimes: { idToken: 1e9 } }, 'at most a day'],
    ['a name of two lines', { redirectUris: [REDIRECT], name: 'a\nb' }, 'on one line'],
  ])('is refused with %s, in words', async (_what, wishes, problem) => {
    const refused = await registration().register({ id: 'wrong', ...wishes }, BY);
    expect(refused.ok).toBe(false);
    expect(refused.ok ? '' : refused.mistakes.map(mistakeInEnglish).join(' ')).toContain(problem);
    expect(await one.d.clients.byId('wrong')).toBeUndefined();
  });

  it('is refused with an id that could be an account’s', async () => {
    const refused = await registration().register({ id: crypto.randomUUID(), redirectUris: [REDIRECT] }, BY);
    expect(refused).toEqual({ ok: false, mistakes: [{ name: 'client_id_uuid', facts: {}, field: 'id' }] });
  });

  it('of which nobody knows is answered so', async () => {
    for (const result of [
      await registration().change('nobody', {}, BY),
      await registration().rotateSecret('nobody', BY),
      await registration().setDisabled('nobody', true, BY),
    ])
      expect(result).toEqual({
        ok: false,
        mistakes: [{ name: 'client_unknown', facts: { id: 'nobody' } }],
      });
  });

  it('leaves each change in the audit log, with what it came to', async () => {
    const events = await one.d.auditStore.list({ limit: 100 });
    const ofGrowing = events.filter(({ object }) => object === 'client:growing').map(({ action }) => action);
    expect(ofGrowing.reverse()).toEqual(['client.registered', 'client.changed', 'client.changed', 'client.changed']);
    const rotated = events.find(({ action }) => action === 'client.secret_rotated');
    expect(rotated).toMatchObject({ object: 'client:rotating', actor: 'test' });
  });
});

describe('what a web app is given', () => {
  const secondsLeft = async (type: string): Promise<number> => {
    const [row] = await one.d.database.sql<{ seconds: number }>`SELECT
      round(extract(epoch FROM max(expires_at) - now()))::int AS seconds FROM oidc_payload WHERE type = ${type}`;
    return row!.seconds;
  };

  it('ends: a code lives for a minute, and a refresh token ends after a day however often it is used', async () => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await one.addClient({ id: 'lasting', redirectUris: [redirectUri], grants: ['refresh'] });
    const rp = await RelyingParty.discover(one.url, 'lasting', secret, redirectUri);
    const person = await addEnrolledPerson(one, new Laptop(), rp);
    await one.d.database.sql`DELETE FROM challenge`;
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    const landed = (await approveAndGoOn(laptop, person.phone, rp)).url;
    expect(await secondsLeft('AuthorizationCode')).toBeLessThanOrEqual(60);
    const tokens = await rp.redeem(request, landed);
    expect(await secondsLeft('RefreshToken')).toBeGreaterThan(6 * 3600 - 60);
    // As if it was first given almost a day ago: a minute is left, and no use makes it more.
    await one.d.database.sql`UPDATE oidc_payload SET payload = payload ||
      jsonb_build_object('iiat', (extract(epoch FROM now()) - 86400 + 60)::bigint) WHERE type = 'RefreshToken'`;
    const refreshed = await oidc.refreshTokenGrant(rp.config, tokens.refresh_token!);
    await one.d.database.sql`DELETE FROM oidc_payload WHERE type = 'RefreshToken' AND consumed_at IS NOT NULL`;
    expect(await secondsLeft('RefreshToken')).toBeLessThanOrEqual(65);
    expect(refreshed.refresh_token).toBeDefined();
  });
});
