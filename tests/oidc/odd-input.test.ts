import { randomUUID } from 'node:crypto';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { RelyingParty } from '../support/relying-party.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let secret: string;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  secret = await installation.addClient({
    id: 'web',
    redirectUris: [redirectUri],
    grants: ['ciba', 'client-credentials'],
  });
  rp = await RelyingParty.discover(installation.url, 'web', secret, redirectUri);
});
afterAll(() => installation.close());

const post = (path: string, fields: Record<string, string>) =>
  fetch(installation.url + path, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });

describe.each([
  ['a NUL character', '\u0000'],
  ['half a surrogate pair', '\ud800'],
  ['ten thousand characters', 'x'.repeat(10_000)],
])('%s in a parameter', (_what, odd) => {
  it('gets an answer that says what is wrong, never a failure', async () => {
    const client = { client_id: 'web', client_secret: secret };
    const message = { login_hint: 'nobody@example.org', binding_message: 'x', scope: 'openid' };
    const answers: [string, Response][] = [];
    const ask = async (path: string, fields: Record<string, string>) => {
      answers.push([`${path} ${Object.keys(fields).join()}`, await post(path, fields)]);
    };
    await ask('/oidc/token', { ...client, grant_type: odd });
    await ask('/oidc/token', { ...client, grant_type: 'authorization_code', code: odd, redirect_uri: odd });
    await ask('/oidc/token', { ...client, grant_type: 'refresh_token', refresh_token: odd });
    await ask('/oidc/token', { grant_type: 'client_credentials', client_id: odd, client_secret: odd });
    await ask('/oidc/revoke', { ...client, token: odd });
    await ask('/oidc/introspect', { ...client, token: odd });
    await ask('/oidc/ciba', { ...client, ...message, login_hint: odd });
    await ask('/oidc/ciba', { ...client, ...message, acr_values: odd });
    const request = new URL((await rp.request()).url);
    for (const name of [
      'claims',
      'state',
      'nonce',
      'acr_values',
      'login_hint',
      'ui_locales',
      'redirect_uri',
      'client_id',
    ]) {
      const changed = new URLSearchParams(request.searchParams);
      changed.set(name, odd);
      answers.push([name, await post(request.pathname, Object.fromEntries(changed))]);
    }
    for (const [what, { status }] of answers) expect(status, what).toBeLessThan(500);
  });
});

describe('a token of a client', () => {
  it('is worth nothing to anybody once that client is disabled', async () => {
    const api = await installation.addClient({ id: 'api', profile: 'machine' });
    const reader = await RelyingParty.discover(installation.url, 'api', api, rp.redirectUri);
    const uri = `https://${randomUUID()}.example.org/`;
    await installation.d.clientRegistration.change('api', { serves: [uri] }, { actor: 'cli', origin: 'cli' });
    const machineSecret = await installation.addClient({
      id: 'machine',
      profile: 'machine',
      resources: [{ uri, scopes: [], format: 'opaque' }],
    });
    const machine = await RelyingParty.discover(installation.url, 'machine', machineSecret, rp.redirectUri);
    const { access_token } = await oidc.clientCredentialsGrant(machine.config, { resource: uri });
    const seen = async () => (await oidc.tokenIntrospection(reader.config, access_token)).active;
    await expect.poll(seen).toBe(true);
    await installation.d.clientRegistration.setDisabled('machine', true, { actor: 'cli', origin: 'cli' });
    await expect.poll(seen, { timeout: 5000 }).toBe(false);
  });
});

describe('what is a name for approvals alone', () => {
  it('is refused where nobody approves anything', async () => {
    const resource = `${installation.url}/approvals`;
    await expect(oidc.clientCredentialsGrant(rp.config, { resource })).rejects.toMatchObject({
      error: 'invalid_target',
    });
  });
});
