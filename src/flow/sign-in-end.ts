import { ACR_MFA, isStrong, satisfies } from '../core/assurance.ts';
import type { AuditEvent, Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Organisation } from '../core/organisation.ts';
import { type Random, token256 } from '../core/random.ts';
import { networkOf } from '../policy/networks.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Finished, LoginTransactions } from '../store/login-transactions.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';
import { type Audit, byAccount, from } from './audit.ts';
import type { Notify } from './notices.ts';
import type { SignInView } from './sign-in.ts';

/** How a sign-in ends: given up, put off, or done. */
export interface SignInEnd {
  /** Puts setting up a second factor off, where the policy lets it. @returns whether it did */
  postpone(view: SignInView, origin: Origin): Promise<boolean>;
  /** Whether to ask if this browser is to be remembered, and for how long. Seconds. */
  mayRemember(view: SignInView): number | undefined;
  /** Remembers this browser. @returns the token for its cookie, and for how long */
  remember(
    view: SignInView,
    userAgent: string,
    origin: Origin,
  ): Promise<{ token: string; seconds: number } | undefined>;
  /** The person gives up. */
  cancel(view: SignInView, origin: Origin): Promise<void>;
  /**
   * @param pause what gives the pause its result, by the same statement
   * @returns false where it has ended meanwhile
   */
  finished(view: SignInView, acr: string, origin: Origin, pause: Finished['pause']): Promise<boolean>;
}

export interface SignInEndNeeds {
  accounts: Accounts;
  rememberedBrowsers: RememberedBrowsers;
  transactions: LoginTransactions;
  /** A place in words for an address, where a local file knows it. */
  placeOf(ip: string): string | null;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  organisation: Organisation;
}

export function createSignInEnd(n: SignInEndNeeds): SignInEnd {
  const mayRemember: SignInEnd['mayRemember'] = ({ step, judgement, transaction }) =>
    step.step === 'finish' && judgement && judgement.facts.rememberedAt === null && transaction.proofs.some(isStrong)
      ? (judgement.decision.rememberFor ?? undefined)
      : undefined;

  return {
    async postpone({ transaction, account, step }, origin) {
      const isOffered = (step.step === 'enrol' || step.step === 'prove') && step.mayPostpone;
      if (!isOffered || !account) return false;
      const now = n.clock.now();
      // Counted first: of several tabs at once only one takes the turn that was left.
      if (!(await n.accounts.postponed(account.id, account.graceSignIns, now))) return false;
      if (!(await n.transactions.postpone(transaction.uid, now))) return false;
      await n.audit({
        action: 'enrolment.postponed',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
      });
      return true;
    },

    mayRemember,

    async remember(view, userAgent, origin) {
      const seconds = mayRemember(view);
      const { account } = view;
      if (!seconds || !account) return undefined;
      const now = n.clock.now();
      const token = token256(n.random);
      const id = n.random.uuid();
      const browser = { id, accountId: account.id, userAgent, ip: origin.ip, expiresAt: addSeconds(now, seconds) };
      if (!(await n.rememberedBrowsers.add(browser, { signIn: view.transaction.uid }, token, now))) return undefined;
      await n.audit({
        action: 'browser.remembered',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: { browser: origin.browser, seconds },
      });
      return { token, seconds };
    },

    async cancel({ transaction, account }, origin) {
      if (await n.transactions.end(transaction.uid, undefined, 'cancelled')) {
        await n.audit({
          action: 'sign_in.cancelled',
          object: `client:${transaction.clientId}`,
          result: 'success',
          ...(account ? byAccount(account, origin) : { ...from(origin), actor: 'anonymous' }),
        });
      }
    },

    async finished({ transaction, account, client, judgement }, acr, origin, pause) {
      if (!account) return false;
      const event: AuditEvent = {
        action: 'sign_in.completed',
        object: `client:${transaction.clientId}`,
        result: 'success',
        ...byAccount(account, origin),
        detail: {
          acr,
          proofs: transaction.proofs,
          prompt: transaction.prompt,
          browser: origin.browser,
          // What the policy knew, so that another policy can be tried on it later.
          ...(judgement
            ? {
                policy: judgement.policyVersion,
                facts: judgement.facts,
                decided: judgement.decision,
                reportOnly: judgement.reportOnly,
              }
            : {}),
        },
      };
      const place = n.placeOf(origin.ip);
      const seen = await n.transactions.finish(
        transaction.uid,
        {
          accountId: account.id,
          isStrong: satisfies(acr, ACR_MFA),
          place: place ?? networkOf(origin.ip),
          event,
          pause,
        },
        n.clock.now(),
      );
      if (seen === undefined) return false;
      if (seen === 'new') {
        await n.audit({
          action: 'place.new',
          object: `account:${account.id}`,
          result: 'success',
          ...byAccount(account, origin),
          detail: { place },
        });
        n.notify(account, {
          kind: 'new_place',
          client: client?.name ?? n.organisation.name,
          browser: origin.browser,
          ip: origin.ip,
          place: place ?? '',
        });
      }
      return true;
    },
  };
}
