import { addSeconds, type Clock } from '../core/clock.ts';
import type { Locale } from '../core/locales.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { whyNotOn } from '../policy/permissions.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { Challenges } from '../store/challenges.ts';
import { type Actor, type Administrator, doneBy } from './actor.ts';
import { type Approvals, isActivePhone, type Started } from './approvals.ts';
import type { Audit } from './audit.ts';

export type CallerState = 'waiting' | 'verified' | 'denied' | 'reported' | 'wrong_number' | 'expired';

/** The helpdesk makes sure of whom it has on the line: the caller types the number that is read out. */
export interface CallerCheck {
  /** Refusals: `account_unknown`, `own_account`, `role_too_high`, `no_authenticator`, those of `Approvals.start`. */
  start(accountId: string, by: Administrator): Promise<Result<Started>>;
  /**
   * How it stands, for whoever started it; to anybody else it has expired. `verified` is said for a quarter of an hour;
   * it is used, once, by saying it.
   */
  look(challengeId: string, by: Actor): Promise<CallerState>;
  /** Whether `look` has said `verified` of it to this actor, for this account, not long ago. */
  wasVerified(challengeId: string, accountId: string, by: Actor): Promise<boolean>;
}

/** How long a caller stays verified: about as long as they stay on the line. */
export const GOOD_FOR_SECONDS = 900;

export interface CallerCheckNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  challenges: Challenges;
  approvals: Approvals;
  audit: Audit;
  clock: Clock;
  /** What the phone says, in the person's language. */
  words(locale: Locale | null): string;
}

export function createCallerCheck(n: CallerCheckNeeds): CallerCheck {
  const wasVerified: CallerCheck['wasVerified'] = async (challengeId, accountId, by) => {
    const challenge = await n.challenges.byId(challengeId);
    if (challenge?.purpose !== 'caller_check' || challenge.accountId !== accountId || challenge.askedBy !== by.actor)
      return false;
    // Since then it was said that the phone is in somebody else's hands.
    if ((await n.accounts.byId(accountId))?.pushFrozenAt) return false;
    const { state, usedAt } = challenge;
    return state === 'approved' && usedAt !== null && usedAt > addSeconds(n.clock.now(), -GOOD_FOR_SECONDS);
  };
  return {
    async start(accountId, by) {
      const account = await n.accounts.byId(accountId);
      if (account?.status !== 'active') return refuse('account_unknown');
      const why = whyNotOn(by.authority, account);
      if (why) return refuse(why);
      if (!(await n.authenticators.ofAccount(account.id)).some(isActivePhone)) return refuse('no_authenticator');
      const started = await n.approvals.start({
        account,
        purpose: 'caller_check',
        channel: 'companion',
        loginUid: null,
        bindingId: null,
        authenticatorId: null,
        clientId: null,
        askedBy: by.actor,
        about: { message: n.words(account.locale), amount: null, to: null },
        origin: { ip: by.origin, browser: '', requestId: by.requestId },
      });
      if (!started.ok) return started;
      if (!started.value) return refuse('challenge_closed');
      await n.audit({
        action: 'caller.asked',
        object: `account:${account.id}`,
        result: 'success',
        ...doneBy(by),
        accountId: account.id,
        detail: { challenge: started.value.challengeId },
      });
      return accept(started.value);
    },

    async look(challengeId, by) {
      const challenge = await n.challenges.byId(challengeId);
      if (challenge?.purpose !== 'caller_check' || challenge.askedBy !== by.actor) return 'expired';
      if (challenge.state === 'open') return n.approvals.isOpen(challenge) ? 'waiting' : 'expired';
      if (challenge.state !== 'approved') return challenge.state === 'replaced' ? 'expired' : challenge.state;
      if (!(await n.approvals.use(challenge)))
        return (await wasVerified(challengeId, challenge.accountId, by)) ? 'verified' : 'expired';
      await n.audit({
        action: 'caller.verified',
        object: `account:${challenge.accountId}`,
        result: 'success',
        ...doneBy(by),
        accountId: challenge.accountId,
        detail: { challenge: challengeId, isUserVerified: challenge.isUserVerified },
      });
      return 'verified';
    },

    wasVerified,
  };
}
