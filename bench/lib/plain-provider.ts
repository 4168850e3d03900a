/**
 * oidc-provider alone: its tokens in memory, its pages for developers, no password hash, no second factor, nothing kept. What
 * the protocol itself costs. `node bench/lib/plain-provider.ts <port> <redirect URI>`
 */
import { exportJWK, generateKeyPair } from 'jose';
import { type AdapterPayload, Provider } from 'oidc-provider';
import { PLAIN_SECRET } from './plain.ts';
import { API } from './protocol.ts';

const [port, redirectUri] = process.argv.slice(2) as [string, string];
console.info = () => {};
console.warn = () => {};

/** Of each kind but sessions and grants the oldest is forgotten, or the heap would grow with what was measured before. */
const MOST = 1000;
const adapter = (model: string) => {
  const kept = new Map<string, AdapterPayload>();
  const byUid = new Map<string, AdapterPayload>();
  return {
    async upsert(id: string, payload: AdapterPayload) {
      kept.set(id, payload);
      if (model === 'Session' && payload.uid) byUid.set(payload.uid, payload);
      if (kept.size > MOST && model !== 'Session' && model !== 'Grant') kept.delete(kept.keys().next().value!);
    },
    find: async (id: string) => kept.get(id),
    findByUid: async (uid: string) => byUid.get(uid),
    findByUserCode: async () => undefined,
    consume: async (id: string) => void Object.assign(kept.get(id)!, { consumed: Date.now() / 1000 }),
    destroy: async (id: string) => void kept.delete(id),
    revokeByGrantId: async () => {},
  };
};

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const provider = new Provider(`http://localhost:${port}`, {
  adapter: adapter as never,
  clients: [
    {
      client_id: 'web',
      client_secret: PLAIN_SECRET,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' } as never] },
  cookies: { keys: ['a key of the bench'] },
  claims: { openid: ['sub', 'auth_time'], email: ['email'] },
  scopes: ['openid', 'offline_access', 'read'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined as never,
      getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: id }) }),
  // As its default does; and what is consented to once holds for the API as well.
  async loadExistingGrant({ oidc }) {
    const id = oidc.result?.consent?.grantId ?? oidc.session!.grantIdFor(oidc.client!.clientId);
    const grant = id ? await oidc.provider.Grant.find(id) : undefined;
    if (grant && !grant.getResourceScope(API)) {
      grant.addOIDCScope('read');
      grant.addResourceScope(API, 'read');
      await grant.save();
    }
    return grant;
  },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  pkce: { required: () => true },
});
process.on('disconnect', () => process.exit());
provider.listen(Number(port), () => process.send?.('serves'));
