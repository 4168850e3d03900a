import type { BindPassword } from '../authenticators/password/bind.ts';
import { isCommonPassword } from '../authenticators/password/blocklist.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import { type Random, token128 } from '../core/random.ts';
import { accept, type Refusal, type Result, refuse, refuseAll } from '../core/refusals.ts';
import { cut, isGroupName, LONGEST_NAME } from '../core/text.ts';
import { passwordProblem } from '../policy/password-rules.ts';
import { whyNotGive, whyNotOn } from '../policy/permissions.ts';
import type { Account, AccountSource, Accounts, Locale, Role } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { Invitations } from '../store/invitations.ts';
import type { Throttle } from '../store/throttle.ts';
import { type Actor, type Administrator, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import type { EndEverything } from './end-everything.ts';
import type { PasswordLinks } from './password-links.ts';

export interface PersonToAdd {
  readonly email: string;
  readonly displayName: string;
  /** Without one, a link to choose it is mailed. */
  readonly password?: string | undefined;
  /** Without a password: no link either. Somebody invites them later, or their directory checks the password. */
  readonly isSilent?: boolean | undefined;
  readonly locale?: Locale | null | undefined;
  readonly notifyEmail?: string | null | undefined;
  readonly role?: Role | null | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly source?: AccountSource | undefined;
  readonly externalId?: string | null | undefined;
}

/** Makes accounts and gives passwords. */
export interface Administration {
  /** Refusals: `email_invalid`, `group_invalid`, `account_exists`, `password_*`, `role_too_high`. */
  addAccount(person: PersonToAdd, by: Administrator): Promise<Result<Account>>;
  /** Mails a new link to choose a password. Refusals: `account_unknown`, `password_there` where one is in use, `role_too_high`. */
  invite(email: string, by: Administrator): Promise<Result<void>>;
  /** Refusals: `account_unknown`, `password_*`, `role_too_high`. Lifts a freeze, and ends every session and sign-in. */
  setPassword(email: string, password: string, by: Administrator): Promise<Result<void>>;
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
  invitations: Invitations;
  throttle: Throttle;
  bindPassword: BindPassword;
  endEverything: EndEverything;
  passwordLinks: PasswordLinks;
  audit: Audit;
  clock: Clock;
  random: Random;
  organisation: Organisation;
}

const EMAIL = /^[^\s@"<>,;:\\()[\]]{1,64}@[\p{L}\p{N}.-]{1,180}\.[\p{L}\p{N}-]{2,}$/u;
/** At most 254 characters (RFC 5321, section 4.5.3.1.3). */
export const isEmail = (text: string): boolean => text.length <= 254 && EMAIL.test(text);

/** What is wrong with what somebody wrote about a person, each with its field. */
export const wrongDetails = ({
  email,
  notifyEmail,
  groups,
}: {
  readonly email?: string | undefined;
  readonly notifyEmail?: string | null | undefined;
  readonly groups?: readonly string[] | undefined;
}): Refusal[] => [
  ...(email !== undefined && !isEmail(email.trim()) ? [{ code: 'email_invalid', field: 'email' } as const] : []),
  ...(notifyEmail && !isEmail(notifyEmail) ? [{ code: 'email_invalid', field: 'notifyEmail' } as const] : []),
  ...(groups?.every(isGroupName) === false ? [{ code: 'group_invalid', field: 'groups' } as const] : []),
];

const INVITATION_SECONDS = 86_400;

export function createAdministration(n: AdministrationNeeds): Administration {
  const problemWith = (person: { email: string; displayName: string; password: string }) =>
    passwordProblem(person.password, { ...person, organisation: n.organisation.name }, isCommonPassword);

  const checkPerson = (person: PersonToAdd): Result<string> => {
    const email = person.email.trim().toLowerCase();
    // A directory names its groups as it likes.
    const wrong = wrongDetails(person.source === undefined ? person : { ...person, groups: [] });
    const problem =
      person.password === undefined ? undefined : problemWith({ ...person, email, password: person.password });
    return refuseAll(problem ? [...wrong, { code: problem, field: 'password' }] : wrong) ?? accept(email);
  };

  const addAccount: Administration['addAccount'] = async (person, by) => {
    const checked = checkPerson(person);
    if (!checked.ok) return checked;
    const id = n.random.uuid();
    const tooHigh = whyNotGive(by.authority, { id, role: null }, person.role ?? null);
    if (tooHigh) return refuse(tooHigh);
    const now = n.clock.now();
    const { password, isSilent, locale, notifyEmail, role, groups, source, externalId } = person;
    const added = await n.accounts.add(
      {
        id,
        email: checked.value,
        displayName: cut(person.displayName.trim(), LONGEST_NAME) || checked.value,
        locale: locale ?? null,
        notifyEmail: notifyEmail ?? null,
        role: role ?? null,
        groups: groups ?? [],
        source: source ?? 'local',
        externalId: externalId ?? null,
      },
      now,
    );
    if (!added.ok) return refuse(added.refusal.code, { field: 'email' });
    if (password !== undefined) await n.bindPassword(id, password, now);
    const isInvited = password === undefined && !isSilent;
    await n.audit({
      action: 'account.added',
      object: `account:${id}`,
      result: 'success',
      ...doneBy(by),
      accountId: id,
      detail: { role: role ?? null, isInvited, source: added.value.source },
    });
    if (role)
      await n.audit({
        action: 'role.given',
        object: `account:${id}`,
        result: 'success',
        ...doneBy(by),
        accountId: id,
        detail: { from: null, to: role },
      });
    if (isInvited) await n.passwordLinks.invite(added.value);
    return added;
  };

  /** The account of an address, where this administrator may act on it. */
  const within = async (email: string, by: Administrator): Promise<Result<Account>> => {
    const account = await n.accounts.byEmail(email.trim());
    if (!account || account.status === 'revoked') return refuse('account_unknown');
    const why = whyNotOn(by.authority, account);
    return why ? refuse(why) : accept(account);
  };

  return {
    addAccount,

    async invite(email, by) {
      const found = await within(email, by);
      if (!found.ok) return found;
      const account = found.value;
      if (account.status !== 'active') return refuse('account_unknown');
      if (account.source === 'ldap') return refuse('kept_elsewhere');
      if (await n.authenticators.passwordOf(account.id)) return refuse('password_there');
      await n.passwordLinks.invite(account);
      await n.audit({
        action: 'account.invited',
        object: `account:${account.id}`,
        result: 'success',
        ...doneBy(by),
        accountId: account.id,
      });
      return accept(undefined);
    },

    async setPassword(email, password, by) {
      const found = await within(email, by);
      if (!found.ok) return found;
      const account = found.value;
      if (account.source === 'ldap') return refuse('kept_elsewhere');
      const problem = problemWith({ ...account, password });
      if (problem) return refuse(problem);
      const now = n.clock.now();
      await n.bindPassword(account.id, password, now);
      // Whoever asked for it knows the person: what "this was not me" froze may go on.
      await n.accounts.setPushFrozen(account.id, null, now);
      await n.authenticators.revokeAll(account.id, ['temporary_pass'], now);
      await n.endEverything(account.id);
      await n.throttle.forgive(`password:${account.email}`);
      await n.audit({
        action: 'password.set',
        object: `account:${account.id}`,
        result: 'success',
        ...doneBy(by),
        accountId: account.id,
      });
      return accept(undefined);
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
        // Whoever has the link has the machine that printed it.
        return await addAccount({ ...person, role: 'owner' }, { ...by, authority: { kind: 'operator' } });
      } catch (error) {
        await n.invitations.reopen('first_administrator', code);
        throw error;
      }
    },
  };
}
