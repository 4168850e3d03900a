import type { VerifyProof } from '../authenticators/push/proof.ts';
import { type Acr, satisfies } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import type { Permission } from '../core/permissions.ts';
import { permissionsOf } from '../policy/permissions.ts';
import type { Accounts } from '../store/accounts.ts';
import type { CallCounts } from '../store/call-counts.ts';
import type { Administrator } from './actor.ts';

/** What a token for the API says: `oidc/api-tokens.ts`. */
export interface CallerToken {
  readonly clientId: string;
  readonly accountId: string | undefined;
  readonly scopes: readonly string[];
  readonly acr: string | undefined;
  readonly authTime: number | undefined;
  readonly keyThumbprint: string | undefined;
}

export interface ApiCall {
  /** `Bearer` or `DPoP`, and the token. */
  readonly authorization: string | undefined;
  /** The DPoP proof. */
  readonly proof: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly ip: string;
  readonly requestId: string;
}

/** Who calls, and what they may do. */
export interface ApiCaller {
  readonly by: Administrator;
  readonly permissions: ReadonlySet<Permission>;
  /** A person signed in not long ago; programs always have. */
  readonly isFresh: boolean;
}

/** Calls that are left in the window, and when it ends. */
export interface CallBudget {
  readonly limit: number;
  readonly left: number;
  readonly endsAt: Date;
}

/** Why somebody does not get in, in the words of RFC 6750 and RFC 9470. */
export type CallerRefusal =
  | 'missing_token'
  | 'invalid_token'
  | 'invalid_dpop_proof'
  | 'insufficient_user_authentication'
  | 'no_role'
  | 'too_many_calls';

export type RecognisedCaller =
  | { readonly ok: true; readonly caller: ApiCaller; readonly budget: CallBudget }
  | { readonly ok: false; readonly refusal: CallerRefusal; readonly budget?: CallBudget };

export interface ApiCallers {
  recognise(call: ApiCall): Promise<RecognisedCaller>;
  /** Whether it is still so of somebody who was recognised a moment ago: token, account and role. Nothing is counted. */
  stillCounts(authorization: string | undefined, caller: ApiCaller): Promise<boolean>;
}

export interface ApiCallersNeeds {
  readToken(token: string): Promise<CallerToken | undefined>;
  verifyProof: VerifyProof;
  accounts: Accounts;
  callCounts: CallCounts;
  /** SHA-256, base64url. */
  digest(value: string): string;
  clock: Clock;
  adminAcr: Acr;
  apiCallsPerMinute: number;
}

const WINDOW_SECONDS = 60;
/** Calls with a token that is not good, from one address in a minute. */
const FAILED_CALLS = 60;
/** NIST SP 800-63B-4, section 2.2.3, and our console: at most twelve hours. */
export const ADMIN_SECONDS = 12 * 3600;
/** How recent a sign-in must be for what is dangerous. */
export const FRESH_ADMIN_SECONDS = 600;

/** RFC 6750, section 2.1, and RFC 9449, section 7.1. */
function presented(authorization = ''): { scheme?: string | undefined; value?: string | undefined } {
  const [, scheme, value] = /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(authorization) ?? [];
  return { scheme, value };
}

export function createApiCallers(n: ApiCallersNeeds): ApiCallers {
  const count = async (key: string, limit: number): Promise<CallBudget> => {
    const { count: used, endsAt } = await n.callCounts.count(key, WINDOW_SECONDS, n.clock.now());
    return { limit, left: limit - used, endsAt };
  };
  const refuse = async (refusal: CallerRefusal, ip: string): Promise<RecognisedCaller> => {
    const budget = await count(`api_failures:${ip}`, FAILED_CALLS);
    return { ok: false, refusal: budget.left < 0 ? 'too_many_calls' : refusal, budget };
  };

  return {
    async stillCounts(authorization, { by: { authority } }) {
      const { value = '' } = presented(authorization);
      if (!(await n.readToken(value))) return false;
      if (authority.kind !== 'person') return true;
      const account = await n.accounts.byId(authority.accountId);
      return account?.status === 'active' && account.role === authority.role;
    },

    async recognise(call) {
      const { scheme, value } = presented(call.authorization);
      if (!value) return refuse(call.authorization ? 'invalid_token' : 'missing_token', call.ip);
      const token = await n.readToken(value);
      if (!token) return refuse('invalid_token', call.ip);

      const isProven = scheme?.toLowerCase() === 'dpop';
      // Bound to a key, a token is worth nothing to whoever does not have that; unbound, a proof proves nothing.
      if (isProven !== (token.keyThumbprint !== undefined)) return refuse('invalid_token', call.ip);
      if (isProven) {
        const proven = await n.verifyProof(call.proof, call.method, call.path, n.clock.now());
        if (!proven.ok) return refuse('invalid_dpop_proof', call.ip);
        const { thumbprint, tokenDigest } = proven.value;
        if (thumbprint !== token.keyThumbprint || tokenDigest !== n.digest(value))
          return refuse('invalid_dpop_proof', call.ip);
      }

      const budget = await count(`api:${token.clientId}:${token.accountId ?? ''}`, n.apiCallsPerMinute);
      if (budget.left < 0) return { ok: false, refusal: 'too_many_calls', budget };
      const from = { origin: call.ip, requestId: call.requestId };
      const scopes = new Set(token.scopes);
      if (token.accountId === undefined) {
        const { clientId } = token;
        const by: Administrator = { ...from, actor: `client:${clientId}`, authority: { kind: 'machine', clientId } };
        return { ok: true, budget, caller: { by, permissions: scopes as Set<Permission>, isFresh: true } };
      }

      const account = await n.accounts.byId(token.accountId);
      if (account?.status !== 'active') return refuse('invalid_token', call.ip);
      if (account.role === null) return { ok: false, refusal: 'no_role', budget };
      const age = n.clock.now().getTime() / 1000 - (token.authTime ?? 0);
      if (!satisfies(token.acr, n.adminAcr) || age > ADMIN_SECONDS)
        return { ok: false, refusal: 'insufficient_user_authentication', budget };
      const { id, role } = account;
      return {
        ok: true,
        budget,
        caller: {
          by: { ...from, actor: `account:${id}`, authority: { kind: 'person', accountId: id, role } },
          permissions: new Set(permissionsOf(role).filter((permission) => scopes.has(permission))),
          isFresh: age <= FRESH_ADMIN_SECONDS,
        },
      };
    },
  };
}
