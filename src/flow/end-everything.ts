import type { Clock } from '../core/clock.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { MailLinks } from '../store/mail-links.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';

export interface EndEverythingNeeds {
  bindings: BindingSessions;
  mailLinks: MailLinks;
  opSessions: OpSessions;
  rememberedBrowsers: RememberedBrowsers;
  transactions: LoginTransactions;
  clock: Clock;
}

/**
 * Nothing that an account has begun goes on: enrolments, sign-ins, links in mails, remembered browsers, sessions with
 * their tokens. @returns how many sessions ended
 */
export type EndEverything = (accountId: string) => Promise<number>;

export function createEndEverything(n: EndEverythingNeeds): EndEverything {
  return async (accountId) => {
    const now = n.clock.now();
    // In the order in which one is begun by another.
    await n.mailLinks.endPasswordLinks(accountId, now);
    await n.transactions.endAll(accountId, 'revoked');
    const count = await n.opSessions.revokeAll(accountId, now);
    await n.bindings.endAll(accountId);
    await n.rememberedBrowsers.revokeAll(accountId, now);
    return count;
  };
}
