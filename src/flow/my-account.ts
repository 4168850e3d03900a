import { makeRecoverySet } from '../authenticators/recovery-code/bind.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import type { Account, Accounts, Locale } from '../store/accounts.ts';
import type { AuditStore, RecordedEvent } from '../store/audit.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { Clients } from '../store/clients.ts';
import type { OpSessions, ShownSession } from '../store/op-sessions.ts';
import type { RecoveryCodes } from '../store/recovery-codes.ts';
import type { RememberedBrowser, RememberedBrowsers } from '../store/remembered-browsers.ts';
import { type Audit, byAccount } from './audit.ts';
import { STRONG_WAYS } from './next-step.ts';
import type { Notify } from './notices.ts';

export type ShownKind = 'password' | 'push' | 'store_app' | 'totp' | 'webauthn' | 'recovery_code';
export type ShownAuthenticator = Authenticator & { readonly kind: ShownKind };

export interface MyAccountView {
  readonly account: Account;
  readonly authenticators: readonly ShownAuthenticator[];
  readonly recoveryCodesLeft: number;
}

/** What a person may see and change of their own account. Whether they signed in freshly is checked by who calls. */
export interface MyAccount {
  look(accountId: string): Promise<MyAccountView | undefined>;
  /** Whether nobody has ended this session of oidc-provider's. */
  isOpen(sessionUid: string): Promise<boolean>;
  /** One of the person's own second factors, and whether it is the last. */
  authenticator(accountId: string, id: string): Promise<{ shown: ShownAuthenticator; isLast: boolean } | undefined>;
  /** Refusals: `label_missing`, `authenticator_unknown`. */
  rename(account: Account, id: string, label: string, origin: Origin): Promise<Result<void>>;
  /** Refusals: `last_authenticator`, `authenticator_unknown` (also for somebody else's). */
  remove(account: Account, id: string, origin: Origin): Promise<Result<void>>;
  /** New recovery codes in place of the old ones. @returns the codes, as people read them, this once */
  renewRecoveryCodes(account: Account, origin: Origin): Promise<readonly string[]>;
  sessions(accountId: string): Promise<ShownSession[]>;
  remembered(accountId: string): Promise<RememberedBrowser[]>;
  /** @returns whether it was this account's */
  forgetBrowser(account: Account, id: string, origin: Origin): Promise<boolean>;
  /** @returns how many ended; `uid` for one, without it all but `keptUid` */
  endSessions(account: Account, end: { uid: string } | { keptUid: string }, origin: Origin): Promise<number>;
  history(accountId: string, before?: string): Promise<{ events: RecordedEvent[]; hasMore: boolean }>;
  event(accountId: string, id: string): Promise<RecordedEvent | undefined>;
  setLocale(account: Account, locale: Locale): Promise<void>;
  /** Names of web apps, by id. */
  clientNames(): Promise<ReadonlyMap<string, string>>;
}

export interface MyAccountNeeds {
  accounts: Accounts;
  auditStore: AuditStore;
  authenticators: Authenticators;
  clients: Clients;
  opSessions: OpSessions;
  recoveryCodes: RecoveryCodes;
  rememberedBrowsers: RememberedBrowsers;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
}

const SHOWN: readonly string[] = ['password', 'push', 'store_app', 'totp', 'webauthn', 'recovery_code'];
const LONGEST_LABEL = 60;
const HISTORY_LENGTH = 20;

/** What a person's history shows; the rest is for administrators. */
export const HISTORY_ACTIONS = [
  'sign_in.completed',
  'password.verified',
  'code.verified',
  'key.verified',
  'recovery_code.used',
  'temporary_pass.issued',
  'temporary_pass.used',
  'challenge.denied',
  'challenge.reported',
  'challenge.wrong_number',
  'authenticator.activated',
  'authenticator.removed',
  'authenticator.disabled',
  'transfer.approved',
  'recovery_codes.issued',
  'password.set',
  'account.reset',
  'account.push_frozen',
  'session.ended',
  'browser.remembered',
  'browser.forgotten',
  'enrolment.postponed',
] as const;
export type HistoryAction = (typeof HISTORY_ACTIONS)[number];

export function createMyAccount(n: MyAccountNeeds): MyAccount {
  const isShown = (a: Authenticator): a is ShownAuthenticator =>
    SHOWN.includes(a.kind) && a.parentId === null && (a.state === 'active' || a.state === 'disabled');
  const isStrongOne = (a: Authenticator): boolean => STRONG_WAYS.some((way) => way === a.kind) && a.state === 'active';

  return {
    async look(accountId) {
      const account = await n.accounts.byId(accountId);
      if (account?.status !== 'active') return undefined;
      return {
        account,
        authenticators: (await n.authenticators.ofAccount(accountId)).filter(isShown),
        recoveryCodesLeft: await n.recoveryCodes.left(accountId),
      };
    },

    isOpen: async (sessionUid) => (await n.opSessions.findByUid(sessionUid, n.clock.now())) !== undefined,

    async authenticator(accountId, id) {
      const mine = (await n.authenticators.ofAccount(accountId)).filter(isShown);
      const shown = mine.find((each) => each.id === id && STRONG_WAYS.some((way) => way === each.kind));
      return shown && { shown, isLast: isStrongOne(shown) && mine.filter(isStrongOne).length === 1 };
    },

    async rename(account, id, label, origin) {
      const name = cut(label.trim(), LONGEST_LABEL);
      if (!name) return refuse('label_missing');
      if (!(await n.authenticators.rename(id, account.id, name))) return refuse('authenticator_unknown');
      await n.audit({
        action: 'authenticator.renamed',
        object: `authenticator:${id}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: { label: name },
      });
      return accept(undefined);
    },

    async remove(account, id, origin) {
      const label = (await n.authenticators.byId(id))?.label ?? '';
      const removed = await n.authenticators.remove(id, account.id, STRONG_WAYS, n.clock.now());
      if (removed !== 'removed') {
        await n.audit({
          action: 'authenticator.removed',
          object: `authenticator:${id}`,
          result: 'refused',
          ...byAccount(account, origin),
          detail: { reason: removed },
        });
        return refuse(removed === 'last' ? 'last_authenticator' : 'authenticator_unknown');
      }
      await n.audit({
        action: 'authenticator.removed',
        object: `authenticator:${id}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: { label },
      });
      n.notify(account, { kind: 'authenticator_removed', label, ip: origin.ip });
      return accept(undefined);
    },

    async renewRecoveryCodes(account, origin) {
      const made = makeRecoverySet(account.id, n.random);
      await n.recoveryCodes.replace(made.set, made.plain, n.clock.now());
      await n.audit({
        action: 'recovery_codes.issued',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: { count: made.codes.length },
      });
      n.notify(account, { kind: 'recovery_codes_renewed', ip: origin.ip });
      return made.codes;
    },

    sessions: (accountId) => n.opSessions.ofAccount(accountId, n.clock.now()),

    remembered: (accountId) => n.rememberedBrowsers.ofAccount(accountId, n.clock.now()),

    async forgetBrowser(account, id, origin) {
      if (!(await n.rememberedBrowsers.revoke(account.id, id, n.clock.now()))) return false;
      await n.audit({
        action: 'browser.forgotten',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
      });
      return true;
    },

    async endSessions(account, end, origin) {
      const now = n.clock.now();
      if ('keptUid' in end) await n.rememberedBrowsers.revokeAll(account.id, now);
      const ended =
        'uid' in end
          ? Number(await n.opSessions.revokeOne(account.id, end.uid, now))
          : await n.opSessions.revokeOthers(account.id, end.keptUid, now);
      if (ended > 0) {
        await n.audit({
          action: 'session.ended',
          object: `account:${account.id}`,
          result: 'success',
          ...byAccount(account, origin),
          detail: { count: ended },
        });
      }
      return ended;
    },

    async history(accountId, before) {
      const events = await n.auditStore.history(accountId, HISTORY_ACTIONS, HISTORY_LENGTH + 1, before);
      return { events: events.slice(0, HISTORY_LENGTH), hasMore: events.length > HISTORY_LENGTH };
    },

    event: (accountId, id) => n.auditStore.eventOf(accountId, id),

    setLocale: (account, locale) => n.accounts.setLocale(account.id, locale, n.clock.now()),

    async clientNames() {
      return new Map((await n.clients.list()).map(({ id, name }) => [id, name]));
    },
  };
}
