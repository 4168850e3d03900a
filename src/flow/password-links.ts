import type { BindPassword } from '../authenticators/password/bind.ts';
import { isCommonPassword } from '../authenticators/password/blocklist.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import { type Random, token256 } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { passwordProblem } from '../policy/password-rules.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { MailLink, MailLinkPurpose, MailLinks } from '../store/mail-links.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';
import type { Throttle } from '../store/throttle.ts';
import { type Audit, byAccount, from } from './audit.ts';
import type { EndBegun } from './end-everything.ts';
import type { Notify } from './notices.ts';
import type { SignInView } from './sign-in.ts';

/** A first password, or a new one for one that was forgotten: by a link in a mail, then the second factor. */
export interface PasswordLinks {
  /**
   * Mails a link where there is such an account; whoever asks is told the same either way, in the same time.
   * Refusal: `wait`, for an address that asks too often.
   */
  forgotten(email: string, origin: Origin): Promise<Result<void>>;
  /** Mails the link to a first password. */
  invite(account: Account): Promise<void>;
  /** The link of a code that still works, and whose it is. */
  find(code: string): Promise<{ link: MailLink; account: Account } | undefined>;
  /** Takes the link in the place of the password, for this sign-in. @returns false where it works no longer */
  start(uid: string, code: string, origin: Origin): Promise<boolean>;
  /** Uses the link up. Refusals: `password_*`, `link_invalid`. */
  setPassword(view: SignInView, code: string, password: string, origin: Origin): Promise<Result<void>>;
  /** A new password in place of one's own. Ends every other session. Refusals: `password_*`, `kept_elsewhere`. */
  change(account: Account, password: string, sessionUid: string, origin: Origin): Promise<Result<void>>;
  /** Resolves when what is on its way is done. */
  settled(): Promise<void>;
}

export interface PasswordLinksNeeds {
  accounts: Accounts;
  mailLinks: MailLinks;
  endBegun: EndBegun;
  rememberedBrowsers: RememberedBrowsers;
  throttle: Throttle;
  transactions: LoginTransactions;
  bindPassword: BindPassword;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
  organisation: Organisation;
}

/** ASVS 5.0, 6.4.1 and 6.6.3: a link is random, short-lived, and works once. */
export const RESET_SECONDS = 1800;
export const INVITATION_SECONDS = 7 * 86_400;
/** Mails to one account in an hour: three. Waits after n. */
const WAITS_FOR_ACCOUNT = [0, 0, 0, 3600];
/** Requests from one address in an hour: twenty, then one in ten minutes. */
const WAITS_FOR_ADDRESS = [...Array<number>(20).fill(0), 600];

const hourOf = (now: Date): number => Math.floor(now.getTime() / 3_600_000);

export function createPasswordLinks(n: PasswordLinksNeeds): PasswordLinks {
  const onTheirWay = new Set<Promise<void>>();

  const mail = async (
    account: Account,
    purpose: Exclude<MailLinkPurpose, 'not_me'>,
    seconds: number,
  ): Promise<void> => {
    const now = n.clock.now();
    const code = token256(n.random);
    await n.mailLinks.add({ purpose, accountId: account.id, expiresAt: addSeconds(now, seconds) }, code, now);
    await n.notify(account, { kind: purpose, url: `${n.publicUrl}/password/link?code=${code}` });
  };

  const find: PasswordLinks['find'] = async (code) => {
    const link = await n.mailLinks.find(code, n.clock.now());
    const account = link && link.purpose !== 'not_me' ? await n.accounts.byId(link.accountId) : undefined;
    return link && account?.status === 'active' && account.source !== 'ldap' ? { link, account } : undefined;
  };

  const problemWith = (account: Account, password: string) =>
    passwordProblem(password, { ...account, organisation: n.organisation.name }, isCommonPassword);

  const replaced = async (account: Account, how: string, origin: Origin): Promise<void> => {
    await n.rememberedBrowsers.revokeAll(account.id, n.clock.now());
    await n.throttle.forgive(`password:${account.email}`);
    await n.audit({
      action: 'password.set',
      object: `account:${account.id}`,
      result: 'success',
      ...byAccount(account, origin),
      detail: { how },
    });
    n.notify(account, { kind: 'password_changed', ip: origin.ip });
  };

  return {
    find,

    async forgotten(email, origin) {
      const now = n.clock.now();
      const asked = await n.throttle.attempt(`password_reset_from:${origin.ip}:${hourOf(now)}`, WAITS_FOR_ADDRESS, now);
      if (!asked.ok) return asked;
      const work = async (): Promise<void> => {
        const account = await n.accounts.byEmail(email);
        if (account?.status !== 'active') return;
        const mayMail = await n.throttle.attempt(`password_reset:${account.id}:${hourOf(now)}`, WAITS_FOR_ACCOUNT, now);
        await n.audit({
          action: 'password.reset_requested',
          object: `account:${account.id}`,
          result: mayMail.ok ? 'success' : 'refused',
          ...from(origin),
          actor: 'anonymous',
          accountId: account.id,
        });
        if (!mayMail.ok) return;
        if (account.source === 'ldap') await n.notify(account, { kind: 'password_elsewhere' });
        else await mail(account, 'password_reset', RESET_SECONDS);
      };
      const sending: Promise<void> = work()
        .catch(() => {})
        .finally(() => onTheirWay.delete(sending));
      onTheirWay.add(sending);
      return accept(undefined);
    },

    invite: (account) => mail(account, 'first_password', INVITATION_SECONDS),

    async start(uid, code, origin) {
      const found = await find(code);
      if (!found) return false;
      const { account, link } = found;
      const event = {
        action: 'mail_link.followed',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
        actor: 'mail link',
        detail: { purpose: link.purpose },
      } as const;
      const shown = { accountId: account.id, proof: 'mail_link', event } as const;
      return (await n.transactions.start(uid, shown, n.clock.now())) !== undefined;
    },

    async setPassword({ transaction, account, step }, code, password, origin) {
      const found = await find(code);
      if (step.step !== 'new_password' || !account || found?.account.id !== account.id) return refuse('link_invalid');
      const problem = problemWith(account, password);
      if (problem) return refuse(problem);
      const now = n.clock.now();
      const useLink = () => n.mailLinks.use(code, now);
      if (!(await n.bindPassword(account.id, password, now, { signIn: transaction.uid }, useLink)))
        return refuse('link_invalid');
      await n.mailLinks.endPasswordLinks(account.id, now);
      // Whoever read the mail and has the second factor is the owner: what "this was not me" froze may go on.
      await n.accounts.setPushFrozen(account.id, null, now);
      await n.endBegun(account.id, 'revoked', { signIn: transaction.uid });
      await n.transactions.prove(transaction.uid, { accountId: account.id, proof: 'password' }, now);
      await replaced(account, found.link.purpose, origin);
      return accept(undefined);
    },

    async change(account, password, sessionUid, origin) {
      if (account.source === 'ldap') return refuse('kept_elsewhere');
      const problem = problemWith(account, password);
      if (problem) return refuse(problem);
      const now = n.clock.now();
      if (!(await n.bindPassword(account.id, password, now, { session: sessionUid }))) return refuse('access_denied');
      await n.mailLinks.endPasswordLinks(account.id, now);
      await n.endBegun(account.id, 'revoked', { session: sessionUid });
      await replaced(account, 'changed by its owner', origin);
      return accept(undefined);
    },

    async settled() {
      await Promise.all(onTheirWay);
    },
  };
}
