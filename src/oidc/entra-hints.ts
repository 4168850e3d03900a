import { createRemoteJWKSet, customFetch, type JWTPayload, jwtVerify } from 'jose';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { EntraTenant } from '../store/clients.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';

/** Whom Microsoft Entra sends: an ID token of its own, made for this request and expired from the start. */
export interface EntraHint {
  /** By which Entra knows the person at our application. */
  readonly sub: string;
  /** By which the tenant knows them, for good. */
  readonly objectId: string;
  /** What they sign in with there; may be given to somebody else later. */
  readonly name: string;
}

export interface EntraHintNeeds {
  readonly payloads: OidcPayloads;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/** How old a hint may be, and how far the clocks may differ. */
const HINT_SECONDS = 600;
const SKEW_SECONDS = 120;

/** Reads a hint. @throws where it is not Entra's, not ours, not of now, or was shown before */
export function createEntraHints(n: EntraHintNeeds): (hint: string, tenant: EntraTenant) => Promise<EntraHint> {
  const remotes = new Map<string, ReturnType<typeof createRemoteJWKSet>>();
  const keysOf = ({ jwksUri }: EntraTenant) => {
    const known = remotes.get(jwksUri) ?? createRemoteJWKSet(new URL(jwksUri), { [customFetch]: n.fetch });
    remotes.set(jwksUri, known);
    return known;
  };
  return async (hint, tenant) => {
    const now = n.clock.now();
    const { payload } = await jwtVerify(hint, keysOf(tenant), {
      algorithms: ['RS256'],
      issuer: tenant.issuer,
      audience: tenant.applicationId,
      requiredClaims: ['iat', 'sub', 'oid', 'tid'],
      // Issued as expired: what counts is when.
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
    const { iat, sub, oid, tid, preferred_username: name } = payload as JWTPayload & Record<string, unknown>;
    const age = now.getTime() / 1000 - iat!;
    if (tid !== tenant.tenantId) throw new Error('the hint is of another tenant');
    if (age > HINT_SECONDS || age < -SKEW_SECONDS) throw new Error('the hint is not of now: check both clocks');
    // By what was signed: the signature itself can be written in more than one way.
    const signed = hint.slice(0, hint.lastIndexOf('.'));
    if (!(await n.payloads.addOnce('EntraHint', signed, {}, addSeconds(now, HINT_SECONDS + SKEW_SECONDS))))
      throw new Error('the hint was used before');
    return { sub: sub!, objectId: String(oid), name: typeof name === 'string' ? name : '' };
  };
}
