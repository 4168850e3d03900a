import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { SupportCases } from '../store/support-cases.ts';
import type { Audit } from './audit.ts';
import type { EndEverything } from './end-everything.ts';
import type { Notify } from './notices.ts';

/** "Undo, this was not me", by the link in the mail about a reset. */
export interface SupportUndo {
  isOpen(code: string): Promise<boolean>;
  /** What was taken away works again, what was set up since does not. @returns false where it is too late, or was done */
  undo(code: string, origin: Origin): Promise<boolean>;
}

export function createSupportUndo(n: {
  accounts: Accounts;
  authenticators: Authenticators;
  supportCases: SupportCases;
  endEverything: EndEverything;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}): SupportUndo {
  return {
    isOpen: async (code) => (await n.supportCases.undoable(code, n.clock.now())) !== undefined,

    async undo(code, origin) {
      const now = n.clock.now();
      const c = await n.supportCases.undo(code, now);
      const account = c && (await n.accounts.byId(c.accountId));
      if (!c || !account) return false;
      // Whoever asked for the reset knew enough to be believed: the password may be theirs too.
      await n.authenticators.revokeAll(account.id, ['password'], now);
      const sessionsEnded = await n.endEverything(account.id);
      await n.audit({
        action: 'account.reset_undone',
        object: `account:${account.id}`,
        result: 'success',
        origin: origin.ip,
        requestId: origin.requestId,
        actor: 'mail link',
        accountId: account.id,
        detail: { case: c.id, requestedBy: c.requestedBy, sessionsEnded },
      });
      n.notify(account, { kind: 'reset_undone', ip: origin.ip });
      for (const other of await n.accounts.withRole(['owner', 'administrator']))
        n.notify(other, { kind: 'reset_undone_alert', email: account.email, ip: origin.ip });
      return true;
    },
  };
}
