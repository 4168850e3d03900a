import { type Acr, satisfies } from '../core/assurance.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { assuranceOfApproval } from '../policy/assurance.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { ApprovalSubject, Challenge, Challenges } from '../store/challenges.ts';
import type { Access } from './access.ts';
import { type Approvals, isActivePhone } from './approvals.ts';

export interface ClientApproval {
  readonly accountId: string;
  readonly clientId: string;
  /** The web app's authentication request. */
  readonly requestId: string;
  /** What the request asks at least. */
  readonly requested: Acr | null;
  readonly about: ApprovalSubject;
  readonly origin: Origin;
}

/** What came of it. `too_weak`: approved, on a phone that does not reach what was asked. */
export type ApprovalOutcome =
  | {
      readonly state: 'approved';
      readonly accountId: string;
      readonly acr: Acr;
      readonly amr: readonly string[];
      readonly at: Date;
    }
  | { readonly state: 'denied' | 'expired' | 'too_weak' };

/** A web app asks somebody to approve something on their phone (CIBA). */
export interface ClientApprovals {
  /**
   * Refusals: `account_unknown`, `access_denied` (the policy says no), `no_authenticator` (no phone),
   * `gate_required` (no phone that verifies its user, where that is asked), `push_frozen`, `wait`, `push_exhausted`.
   * @returns the number for the web app to show
   */
  ask(approval: ClientApproval): Promise<Result<string>>;
  /** Uses the answer, once; undefined while there is none, and after it was used. */
  outcome(requestId: string, requested: Acr | null): Promise<ApprovalOutcome | undefined>;
  /** The request that a challenge answers. */
  requestOf(challenge: Challenge): Promise<string | undefined>;
}

export interface ClientApprovalsNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  challenges: Challenges;
  access: Access;
  approvals: Approvals;
  clock: Clock;
}

export function createClientApprovals(n: ClientApprovalsNeeds): ClientApprovals {
  /** What must be reached; nobody is at a browser that could be remembered, or put anything off. */
  const required = async (account: Account, clientId: string, requested: Acr | null): Promise<Acr | 'deny'> => {
    const question = { account, clientId, requested, ip: '', rememberedToken: undefined };
    return (await n.access.judge(question)).decision.access;
  };

  return {
    async ask({ accountId, clientId, requestId, requested, about, origin }) {
      const account = await n.accounts.byId(accountId);
      if (account?.status !== 'active') return refuse('account_unknown');
      const access = await required(account, clientId, requested);
      if (access === 'deny') return refuse('access_denied');
      const phones = (await n.authenticators.ofAccount(accountId)).filter(isActivePhone);
      if (phones.length === 0) return refuse('no_authenticator');
      if (!phones.some(({ gate }) => satisfies(assuranceOfApproval(gate !== null).acr, access)))
        return refuse('gate_required');
      // A sign-in comes first: no web app can keep anybody from it.
      const open = await n.challenges.openOfAccount(accountId, n.clock.now());
      if (open.some(({ purpose }) => purpose === 'sign_in')) return refuse('wait');
      const started = await n.approvals.start({
        account,
        purpose: 'client_approval',
        channel: 'companion',
        loginUid: null,
        bindingId: null,
        authenticatorId: null,
        clientId,
        requestId,
        about,
        origin,
      });
      if (!started.ok) return started;
      return started.value ? accept(started.value.number) : refuse('challenge_closed');
    },

    async outcome(requestId, requested) {
      const challenge = await n.challenges.byRequest(requestId);
      if (!challenge) return undefined;
      if (challenge.state === 'open') return n.approvals.isOpen(challenge) ? undefined : { state: 'expired' };
      if (challenge.state !== 'approved') return { state: 'denied' };
      const account = await n.accounts.byId(challenge.accountId);
      if (!(await n.approvals.use(challenge))) return undefined;
      if (account?.status !== 'active') return { state: 'denied' };
      const access = await required(account, challenge.clientId ?? '', requested);
      const { acr, amr } = assuranceOfApproval(challenge.isUserVerified);
      if (access === 'deny') return { state: 'denied' };
      if (!satisfies(acr, access)) return { state: 'too_weak' };
      return { state: 'approved', accountId: account.id, acr, amr, at: challenge.answeredAt ?? n.clock.now() };
    },

    requestOf: async ({ id }) => (await n.challenges.secrets(id))?.requestId ?? undefined,
  };
}
