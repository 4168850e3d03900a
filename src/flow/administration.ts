import type { BindPassword } from '../authenticators/password/bind.ts';
import { isCommonPassword } from '../authenticators/password/blocklist.ts';
import type { BindTemporaryPass } from '../authenticators/temporary-pass/bind.ts';
import type { Clock } from '../core/clock.ts';
import { addSeconds } from '../core/clock.ts';
import { type Random, token128 } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { passwordProblem } from '../policy/password-rules.ts';
import type { Account, Accounts, Locale, Role } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { EntraAccounts } from '../store/entra-accounts.ts';
import type { Invitations } from '../store/invitations.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { MailLinks } from '../store/mail-links.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';
import type { Throttle } from '../store/throttle.ts';
import type { Audit } from './audit.ts';
import { RECOVERY_WAYS, STRONG_WAYS } from './next-step.ts';
import type { Notify } from './notices.ts';
import type { PasswordLinks } from './password-links.ts';

export interface PersonToAdd {
  readonly email: string;
  readonly displayName: string;
  /** Without one, a link to choose it is mailed. */
  readonly password?: string | undefined;
  readonly locale?: Locale | null;
  readonly notifyEmail?: string | null;
  readonly role?: Role | null;
  readonly groups?: readonly string[];
}

/** Who administers: `cli`, `account:<id>`; and from where. */
export interface Actor {
  readonly actor: string;
  readonly origin: string;
  readonly requestId?: string | undefined;
}

export interface Administration {
  /** Refusals: `email_invalid`, `account_exists`, `password_*`. */
  addAccount(person: PersonToAdd, by: Actor): Promise<Result<Account>>;
  /** Mails a new link to choose a password. Refusals: `account_unknown`, `password_there` where one is in use. */
  invite(email: string, by: Actor): Promise<Result<void>>;
  /** Refusals: `account_unknown`, `password_*`. Lifts a freeze, and ends every session and sign-in. */
  setPassword(email: string, password: string, by: Actor): Promise<Result<void>>;
  /**
   * Revokes everything but the password, lifts a freeze and ends every session: the next sign-in enrols anew.
   * Refusal: `account_unknown`.
   */
  reset(email: string, by: Actor): Promise<Result<number>>;
  /**
   * A code with which a person may enrol a first or another authenticator, and nothing else; for an hour, once.
   * Refusals: `account_unknown`, `own_account`: nobody gives a pass to themselves (ASVS 5.0, 6.4.1).
   */
  issueTemporaryPass(email: string, by: Actor): Promise<Result<{ code: string; expiresAt: Date }>>;
  /** A password that fits the rules, for reading out: four groups of five characters, 100 bits. */
  madeUpPassword(): string;
  /** A code for the one-time link with which the first administrator is made, where there is none yet. */
  inviteFirstAdministrator(): Promise<string | undefined>;
  isFirstInvitationOpen(code: string): Promise<boolean>;
  /** Refusals: `invitation_invalid`, those of `addAccount`. The invitation stays open until it worked. */
  acceptFirstInvitation(code: string, person: PersonToAdd, by: Actor): Promise<Result<Account>>;
}

export interface AdministrationNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  entraAccounts: EntraAccounts;
  bindings: BindingSessions;
  invitations: Invitations;
  mailLinks: MailLinks;
  opSessions: OpSessions;
  rememberedBrowsers: RememberedBrowsers;
  throttle: Throttle;
  transactions: LoginTransactions;
  bindPassword: BindPassword;
  bindTemporaryPass: BindTemporaryPass;
  passwordLinks: PasswordLinks;
  notify: Notify;
  audit: Audit;
  clock: Clock;
  random: Random;
  organisation: string;
}

const EMAIL = /^[^\s@"<>,;:\\()[\]]{1,64}@[^\s@]{1,180}\.[^\s@.]{2,}$/;
const INVITATION_SECONDS = 86_400;

export function createAdministration(n: AdministrationNeeds): Administration {
  const problemWith = (person: { email: string; displayName: string; password: string }) =>
    passwordProblem(person.password, { ...person, organisation: n.organisation }, isCommonPassword);

  const checkPerson = (person: PersonToAdd): Result<string> => {
    const email = person.email.trim().toLowerCase();
    if (!EMAIL.test(email)) return refuse('email_invalid');
    const problem =
      person.password === undefined ? undefined : problemWith({ ...person, email, password: person.password });
    return problem ? refuse(problem) : accept(email);
  };

  const addAccount: Administration['addAccount'] = async (person, by) => {
    const checked = checkPerson(person);
    if (!checked.ok) return checked;
    const now = n.clock.now();
    const added = await n.accounts.add(
      { ...person, id: n.random.uuid(), email: checked.value, displayName: person.displayName.trim() || checked.value },
      now,
    );
    if (!added.ok) return added;
    if (person.password !== undefined) await n.bindPassword(added.value.id, person.password, now);
    await n.audit({
      action: 'account.added',
      object: `account:${added.value.id}`,
      result: 'success',
      ...by,
      accountId: added.value.id,
      detail: { role: added.value.role, isInvited: person.password === undefined },
    });
    if (person.password === undefined) await n.passwordLinks.invite(added.value);
    return added;
  };

  /** Nothing that was begun before goes on: enrolments, sign-ins, sessions. @returns how many sessions ended */
  const endWhatIsOpen = async (account: Account, now: Date): Promise<number> => {
    await n.bindings.endAll(account.id);
    await n.transactions.endAll(account.id, 'revoked');
    await n.rememberedBrowsers.revokeAll(account.id, now);
    await n.mailLinks.endPasswordLinks(account.id, now);
    return n.opSessions.revokeAll(account.id, now);
  };

  return {
    addAccount,

    async invite(email, by) {
      const account = await n.accounts.byEmail(email.trim());
      if (account?.status !== 'active') return refuse('account_unknown');
      if (await n.authenticators.passwordOf(account.id)) return refuse('password_there');
      await n.passwordLinks.invite(account);
      await n.audit({
        action: 'account.invited',
        object: `account:${account.id}`,
        result: 'success',
        ...by,
        accountId: account.id,
      });
      return accept(undefined);
    },

    async setPassword(email, password, by) {
      const account = await n.accounts.byEmail(email.trim());
      if (!account) return refuse('account_unknown');
      const problem = problemWith({ ...account, password });
      if (problem) return refuse(problem);
      const now = n.clock.now();
      await n.bindPassword(account.id, password, now);
      // Whoever asked for it knows the person: what "this was not me" froze may go on.
      await n.accounts.setPushFrozen(account.id, null, now);
      await n.authenticators.revokeAll(account.id, ['temporary_pass'], now);
      await endWhatIsOpen(account, now);
      await n.throttle.forgive(`password:${account.email}`);
      await n.audit({
        action: 'password.set',
        object: `account:${account.id}`,
        result: 'success',
        ...by,
        accountId: account.id,
      });
      return accept(undefined);
    },

    async reset(email, by) {
      const account = await n.accounts.byEmail(email.trim());
      if (!account) return refuse('account_unknown');
      const now = n.clock.now();
      const revoked = await n.authenticators.revokeAll(account.id, [...STRONG_WAYS, ...RECOVERY_WAYS], now);
      await n.accounts.setPushFrozen(account.id, null, now);
      await n.entraAccounts.unlink(account.id);
      const sessions = await endWhatIsOpen(account, now);
      for (const way of [...STRONG_WAYS, ...RECOVERY_WAYS]) await n.throttle.forgive(`${way}:${account.id}`);
      await n.throttle.forgive(`second_factor:${account.id}`);
      await n.audit({
        action: 'account.reset',
        object: `account:${account.id}`,
        result: 'success',
        ...by,
        accountId: account.id,
        detail: { revoked, sessionsEnded: sessions },
      });
      return accept(revoked);
    },

    async issueTemporaryPass(email, by) {
      const account = await n.accounts.byEmail(email.trim());
      if (account?.status !== 'active') return refuse('account_unknown');
      const event = {
        action: 'temporary_pass.issued',
        object: `account:${account.id}`,
        ...by,
        accountId: account.id,
      };
      if (by.actor === `account:${account.id}`) {
        await n.audit({ ...event, result: 'refused', detail: { reason: 'own account' } });
        return refuse('own_account');
      }
      const pass = await n.bindTemporaryPass(account.id, n.clock.now());
      await n.throttle.forgive(`temporary_pass:${account.id}`);
      await n.audit({ ...event, result: 'success', detail: { expiresAt: pass.expiresAt } });
      n.notify(account, { kind: 'temporary_pass_issued' });
      return accept(pass);
    },

    madeUpPassword() {
      // 32 letters and digits that are hard to confuse: 5 bits each.
      const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
      const letters = [...n.random.bytes(20)].map((byte) => alphabet[byte & 31]).join('');
      return letters.match(/.{5}/g)!.join('-');
    },

    async inviteFirstAdministrator() {
      if ((await n.accounts.countWithRole('owner')) > 0) return undefined;
      const now = n.clock.now();
      const code = token128(n.random);
      await n.invitations.add('first_administrator', code, now, addSeconds(now, INVITATION_SECONDS));
      return code;
    },

    async isFirstInvitationOpen(code) {
      if ((await n.accounts.countWithRole('owner')) > 0) return false;
      return n.invitations.isOpen('first_administrator', code, n.clock.now());
    },

    async acceptFirstInvitation(code, person, by) {
      const checked = checkPerson(person);
      if (!checked.ok) return checked;
      if (await n.accounts.byEmail(checked.value)) return refuse('account_exists');
      if (!(await n.invitations.use('first_administrator', code, n.clock.now()))) return refuse('invitation_invalid');
      try {
        return await addAccount({ ...person, role: 'owner' }, by);
      } catch (error) {
        await n.invitations.reopen('first_administrator', code);
        throw error;
      }
    },
  };
}
