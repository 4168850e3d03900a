import type { Clock } from '../core/clock.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { Challenges } from '../store/challenges.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { MailLinks } from '../store/mail-links.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';

export interface EndBegunNeeds {
  bindings: BindingSessions;
  opSessions: OpSessions;
  transactions: LoginTransactions;
  challenges: Challenges;
  clock: Clock;
}

/**
 * Sign-ins, approvals for others, sessions with all tokens, and enrolments of an account end, in the order in which one is begun by another
 * (docs/adr/0029-what-is-begun-holds-what-it-stands-on.md).
 * @param spared the sign-in or session that goes on; @returns how many sessions ended
 */
export type EndBegun = (
  accountId: string,
  reason: 'revoked' | 'reported',
  spared?: { readonly signIn?: string; readonly session?: string },
) => Promise<number>;

export function createEndBegun(n: EndBegunNeeds): EndBegun {
  return async (accountId, reason, { signIn, session } = {}) => {
    const now = n.clock.now();
    await n.transactions.endAll(accountId, reason, signIn);
    await n.challenges.endApproved(accountId);
    const count = await (session === undefined
      ? n.opSessions.revokeAll(accountId, now)
      : n.opSessions.revokeOthers(accountId, session, now));
    await n.bindings.endAll(accountId);
    return count;
  };
}

export interface EndEverythingNeeds {
  mailLinks: MailLinks;
  rememberedBrowsers: RememberedBrowsers;
  endBegun: EndBegun;
  clock: Clock;
}

/**
 * Nothing that an account has begun goes on: links in mails and remembered browsers neither.
 * @returns how many sessions ended
 */
export type EndEverything = (accountId: string, reason?: 'revoked' | 'reported') => Promise<number>;

export function createEndEverything(n: EndEverythingNeeds): EndEverything {
  return async (accountId, reason = 'revoked') => {
    const now = n.clock.now();
    await n.mailLinks.endPasswordLinks(accountId, now);
    const count = await n.endBegun(accountId, reason);
    await n.rememberedBrowsers.revokeAll(accountId, now);
    return count;
  };
}
