import type { Clock } from '../core/clock.ts';
import { accept, type Refusal, type Result, refuse, refuseAll } from '../core/refusals.ts';
import { cut, LONGEST_NAME } from '../core/text.ts';
import { whyNotGive, whyNotOn } from '../policy/permissions.ts';
import type { Account, AccountChanges, AccountFilter, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { OpSessions, ShownSession } from '../store/op-sessions.ts';
import type { PushSubscriptions } from '../store/push-subscriptions.ts';
import type { RecoveryCodes } from '../store/recovery-codes.ts';
import { type Administrator, doneBy } from './actor.ts';
import { wrongDetails } from './administration.ts';
import type { Audit } from './audit.ts';
import type { EndEverything } from './end-everything.ts';
import { RECOVERY_WAYS, STRONG_WAYS } from './next-step.ts';
import type { Notify } from './notices.ts';

/** A person as administrators see them. */
export interface PersonView {
  readonly account: Account;
  /** Those that work, and those that were disabled. */
  readonly authenticators: readonly Authenticator[];
  readonly recoveryCodesLeft: number;
  readonly sessions: readonly ShownSession[];
}

/** What administrators see and change of people. */
export interface People {
  search(filter: AccountFilter, limit: number, start?: { after?: string; offset?: number }): Promise<Account[]>;
  count(filter: AccountFilter): Promise<number>;
  look(id: string): Promise<PersonView | undefined>;
  /** Why an administrator may not act on somebody; undefined where they may. */
  whyNot(account: Account, by: Administrator): ReturnType<typeof whyNotOn>;
  byIds(ids: readonly string[]): Promise<Account[]>;
  byEmail(email: string): Promise<Account | undefined>;
  /**
   * Changes what is mentioned. Suspending and revoking end everything at once; revoking is for good.
   * Refusals: `account_unknown`, `own_account`, `role_too_high`, `email_invalid`, `group_invalid`, `account_exists`, `last_owner`,
   * `version_changed`, `kept_elsewhere` (name, address and status of somebody whom a directory keeps).
   */
  change(id: string, changes: AccountChanges, by: Administrator, version?: number): Promise<Result<Account>>;
  /**
   * Somebody whom a directory keeps is kept here from now on, without a password. For whoever has the machine. Refusals:
   * `account_unknown`, `role_too_high`, `kept_here`.
   */
  release(id: string, by: Administrator): Promise<Result<Account>>;
  /** @returns how many ended. Refusals: `account_unknown`, `role_too_high` */
  endSessions(id: string, by: Administrator): Promise<Result<number>>;
  /** For good. Refusals: `account_unknown`, `own_account`, `role_too_high`, `authenticator_unknown`. */
  revokeAuthenticator(id: string, authenticatorId: string, reason: string, by: Administrator): Promise<Result<void>>;
}

export interface PeopleNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  opSessions: OpSessions;
  recoveryCodes: RecoveryCodes;
  subscriptions: PushSubscriptions;
  endEverything: EndEverything;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}

/** What a directory decides, for those whom it keeps. */
const KEPT: readonly (keyof AccountChanges)[] = ['email', 'displayName', 'status', 'externalId', 'source'];

export function createPeople(n: PeopleNeeds): People {
  const within = async (id: string, by: Administrator, isHarmless = false): Promise<Result<Account>> => {
    const account = await n.accounts.byId(id);
    if (account?.status !== 'active' && account?.status !== 'suspended') return refuse('account_unknown');
    const why = whyNotOn(by.authority, account);
    return why && !(isHarmless && why === 'own_account') ? refuse(why) : accept(account);
  };

  return {
    search: n.accounts.search,
    count: n.accounts.count,
    byIds: n.accounts.byIds,
    byEmail: (email) => n.accounts.byEmail(email.trim()),

    whyNot: (account, by) => whyNotOn(by.authority, account),

    async look(id) {
      const account = await n.accounts.byId(id);
      if (!account) return undefined;
      const [authenticators, recoveryCodesLeft, sessions] = await Promise.all([
        n.authenticators.ofAccount(id),
        n.recoveryCodes.left(id),
        n.opSessions.ofAccount(id, n.clock.now()),
      ]);
      const shown = authenticators.filter(({ state }) => state === 'active' || state === 'disabled');
      return { account, authenticators: shown, recoveryCodesLeft, sessions };
    },

    async change(id, changes, by, version) {
      const before = await n.accounts.byId(id);
      if (!before) return refuse('account_unknown');
      const why = whyNotChange(before, changes, by);
      if (why) return { ok: false, refusal: why };
      const asked = differences(before, changes);
      const email = asked.email?.trim().toLowerCase();
      const displayName = asked.displayName && cut(asked.displayName.trim(), LONGEST_NAME);
      const next = { ...asked, ...(email ? { email } : {}), ...(displayName ? { displayName } : {}) };
      if (Object.keys(asked).length === 0)
        return version !== undefined && version !== before.version ? refuse('version_changed') : accept(before);

      const changed = await n.accounts.change(id, next, n.clock.now(), version);
      if (!changed.ok)
        return changed.refusal.code === 'account_exists' ? refuse('account_exists', { field: 'email' }) : changed;
      const event = { object: `account:${id}`, accountId: id, ...doneBy(by) };
      const hasLeft = asked.status === 'suspended' || asked.status === 'revoked';
      const sessionsEnded = hasLeft ? await n.endEverything(id) : 0;
      if (asked.status === 'revoked') {
        await n.authenticators.revokeAll(id, ['password', ...STRONG_WAYS, ...RECOVERY_WAYS], n.clock.now());
      }
      if (asked.status !== undefined)
        await n.audit({ ...event, action: STATUS_ACTIONS[asked.status], result: 'success', detail: { sessionsEnded } });
      if (asked.role !== undefined)
        await n.audit({
          ...event,
          action: asked.role === null ? 'role.taken' : 'role.given',
          result: 'success',
          detail: { from: before.role, to: asked.role },
        });
      const { status, role, ...others } = next;
      if (Object.keys(others).length > 0)
        await n.audit({
          ...event,
          action: 'account.changed',
          result: 'success',
          detail: { to: others, from: pick(before, others) },
        });
      // Whoever reads the old mailbox must know where the account went.
      if (email !== undefined && email !== before.email) n.notify(before, { kind: 'address_changed', email });
      return changed;
    },

    async release(id, by) {
      const before = await n.accounts.byId(id);
      if (!before || before.status === 'revoked') return refuse('account_unknown');
      if (by.authority.kind !== 'operator') return refuse('role_too_high');
      if (before.source === 'local') return refuse('kept_here');
      const now = n.clock.now();
      const released = await n.accounts.change(id, { source: 'local', externalId: null }, now);
      if (!released.ok) return released;
      if (before.source === 'ldap') await n.authenticators.revokeAll(id, ['password'], now);
      await n.audit({
        action: 'account.released',
        object: `account:${id}`,
        result: 'success',
        accountId: id,
        ...doneBy(by),
        detail: { from: before.source },
      });
      return released;
    },

    async endSessions(id, by) {
      const found = await within(id, by, true);
      if (!found.ok) return found;
      const count = await n.endEverything(id);
      await n.audit({
        action: 'session.ended',
        object: `account:${id}`,
        result: 'success',
        accountId: id,
        ...doneBy(by),
        detail: { count },
      });
      return accept(count);
    },

    async revokeAuthenticator(id, authenticatorId, reason, by) {
      const found = await within(id, by);
      if (!found.ok) return found;
      const all = await n.authenticators.ofAccount(id);
      const one = all.find((each) => each.id === authenticatorId && each.parentId === null && each.kind !== 'password');
      if (!one || !(await n.authenticators.revoke(one.id, id, STRONG_WAYS, n.clock.now())))
        return refuse('authenticator_unknown');
      await n.subscriptions.remove(one.id);
      await n.audit({
        action: 'authenticator.revoked',
        object: `authenticator:${one.id}`,
        result: 'success',
        accountId: id,
        ...doneBy(by),
        detail: { kind: one.kind, label: one.label, reason: cut(reason.trim(), 1000) },
      });
      n.notify(found.value, { kind: 'authenticator_removed', label: one.label, ip: by.origin });
      return accept(undefined);
    },
  };
}

const STATUS_ACTIONS = {
  active: 'account.resumed',
  suspended: 'account.suspended',
  revoked: 'account.revoked',
} as const;

/** What of this is not so yet. */
export const differences = (before: Account, changes: AccountChanges): AccountChanges =>
  Object.fromEntries(
    Object.entries(changes).filter(([name, value]) => differs(before[name as keyof AccountChanges], value)),
  );

/** Why a change is refused, as far as the account itself tells. */
export function whyNotChange(before: Account, changes: AccountChanges, by: Administrator): Refusal | undefined {
  if (before.status === 'revoked') return { code: 'account_unknown' };
  const onTarget = whyNotOn(by.authority, before);
  if (onTarget) return { code: onTarget };
  const asked = differences(before, changes);
  const isDirectory = by.authority.kind === 'directory' && by.authority.source === before.source;
  if (before.source !== 'local' && !isDirectory && KEPT.some((name) => name in asked))
    return { code: 'kept_elsewhere' };
  const notGiven = asked.role === undefined ? undefined : whyNotGive(by.authority, before, asked.role);
  if (notGiven) return { code: notGiven };
  // A directory names its groups as it likes.
  return refuseAll(wrongDetails(isDirectory ? { ...asked, groups: [] } : asked))?.refusal;
}

const differs = (a: unknown, b: unknown): boolean => b !== undefined && JSON.stringify(a) !== JSON.stringify(b);

const pick = (from: Account, names: object): object =>
  Object.fromEntries(Object.keys(names).map((name) => [name, from[name as keyof Account]]));
