import { randomUUID } from 'node:crypto';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../src/core/permissions.ts';
import { allEndpoints } from '../../src/http/api/endpoints.ts';
import { translator } from '../../src/i18n/translate.ts';
import { permissionsOf } from '../../src/policy/permissions.ts';
import type { Role } from '../../src/store/accounts.ts';
import { changeAccount, OPERATOR } from '../support/administration.ts';
import { ApiClient, apiPerson, apiProgram } from '../support/api.ts';
import { heldBack } from '../support/held-back.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolPhone, givePassword, goOn } from '../support/story.ts';

let installation: TestInstallation;
let resource: string;

beforeAll(async () => {
  installation = await startInstallation({ API_CALLS_PER_MINUTE: '100000' });
  resource = `${installation.url}/api/v1`;
});
afterEach(async () => {
  installation.clock.reset();
  await installation.d.database.sql`DELETE FROM call_count`;
});
afterAll(() => installation.close());

const endpoints = () => allEndpoints({ ...installation.d, settings: [], checkUp: async () => [], t: translator('en') });
/** An address of an endpoint, about things that do not exist: what is let in finds nothing. */
const somewhere = (path: string) => path.replace(/:\w+/g, () => randomUUID());
const tryIt = (api: ApiClient, method: string, path: string) =>
  api.call(method, somewhere(path), method === 'GET' || method === 'DELETE' ? undefined : {}, { 'if-match': '*' });
const isLetIn = ({ status, body }: { status: number; body: { code?: string } }) =>
  status !== 401 && !(status === 403 && body.code === 'insufficient_scope');

describe('every role, at every route', () => {
  it.each(['auditor', 'helpdesk', 'administrator', 'owner'] as const)('%s', async (role: Role) => {
    const { api } = await apiPerson(installation, role);
    for (const { method, path, permission } of endpoints()) {
      const answer = await tryIt(api, method, path);
      expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(500);
      expect(isLetIn(answer), `${role}: ${method} ${path}`).toBe(permissionsOf(role).includes(permission));
    }
  });

  it('somebody without a role gets nowhere, whatever the token says', async () => {
    const { api } = await apiPerson(installation, null);
    for (const { method, path } of endpoints()) {
      const { status, body } = await tryIt(api, method, path);
      expect({ status, code: body.code }).toEqual({ status: 403, code: 'no_role' });
    }
  });

  it('nor anybody without a token', async () => {
    const nobody = new ApiClient(installation.url, '');
    for (const { method, path } of endpoints()) {
      const { status, headers, body } = await tryIt(nobody, method, path);
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'missing_token' });
      expect(headers.get('www-authenticate')).toMatch(/^Bearer realm="dubbelslot", DPoP algs="ES256"/);
      await installation.d.database.sql`DELETE FROM call_count`;
    }
  });
});

describe('a role that is taken away while a body is on its way', () => {
  it('takes the call along', async () => {
    const { api, account } = await apiPerson(installation, 'owner');
    const other = await installation.addPerson();
    const { sql } = installation.d.database;
    const answer = await fetch(`${installation.url}/api/v1/accounts/${other.account.id}/role`, {
      ...heldBack(
        JSON.stringify({ role: 'owner' }),
        () => sql`UPDATE account SET role = NULL WHERE id = ${account.id}`,
      ),
      method: 'PUT',
      headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json', 'if-match': '*' },
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, 'invalid_token']);
    expect((await installation.d.accounts.byId(other.account.id))?.role).toBeNull();
  });
});

describe('a scope', () => {
  it('opens what it names and nothing else, for each of them', async () => {
    const table = endpoints();
    for (const scope of PERMISSIONS) {
      const api = await apiProgram(installation, [scope]);
      for (const { method, path, permission } of table) {
        const answer = await tryIt(api, method, path);
        expect(isLetIn(answer), `${scope}: ${method} ${path}`).toBe(permission === scope);
        if (permission !== scope) expect(answer.headers.get('www-authenticate')).toContain(`scope="${permission}"`);
      }
    }
  });

  it('that this API does not have cannot be registered', async () => {
    const registered = await installation.d.clientRegistration.register(
      { id: 'greedy', profile: 'machine', resources: [{ uri: resource, scopes: ['everything'], format: 'opaque' }] },
      OPERATOR,
    );
    expect(registered.ok).toBe(false);
  });

  it('of a person is never more than their role, and a role never more than what was asked for', async () => {
    const { api } = await apiPerson(installation, 'owner', ['accounts:read']);
    expect((await api.get('/accounts')).status).toBe(200);
    expect((await api.get('/policy')).status).toBe(403);
  });
});

describe('a token', () => {
  it('that is not for this API, made up, or of another kind opens nothing', async () => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri], grants: ['refresh'] });
    const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    const { email, password } = await installation.addPerson(undefined, { role: 'owner' });
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, { email, password });
    await enrolPhone(laptop, installation.url);
    const tokens = await rp.redeem(request, (await goOn(laptop, rp)).url);
    for (const token of [
      tokens.access_token,
      tokens.refresh_token!,
      tokens.id_token!,
      'x',
      randomUUID(),
      'a'.repeat(4000),
    ]) {
      const { status, body } = await new ApiClient(installation.url, token).get('/accounts');
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'invalid_token' });
    }
  });

  it('ends with its client, with its session, and with its person, at once', async () => {
    const program = await apiProgram(installation, ['accounts:read']);
    expect((await program.get('/accounts')).status).toBe(200);
    const [row] = await installation.d.database.sql<{
      id: string;
    }>`SELECT id FROM client WHERE id LIKE 'program-%' ORDER BY created_at DESC LIMIT 1`;
    await installation.d.clientRegistration.setDisabled(row!.id, true, OPERATOR);
    await expect.poll(async () => (await program.get('/accounts')).status).toBe(401);

    const signedOut = await apiPerson(installation, 'owner');
    await installation.d.people.endSessions(signedOut.account.id, OPERATOR);
    expect((await signedOut.api.get('/accounts')).status).toBe(401);
    const suspended = await apiPerson(installation, 'auditor');
    await changeAccount(installation, suspended.account.id, { status: 'suspended' });
    expect((await suspended.api.get('/accounts')).status).toBe(401);
    const demoted = await apiPerson(installation, 'auditor');
    await changeAccount(installation, demoted.account.id, { role: null });
    expect((await demoted.api.get('/accounts')).status).toBe(403);
  });

  it('of a person who signed in too weakly, or too long ago, says what would help (RFC 9470)', async () => {
    await apiPerson(installation, null);
    const rp = await RelyingParty.discover(
      installation.url,
      'admin-tool',
      '',
      (await installation.d.clients.byId('admin-tool'))!.metadata.redirect_uris[0]!,
    );
    const { email, password } = await installation.addPerson(undefined, { role: 'owner' });
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, { email, password }, { resource, scope: 'openid accounts:read' });
    await enrolPhone(laptop, installation.url);
    const weak = await rp.redeem(request, (await goOn(laptop, rp)).url, { resource });
    const refused = await new ApiClient(installation.url, weak.access_token).get('/accounts');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_user_authentication"');
    expect(refused.headers.get('www-authenticate')).toContain('acr_values="urn:dubbelslot:acr:phr"');

    const { api, account } = await apiPerson(installation, 'owner');
    const reset = () => api.post(`/accounts/${account.id}/reset`, { reason: 'a test of time' });
    expect((await reset()).body.code).toBe('own_account');
    installation.clock.advance(601);
    const stale = await reset();
    expect(stale.status).toBe(401);
    expect(stale.headers.get('www-authenticate')).toContain('max_age="600"');
    // Somebody new, and another address for somebody: both lead to a password by mail.
    expect((await api.post('/accounts', { email: 'nieuw@example.org' })).body.code).toBe(stale.body.code);
    const moved = await api.call('PATCH', `/accounts/${account.id}`, { email: 'x@example.org' }, { 'if-match': '*' });
    expect(moved.body.code).toBe(stale.body.code);
    expect((await api.get('/accounts')).status).toBe(200);
  });

  it('bound to a key is worth nothing without its proof, and each proof is for one call, once', async () => {
    const secret = await installation.addClient({
      id: 'bound',
      profile: 'machine',
      isDpopBound: true,
      resources: [{ uri: resource, scopes: ['accounts:read'], format: 'opaque' }],
    });
    const rp = await RelyingParty.discover(installation.url, 'bound', secret, '');
    const keys = await oidc.randomDPoPKeyPair('ES256');
    const dpop = oidc.getDPoPHandle(rp.config, keys);
    const tokens = await oidc.clientCredentialsGrant(rp.config, { scope: 'accounts:read', resource }, { DPoP: dpop });
    expect(tokens.token_type).toBe('dpop');
    expect((await new ApiClient(installation.url, tokens.access_token).get('/accounts')).status).toBe(401);
    const bare = new ApiClient(installation.url, tokens.access_token, 'DPoP');
    expect((await bare.get('/accounts')).body.code).toBe('invalid_dpop_proof');

    let proof = '';
    const send = oidc.fetchProtectedResource(
      rp.config,
      tokens.access_token,
      new URL(`${resource}/accounts?limit=1`),
      'GET',
      null,
      undefined,
      { DPoP: dpop },
    );
    const answer = await send;
    expect(answer.status).toBe(200);
    rp.config[oidc.customFetch] = async (url, options) => {
      proof = (options.headers as Record<string, string>).dpop ?? '';
      return fetch(url, options as RequestInit);
    };
    await oidc.fetchProtectedResource(
      rp.config,
      tokens.access_token,
      new URL(`${resource}/accounts`),
      'GET',
      null,
      undefined,
      { DPoP: dpop },
    );
    expect(proof).toMatch(/^ey/);
    expect((await bare.get('/accounts', { dpop: proof })).body.code).toBe('invalid_dpop_proof');
    const unbound = await apiProgram(installation, ['accounts:read']);
    expect(
      (await new ApiClient(installation.url, unbound.token, 'DPoP').get('/accounts', { dpop: proof })).status,
    ).toBe(401);
  });
});

describe('many calls', () => {
  it('are counted for each caller, told in RateLimit headers, and refused with when to come back', async () => {
    const few = await startInstallation({ API_CALLS_PER_MINUTE: '10' });
    const api = await apiProgram(few, ['accounts:read']);
    const other = await apiProgram(few, ['accounts:read']);
    for (let left = 9; left >= 0; left -= 1) {
      const { status, headers } = await api.get('/accounts');
      expect(status).toBe(200);
      expect(headers.get('ratelimit-policy')).toBe('"api";q=10;w=60');
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"api";r=${left};t=\\d+$`));
    }
    const refused = await api.get('/accounts');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await other.get('/accounts')).status).toBe(200);
    few.clock.advance(61);
    expect((await api.get('/accounts')).status).toBe(200);
    // Guessing at tokens is counted by address.
    const guesses = [];
    for (let n = 0; n < 70; n += 1) guesses.push((await new ApiClient(few.url, `guess-${n}`).get('/accounts')).status);
    expect(new Set(guesses.slice(0, 60))).toEqual(new Set([401]));
    expect(new Set(guesses.slice(61))).toEqual(new Set([429]));
    await few.close();
  });
});
