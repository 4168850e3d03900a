import { randomUUID } from 'node:crypto';
import { compactVerify, decodeJwt, importJWK } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

const BY = OPERATOR;
const TRANSACTION = 'urn:dubbelslot:transaction';

let installation: TestInstallation;
let web: RelyingParty;
/** Asks for two factors, as everybody does by default. */
let strict: RelyingParty;
/** Was registered as content with one. */
let easy: RelyingParty;
let gated: Enrolled;
let ungated: Enrolled;

async function addParty(id: string, more: object = {}): Promise<RelyingParty> {
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({
    id,
    name: `App ${id}`,
    redirectUris: [redirectUri],
    grants: ['ciba'],
    ...more,
  });
  return RelyingParty.discover(installation.url, id, secret, redirectUri);
}

beforeAll(async () => {
  installation = await startInstallation();
  web = await addParty('web', { grants: [] });
  strict = await addParty('strict', { grants: ['ciba', 'refresh'] });
  easy = await addParty('easy', { requiredAcr: 'urn:dubbelslot:acr:1fa' });
  gated = await addEnrolledPerson(installation, new Laptop(), web);
  await gated.phone.closeGate();
  ungated = await addEnrolledPerson(installation, new Laptop(), web);
});
beforeEach(() => installation.d.database.sql`DELETE FROM challenge`);
afterAll(() => installation.close());

interface Asked extends oidc.BackchannelAuthenticationResponse {
  binding_number: string;
}

const ask = async (party: RelyingParty, person: Enrolled, more: Record<string, string> = {}) =>
  (await oidc.initiateBackchannelAuthentication(party.config, {
    scope: 'openid email',
    login_hint: person.email,
    binding_message: 'Vrijgeven van nota 2026-118',
    ...more,
  })) as unknown as Asked;

/** One poll. */
const redeem = (party: RelyingParty, asked: Asked) =>
  oidc.genericGrantRequest(party.config, 'urn:openid:params:grant-type:ciba', { auth_req_id: asked.auth_req_id });
/** As if five seconds had gone by since the last poll. */
const later = () => installation.d.database.sql`UPDATE oidc_payload SET polled_at = NULL`;

describe('an approval that a web app asks for', () => {
  it('shows who asks and why, is matched by a number, and comes back with how strong it was', async () => {
    const asked = await ask(strict, gated);
    expect(asked).toMatchObject({ expires_in: 180, interval: 5 });
    expect(asked.binding_number).toMatch(/^\d\d$/);
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'authorization_pending' });
    const stored = JSON.stringify(await installation.d.database.sql`SELECT payload FROM oidc_payload`);
    expect(stored).not.toContain(asked.auth_req_id);
    const [challenge] = await gated.phone.challenges();
    expect(challenge!.context).toMatchObject({
      purpose: 'client_approval',
      client: 'App strict',
      about: { message: 'Vrijgeven van nota 2026-118', amount: null, to: null },
    });
    // As a value: its two digits may well be part of a time or an id.
    expect(JSON.stringify(challenge)).not.toMatch(new RegExp(`[":]${asked.binding_number}[",}\\]]`));
    const wrong = String((Number(asked.binding_number) + 1) % 100).padStart(2, '0');
    expect((await gated.phone.approve(wrong)).body).toMatchObject({ code: 'wrong_number', triesLeft: 2 });
    expect((await gated.phone.approve(asked.binding_number)).status).toBe(200);
    await later();
    const tokens = await redeem(strict, asked);
    const claims = decodeJwt(tokens.id_token!);
    expect(claims).toMatchObject({ sub: gated.accountId, aud: 'strict', acr: 'urn:dubbelslot:acr:mfa' });
    expect(claims.amr).toEqual(['pop', 'swk', 'mca', 'user', 'mfa']);
    expect(tokens.refresh_token).toBeDefined();
    const info = await oidc.fetchUserInfo(strict.config, tokens.access_token, gated.accountId);
    expect(info.email).toBe(gated.email);
    await later();
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('can be awaited with openid-client’s own polling', async () => {
    const asked = await ask(strict, gated);
    await gated.phone.approve(asked.binding_number);
    const tokens = await oidc.pollBackchannelAuthenticationGrant(strict.config, { ...asked, interval: 1 });
    expect(tokens.claims()!.sub).toBe(gated.accountId);
  });

  it('that is denied, reported, or not answered in time is an error', async () => {
    const denied = await ask(strict, gated);
    const [first] = await gated.phone.challenges();
    await gated.phone.answer(first!, 'deny');
    await expect(redeem(strict, denied)).rejects.toMatchObject({ error: 'access_denied' });

    const late = await ask(strict, gated);
    installation.clock.advance(121);
    await expect(redeem(strict, late)).rejects.toMatchObject({ error: 'expired_token' });
    installation.clock.reset();

    const other = await addEnrolledPerson(installation, new Laptop(), web);
    const reported = await ask(easy, other);
    const [second] = await other.phone.challenges();
    await other.phone.answer(second!, 'report');
    await expect(redeem(easy, reported)).rejects.toMatchObject({ error: 'access_denied' });
    expect((await installation.d.accounts.byId(other.accountId))!.pushFrozenAt).not.toBeNull();
    await expect(ask(easy, other)).rejects.toMatchObject({ error: 'access_denied' });
  });

  it('is worth one factor where the phone does not verify its user: not enough unless that was registered', async () => {
    await expect(ask(strict, ungated)).rejects.toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('verifies its user'),
    });
    const asked = await ask(easy, ungated);
    await ungated.phone.approve(asked.binding_number);
    const claims = decodeJwt((await redeem(easy, asked)).id_token!);
    expect(claims).toMatchObject({ acr: 'urn:dubbelslot:acr:1fa', amr: ['pop', 'swk', 'mca'] });
    await installation.d.database.sql`DELETE FROM challenge`;
    await expect(ask(easy, ungated, { acr_values: 'mfa' })).rejects.toMatchObject({ error: 'access_denied' });
  });

  it('is refused with a reason for what makes no sense', async () => {
    const refused = (more: Record<string, string>) =>
      ask(strict, gated, more).then(
        () => 'asked',
        (e) => e.error,
      );
    expect(await refused({ binding_message: 'two\nlines' })).toBe('invalid_binding_message');
    expect(await refused({ binding_message: 'x'.repeat(121) })).toBe('invalid_binding_message');
    expect(await refused({ binding_message: 'right-to-left \u202e' })).toBe('invalid_binding_message');
    expect(await refused({ login_hint: 'nobody@example.org' })).toBe('unknown_user_id');
    expect(await refused({ scope: 'email' })).toBe('invalid_request');
    expect(await refused({ user_code: '1234' })).toBe('invalid_request');
    await expect(ask(web, gated)).rejects.toMatchObject({
      error_description: expect.stringContaining('not allowed for this client'),
    });
    const noPhone = await installation.addPerson();
    await expect(ask(easy, noPhone as never)).rejects.toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('no phone'),
    });
  });

  it('waits for a sign-in that is going on: no web app keeps anybody from one', async () => {
    await givePassword(new Laptop(), web, gated);
    await expect(ask(strict, gated)).rejects.toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('is signing in'),
    });
  });

  it('gives tokens that end when everything is ended', async () => {
    const { d } = installation;
    const asked = await ask(strict, gated);
    await gated.phone.approve(asked.binding_number);
    const { access_token } = await redeem(strict, asked);
    const isActive = async () => (await oidc.tokenIntrospection(strict.config, access_token)).active;
    expect(await isActive()).toBe(true);
    await d.opSessions.revokeOthers(gated.accountId, 'of-this-browser', new Date());
    expect(await isActive()).toBe(false);
  });

  it('approved and not yet fetched when everything ends, gives none', async () => {
    const { d } = installation;
    const asked = await ask(strict, gated);
    await gated.phone.approve(asked.binding_number);
    const check = await d.callerCheck.start(ungated.accountId, BY);
    if (!check.ok) throw new Error(check.refusal.code);
    await ungated.phone.approve(check.value.number);
    expect((await d.people.endSessions(gated.accountId, BY)).ok).toBe(true);
    expect((await d.people.endSessions(ungated.accountId, BY)).ok).toBe(true);
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await d.callerCheck.look(check.value.challengeId, BY)).toBe('expired');
  });

  it('is bounded by the push budget, however often a web app asks', async () => {
    for (let time = 0; time < 3; time += 1) await ask(strict, gated);
    await expect(ask(strict, gated)).rejects.toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('too often'),
    });
  });

  it('belongs to the web app that asked', async () => {
    const asked = await ask(strict, gated);
    await gated.phone.approve(asked.binding_number);
    await expect(redeem(easy, asked)).rejects.toMatchObject({ error: 'invalid_grant' });
    await later();
    expect((await redeem(strict, asked)).id_token).toBeDefined();
  });

  it('answered, and fetched by twenty at once, gives tokens once', async () => {
    for (let time = 0; time < 5; time += 1) {
      await installation.d.database.sql`DELETE FROM challenge`;
      const asked = await ask(strict, gated);
      await gated.phone.approve(asked.binding_number);
      expect(fulfilled(await together(20, () => redeem(strict, asked)))).toHaveLength(1);
    }
  });

  it('that is polled too fast is told to slow down', async () => {
    const asked = await ask(strict, gated);
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'authorization_pending' });
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'slow_down' });
    await later();
    await expect(redeem(strict, asked)).rejects.toMatchObject({ error: 'authorization_pending' });
    // Waiting leaves no trace in the audit log.
    const events = await installation.d.auditStore.list({ action: 'token.refused', limit: 50 });
    expect(JSON.stringify(events)).not.toContain('authorization_pending');
  });
});

describe('a transaction', () => {
  it('is shown with its amount, signed by the phone over exactly that, and kept as evidence', async () => {
    const details = [{ type: TRANSACTION, amount: '1250.00', currency: 'EUR', to: 'Drukkerij De Hoop' }];
    const asked = await ask(strict, gated, { authorization_details: JSON.stringify(details) });
    const [challenge] = await gated.phone.challenges();
    expect(challenge!.context.about).toEqual({
      message: 'Vrijgeven van nota 2026-118',
      amount: '1250.00 EUR',
      to: 'Drukkerij De Hoop',
    });
    // Whoever signs another amount approves nothing.
    const changed = {
      ...challenge!,
      context: { ...challenge!.context, about: { ...challenge!.context.about!, amount: '1.00 EUR' } },
    };
    expect((await gated.phone.answer(changed, 'approve', { number: asked.binding_number })).body.code).toBe(
      'answer_invalid',
    );
    await gated.phone.approve(asked.binding_number);
    const tokens = await redeem(strict, asked);
    expect(tokens.authorization_details).toEqual(details);
    // One approval is worth one amount, once.
    expect(tokens.refresh_token).toBeUndefined();
    const [event] = await installation.d.auditStore.list({ action: 'challenge.approved', limit: 1 });
    const { evidence, key, context } = event!.detail as { evidence: string; key: object; context: { about: object } };
    const { payload } = await compactVerify(evidence, await importJWK(key, 'ES256'));
    expect(context.about).toMatchObject({ amount: '1250.00 EUR' });
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({
      challenge: challenge!.id,
      context: challenge!.contextDigest,
      decision: 'approve',
    });
  });

  it('that cannot be read, or is asked for anywhere else, is refused', async () => {
    const refused = (details: unknown) =>
      ask(strict, gated, { authorization_details: JSON.stringify(details) }).then(
        () => 'asked',
        (error) => error.error,
      );
    expect(await refused([{ type: TRANSACTION, amount: 'a lot', currency: 'EUR' }])).toBe(
      'invalid_authorization_details',
    );
    expect(await refused([{ type: TRANSACTION, amount: '1', currency: 'euro' }])).toBe('invalid_authorization_details');
    expect(await refused([{ type: TRANSACTION, amount: '1', currency: 'EUR', to: 'a\nb' }])).toBe(
      'invalid_authorization_details',
    );
    // What turns the reading order around, and what nobody sees.
    for (const to of ['a\u202eb', 'a\u200bb', 'a\u2028b'])
      expect(await refused([{ type: TRANSACTION, amount: '1', currency: 'EUR', to }])).toBe(
        'invalid_authorization_details',
      );
    expect(await refused([{ type: 'payment', amount: '1', currency: 'EUR' }])).toBe('invalid_authorization_details');
    const twice = { type: TRANSACTION, amount: '1', currency: 'EUR' };
    expect(await refused([twice, twice])).toBe('invalid_authorization_details');
    const laptop = new Laptop();
    const request = await web.request({ authorization_details: JSON.stringify([twice]) });
    await laptop.open(request.url, {}, web.redirectUri);
    expect(new URL(laptop.page.url).searchParams.get('error')).toBe('invalid_authorization_details');
  });
});

describe('the helpdesk, with somebody on the line', () => {
  it('reads a number out, and the caller’s phone proves who it is, once', async () => {
    const started = await installation.d.callerCheck.start(ungated.accountId, BY);
    if (!started.ok) throw new Error(started.refusal.code);
    const { challengeId, number } = started.value;
    expect(await installation.d.callerCheck.look(challengeId, BY)).toBe('waiting');
    const [challenge] = await ungated.phone.challenges();
    expect(challenge!.context).toMatchObject({ purpose: 'caller_check', client: 'Voorbeeldorganisatie' });
    await ungated.phone.approve(number);
    expect(await installation.d.callerCheck.look(challengeId, BY)).toBe('verified');
    // For a quarter of an hour, to whoever asked; used once.
    expect(await installation.d.callerCheck.look(challengeId, BY)).toBe('verified');
    expect(await installation.d.callerCheck.look(challengeId, { ...BY, actor: 'a colleague' })).toBe('expired');
    installation.clock.advance(901);
    expect(await installation.d.callerCheck.look(challengeId, BY)).toBe('expired');
    installation.clock.reset();
    expect(await installation.d.auditStore.list({ action: 'caller.verified', limit: 2 })).toHaveLength(1);
    const [event] = await installation.d.auditStore.list({ action: 'caller.verified', limit: 1 });
    expect(event).toMatchObject({ accountId: ungated.accountId, actor: 'test' });
  });

  it('hears when it is somebody else', async () => {
    const check = async (act: (id: string) => Promise<unknown>) => {
      await installation.d.database.sql`DELETE FROM challenge`;
      const started = await installation.d.callerCheck.start(ungated.accountId, BY);
      if (!started.ok) throw new Error(started.refusal.code);
      await act(started.value.number);
      return installation.d.callerCheck.look(started.value.challengeId, BY);
    };
    const answer = (decision: string) => async () =>
      ungated.phone.answer((await ungated.phone.challenges())[0]!, decision);
    expect(await check(answer('deny'))).toBe('denied');
    const wrong = (number: string) => String((Number(number) + 1) % 100).padStart(2, '0');
    expect(
      await check(async (number) => {
        for (let time = 0; time < 3; time += 1) await ungated.phone.approve(wrong(number));
      }),
    ).toBe('wrong_number');
    expect(await installation.d.callerCheck.look('unknown', BY)).toBe('expired');
    expect((await installation.d.callerCheck.start(randomUUID(), BY)).ok).toBe(false);
    // Last, because it locks everything.
    expect(await check(answer('report'))).toBe('reported');
  });
});
