import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Permission } from '../core/permissions.ts';
import { permissionsOf } from '../policy/permissions.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { Administrator } from './actor.ts';
import type { Alerts } from './alerts.ts';
import type { Support } from './support.ts';

export interface ConsoleVisit {
  readonly account: Account;
  readonly by: Administrator;
  readonly permissions: ReadonlySet<Permission>;
  /** What waits for somebody, as far as this person may see it. */
  readonly openAlerts: number;
  readonly waitingCases: number;
}

/** Who comes into the console. */
export interface ConsoleVisits {
  /**
   * Whether the console was used in this session within a quarter of an hour, or its person signed in since. Noted in
   * the session itself, not in the browser.
   * @param authTime seconds since 1970
   * @param isNoted false for a page that looks again by itself: that keeps nobody in
   */
  goOn(session: { opUid: string; authTime: number }, isNoted: boolean): Promise<boolean>;
  /** Undefined for somebody who administers nothing, or may not sign in. */
  enter(accountId: string, origin: Origin): Promise<ConsoleVisit | undefined>;
}

/** DESIGN, section 7: the console is left for a quarter of an hour at most. */
export const IDLE_SECONDS = 900;
const MOST_COUNTED = 100;

export const createConsoleVisits = (n: {
  accounts: Accounts;
  alertWatch: Alerts;
  support: Support;
  opSessions: OpSessions;
  clock: Clock;
}): ConsoleVisits => ({
  goOn({ opUid, authTime }, isNoted) {
    const now = n.clock.now();
    const breakBefore = addSeconds(now, -IDLE_SECONDS);
    return n.opSessions.visitConsole(opUid, { signedInAt: new Date(authTime * 1000), breakBefore, isNoted }, now);
  },
  async enter(accountId, origin) {
    const account = await n.accounts.byId(accountId);
    if (account?.status !== 'active' || account.role === null) return undefined;
    const permissions = new Set(permissionsOf(account.role));
    const [openAlerts, waiting] = await Promise.all([
      permissions.has('alerts:read') ? n.alertWatch.countOpen() : 0,
      permissions.has('cases:read') ? n.support.search({ state: 'waiting' }, MOST_COUNTED) : [],
    ]);
    return {
      account,
      permissions,
      openAlerts,
      waitingCases: waiting.length,
      by: {
        actor: `account:${accountId}`,
        origin: origin.ip,
        requestId: origin.requestId,
        authority: { kind: 'person', accountId, role: account.role },
      },
    };
  },
});
