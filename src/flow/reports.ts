import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { MailLinks } from '../store/mail-links.ts';
import type { Audit } from './audit.ts';
import type { EndEverything } from './end-everything.ts';
import type { Notice, Notify } from './notices.ts';

/** How long "this was not me" in a mail works. */
export const NOT_ME_SECONDS = 7 * 86_400;

export const notMeUntil = (now: Date): Date => addSeconds(now, NOT_ME_SECONDS);

/** What came in as "this was not me". */
export interface Report {
  readonly account: Account;
  readonly origin: Origin;
  /** Who said so: `authenticator:<id>`, `account:<id>`, `mail link`. */
  readonly actor: string;
  /** Whoever did it had the password. */
  readonly wasPasswordUsed: boolean;
  /** Whoever did it may have added something since then: that works no longer. */
  readonly distrustSince?: Date;
  readonly toOwner: Notice;
  readonly toAdministrators: Notice;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** "This was not me": somebody else is at work. Nothing that they started goes on. */
export interface Reports {
  secure(report: Report): Promise<void>;
  /** Whether a link in a mail still works. */
  isOpen(code: string): Promise<boolean>;
  /** By that link: needs no sign-in, because it only closes doors. @returns false for a link that works no longer */
  byMail(code: string, origin: Origin): Promise<boolean>;
  /** From one's own page, about a sign-in or a change. */
  byOwner(account: Account, about: string, origin: Origin): Promise<void>;
}

export interface ReportsNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  mailLinks: MailLinks;
  endEverything: EndEverything;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}

export function createReports(n: ReportsNeeds): Reports {
  const secure: Reports['secure'] = async (report) => {
    const { account, origin, actor } = report;
    const now = n.clock.now();
    const takeAway = async (): Promise<string[]> => {
      if (report.wasPasswordUsed) await n.authenticators.revokeAll(account.id, ['password'], now);
      return report.distrustSince ? n.authenticators.disableSince(account.id, report.distrustSince, now) : [];
    };
    await n.accounts.setPushFrozen(account.id, now, now);
    // First what sign-ins begin with, then what has begun, and what was added by that until it ended.
    const disabled = await takeAway();
    const sessions = await n.endEverything(account.id, 'reported');
    disabled.push(...(await takeAway()));
    await n.audit({
      action: 'account.push_frozen',
      object: `account:${account.id}`,
      result: 'success',
      origin: origin.ip,
      requestId: origin.requestId,
      actor,
      accountId: account.id,
      detail: { ...report.detail, passwordRevoked: report.wasPasswordUsed, sessionsEnded: sessions, disabled },
    });
    n.notify(account, report.toOwner);
    for (const other of await n.accounts.withRole(['owner', 'administrator'])) n.notify(other, report.toAdministrators);
  };

  const byPerson = (account: Account, actor: string, about: string, origin: Origin): Promise<void> =>
    secure({
      account,
      origin,
      actor,
      wasPasswordUsed: true,
      distrustSince: addSeconds(n.clock.now(), -NOT_ME_SECONDS),
      toOwner: { kind: 'not_me_secured', ip: origin.ip },
      toAdministrators: { kind: 'not_me_said', email: account.email, ip: origin.ip },
      detail: { about },
    });

  return {
    secure,
    async isOpen(code) {
      return (await n.mailLinks.find(code, n.clock.now()))?.purpose === 'not_me';
    },
    async byMail(code, origin) {
      const now = n.clock.now();
      const link = await n.mailLinks.find(code, now);
      const account = link?.purpose === 'not_me' ? await n.accounts.byId(link.accountId) : undefined;
      if (!account || !(await n.mailLinks.use(code, now))) return false;
      await byPerson(account, 'mail link', 'a mail', origin);
      return true;
    },
    byOwner: (account, about, origin) => byPerson(account, `account:${account.id}`, about, origin),
  };
}
