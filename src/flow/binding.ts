import { makeRecoverySet } from '../authenticators/recovery-code/bind.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock, secondsUntil } from '../core/clock.ts';
import { type Random, token256 } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { formatTypedCode, normalizeTypedCode } from '../core/typed-code.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { BindingBasis, BindingSession, BindingSessions } from '../store/binding-sessions.ts';
import type { Challenge, Challenges } from '../store/challenges.ts';
import type { RecoveryCodes } from '../store/recovery-codes.ts';
import type { Standing } from '../store/standing.ts';
import type { Approvals } from './approvals.ts';
import { type Audit, byAccount } from './audit.ts';
import type { AnnounceBound } from './bound.ts';

/** NIST SP 800-63B-4, section 4.1.2: an enrolment code sent nowhere but shown, ten minutes, once. */
export const BINDING_SECONDS = 600;
/** Twelve times as long, by pressing (WCAG 2.2, 2.2.1: at least ten); a code is shown no longer for it. */
const LONGEST_SECONDS = 7200;
const CODE_BYTES = 16;

/** Where an enrolment stands. */
export interface BindingView {
  readonly session: BindingSession;
  readonly account: Account;
  /** The phone that was added in it. */
  readonly authenticator: Authenticator | undefined;
  readonly test: Challenge | undefined;
}

export interface EnrolmentOffer {
  /** The address in the QR code, with the code in the fragment. */
  readonly qrUrl: string;
  /** The same code, for typing. */
  readonly typed: string;
  readonly secondsLeft: number;
}

export interface Binding {
  /** @returns the token for the browser's cookie; undefined where what it stands on has ended */
  open(
    account: Account,
    on: Standing,
    basis: BindingBasis,
    origin: Origin,
  ): Promise<{ token: string; ttlSeconds: number } | undefined>;
  look(token: string | undefined): Promise<BindingView | undefined>;
  /** The sign-in to go back to when the ten minutes are over, if it still can go on. */
  interrupted(token: string): Promise<string | undefined>;
  /** Ten minutes from now on, for whoever needs longer; not after two hours. A code that is being typed goes on working. */
  moreTime(token: string, view: BindingView, origin: Origin): Promise<void>;
  /** The code to scan: the one that is open, or a new one where it expired, or where there is more time by now. */
  offer(view: BindingView): Promise<EnrolmentOffer>;
  /** A real challenge, to the new phone alone. Refusals: `binding_not_ready`, those of `Approvals.start`. */
  startTest(view: BindingView, origin: Origin): Promise<Result<void>>;
  /** Uses the test's approval: the authenticator becomes active. @returns whether the binding is done */
  completeTest(view: BindingView, origin: Origin): Promise<boolean>;
  /** Gives up the phone that was added, to try another. */
  startAgain(view: BindingView, origin: Origin): Promise<void>;
  /**
   * Codes to keep, made once; the same ones again on a reload while the binding lasts. Undefined where the account has
   * a set that may stay.
   */
  recoveryCodes(view: BindingView, origin: Origin): Promise<readonly string[] | undefined>;
}

export interface BindingNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  bindings: BindingSessions;
  challenges: Challenges;
  approvals: Approvals;
  recoveryCodes: RecoveryCodes;
  audit: Audit;
  announceBound: AnnounceBound;
  clock: Clock;
  random: Random;
  publicUrl: string;
}

export function createBinding(n: BindingNeeds): Binding {
  return {
    async open(account, on, basis, origin) {
      const now = n.clock.now();
      const token = token256(n.random);
      const session = {
        id: n.random.uuid(),
        accountId: account.id,
        loginUid: 'signIn' in on ? on.signIn : null,
        basis,
        replacesId: null,
        expiresAt: addSeconds(now, BINDING_SECONDS),
      };
      if (!(await n.bindings.add(session, on, token, now))) return undefined;
      await n.audit({
        action: 'binding.started',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
      });
      return { token, ttlSeconds: BINDING_SECONDS };
    },

    async look(token) {
      const session = token ? await n.bindings.byToken(token, n.clock.now()) : undefined;
      const account = session && (await n.accounts.byId(session.accountId));
      if (!session || account?.status !== 'active') return undefined;
      const [authenticator, test] = await Promise.all([
        session.authenticatorId ? n.authenticators.byId(session.authenticatorId) : undefined,
        n.challenges.latestOfBinding(session.id),
      ]);
      return { session, account, authenticator, test: test?.authenticatorId === authenticator?.id ? test : undefined };
    },

    interrupted: (token) => n.bindings.openLoginOf(token, n.clock.now()),

    async moreTime(token, { account }, origin) {
      const now = n.clock.now();
      const until = addSeconds(now, BINDING_SECONDS);
      if (!(await n.bindings.extend(token, until, addSeconds(now, -LONGEST_SECONDS), now))) return;
      await n.audit({
        action: 'binding.extended',
        object: `account:${account.id}`,
        result: 'success',
        ...byAccount(account, origin),
      });
    },

    offer: ({ session }) => offerCode(n, session),

    async startTest({ session, account, authenticator }, origin) {
      const kind = authenticator?.kind;
      if (session.state !== 'bound' || !authenticator || (kind !== 'push' && kind !== 'store_app'))
        return refuse('binding_not_ready');
      const started = await n.approvals.start({
        account,
        purpose: 'enrolment_test',
        channel: kind === 'push' ? 'companion' : 'store_app',
        loginUid: null,
        bindingId: session.id,
        authenticatorId: authenticator.id,
        clientId: null,
        origin,
      });
      return started.ok ? accept(undefined) : started;
    },

    async completeTest({ session, account, authenticator, test }, origin) {
      if (session.state === 'tested') return true;
      const now = n.clock.now();
      if (!authenticator || test?.bindingId !== session.id || !(await n.approvals.use(test))) return false;
      if (!(await n.bindings.complete(session, now))) return false;
      const proof = test.isUserVerified ? 'verified_push' : 'push';
      await n.announceBound({ session, account }, authenticator, proof, origin, { challenge: test.id });
      return true;
    },

    async startAgain({ session, authenticator, account }, origin) {
      const now = n.clock.now();
      if (authenticator && (await n.authenticators.move(authenticator.id, ['pending'], 'revoked', now))) {
        await n.audit({
          action: 'authenticator.revoked',
          object: `authenticator:${authenticator.id}`,
          result: 'success',
          ...byAccount(account, origin),
          detail: { reason: 'enrolment started again' },
        });
      }
      await n.bindings.reopen(session.id, now);
    },

    async recoveryCodes({ session, account }, origin) {
      if (session.state !== 'tested') return undefined;
      const shown = await n.bindings.recoveryCodes(session.id);
      if (shown) return shown;
      // After a recovery code a new set is due; whoever used their last one has none.
      if (session.basis !== 'recovery_code' && (await n.recoveryCodes.left(account.id)) > 0) return undefined;
      const made = makeRecoverySet(account.id, n.random);
      const issued = await n.bindings.issueRecoveryCodes(
        session.id,
        made.set,
        { shown: made.codes, plain: made.plain },
        n.clock.now(),
      );
      if (issued === made.codes) {
        await n.audit({
          action: 'recovery_codes.issued',
          object: `account:${account.id}`,
          result: 'success',
          ...byAccount(account, origin),
          detail: { count: issued.length },
        });
      }
      return issued;
    },
  };
}

/** The code to scan: the one that is open, or a new one where it expired. */
export async function offerCode(
  n: { bindings: BindingSessions; clock: Clock; random: Random; publicUrl: string },
  session: BindingSession,
): Promise<EnrolmentOffer> {
  const now = n.clock.now();
  const { expiresAt } = session;
  const shown = await n.bindings.openCode(session.id, now);
  const open =
    shown && shown.expiresAt >= expiresAt
      ? shown
      : await n.bindings.addCode(
          session,
          { code: normalizeTypedCode(formatTypedCode(n.random.bytes(CODE_BYTES))), expiresAt },
          now,
        );
  return {
    qrUrl: `${n.publicUrl}/app#e=${open.code}`,
    typed: open.code.match(/.{1,4}/g)?.join('-') ?? open.code,
    secondsLeft: secondsUntil(now, open.expiresAt),
  };
}
