import { createHash } from 'node:crypto';
import type { Grant, KoaContextWithOIDC } from 'oidc-provider';

/**
 * Consent is the organisation's, not asked of the person. The grant's id is derived from session, account and
 * client, so that two tabs that open at once write one row; per session, so that signing out of one browser does
 * not revoke another's.
 */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const { session, client, provider } = oidc;
  if (!session?.accountId || !client) return undefined;
  const clientId = client.clientId;
  const accountId = session.accountId;
  const known = session.grantIdFor(clientId);
  const derived = createHash('sha256').update([session.uid, accountId, clientId].join('\0')).digest('base64url');
  const found = (known && (await provider.Grant.find(known))) || (await provider.Grant.find(derived));
  const mine = found?.accountId === accountId ? found : undefined;
  const grant = mine ?? new provider.Grant({ jti: derived, clientId, accountId } as never);

  const missingScope = [...oidc.requestParamOIDCScopes].filter(
    (scope) => !grant.getOIDCScopeEncountered().split(' ').includes(scope),
  );
  const missingClaims = [...oidc.requestParamClaims].filter(
    (claim) => !grant.getOIDCClaimsEncountered().includes(claim),
  );
  if (missingScope.length > 0) grant.addOIDCScope(missingScope.join(' '));
  if (missingClaims.length > 0) grant.addOIDCClaims(missingClaims);
  if (!mine || missingScope.length > 0 || missingClaims.length > 0) await grant.save();
  return grant;
}
