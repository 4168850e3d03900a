import { createHash } from 'node:crypto';
import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import { isClaimAllowed } from './claims.ts';

/**
 * Consent is the organisation's, not asked of the person. The grant's id is derived from session, account and
 * client, so that two tabs that open at once write one row; per session, so that signing out of one browser does
 * not revoke another's. After a grant that was revoked comes one of another id: what was given on the first, and
 * written late, does not stand on the next.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const { session, client, provider } = oidc;
  if (!session?.accountId || !client) return undefined;
  const clientId = client.clientId;
  const accountId = session.accountId;
  const known = session.grantIdFor(clientId);
  const derived = (...after: string[]): string =>
    createHash('sha256')
      .update([session.uid, accountId, clientId, ...after].join('\0'))
      .digest('base64url');
  // A session that begins with this very request has no grants yet: no other tab holds it.
  const isNew = (session as { new?: boolean }).new === true && !known;
  const found = isNew ? undefined : await provider.Grant.find(known ?? derived());
  const mine = found?.accountId === accountId ? found : undefined;
  const grant =
    mine ?? new provider.Grant({ jti: known && !found ? derived(known) : derived(), clientId, accountId } as never);
  const hasChanged = extend(grant, ctx);
  if (!mine || hasChanged) await grant.save();
  return grant;
}

/** Adds what this request may have and the grant has not. @returns whether there was anything */
export function extend(grant: Grant, { oidc }: KoaContextWithOIDC): boolean {
  const before = JSON.stringify([grant.openid, grant.resources, grant.rejected]);
  const { client, resourceServers } = oidc;
  grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '));
  const asked = [...oidc.requestParamClaims].filter((claim) => isClaimAllowed(claim, client));
  if (asked.length > 0) grant.addOIDCClaims(asked);
  const refused = ['amr', ...oidc.requestParamClaims].filter((claim) => !isClaimAllowed(claim, client));
  // Written anew each time: a registration may have changed since.
  delete (grant as { rejected?: unknown }).rejected;
  if (refused.length > 0) grant.rejectOIDCClaims(refused);
  for (const [uri, { scopes }] of Object.entries(resourceServers ?? {})) {
    const wanted = [...oidc.requestParamScopes].filter((scope) => scopes.has(scope));
    grant.addResourceScope(uri, wanted.join(' '));
  }
  return before !== JSON.stringify([grant.openid, grant.resources, grant.rejected]);
}
