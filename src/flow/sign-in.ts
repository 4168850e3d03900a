import type { VerifyPassword } from '../authenticators/password/verify.ts';
import { ACR_MFA, isRecovery, isStrong, type Proof, satisfies } from '../core/assurance.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock, secondsBetween } from '../core/clock.ts';
import { overloaded } from '../core/errors.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { HARD_STOP, isHardStop, WAITS } from '../policy/throttling.ts';
import type { Account } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { BindingBasis } from '../store/binding-sessions.ts';
import type { Challenge, ChallengeChannel, Challenges } from '../store/challenges.ts';
import type { Client, Clients } from '../store/clients.ts';
import type { LoginTransaction, LoginTransactions, Shown } from '../store/login-transactions.ts';
import type { CodeApp, Signer, Signers } from '../store/signers.ts';
import type { Throttle } from '../store/throttle.ts';
import { type Access, floorOf, type Judgement } from './access.ts';
import type { Approvals } from './approvals.ts';
import { type Audit, byAccount, from } from './audit.ts';
import { BINDING_SECONDS, type Binding } from './binding.ts';
import { newTransaction } from './new-transaction.ts';
import { nextStep, type Step } from './next-step.ts';

/** A person whom oidc-provider has paused for. */
export interface SignInRequest {
  readonly uid: string;
  readonly clientId: string;
  readonly prompt: 'login' | 'mfa';
  readonly requestedAcrs: readonly string[];
  /** Who is signed in already, for a step-up. */
  readonly session:
    | { readonly accountId: string; readonly amr: readonly string[]; readonly authTime: Date | null }
    | undefined;
}

/** Where a sign-in stands. */
export interface SignInView {
  readonly transaction: LoginTransaction;
  readonly client: Client | undefined;
  readonly account: Account | undefined;
  readonly authenticators: readonly Authenticator[];
  readonly codeApps: readonly CodeApp[];
  /** What the policy says, once it is known who signs in. */
  readonly judgement: Judgement | undefined;
  /** The newest challenge of this sign-in, answered or not. */
  readonly challenge: Challenge | undefined;
  readonly step: Step;
}

export interface Known {
  readonly transaction: LoginTransaction;
  /** Undefined where it is not known yet who signs in. */
  readonly signer: Signer | undefined;
}

export interface SignIn {
  /** Opens our row for an interaction, or finds it. @returns where it stands */
  open(request: SignInRequest, origin: Origin): Promise<SignInView>;
  /**
   * Where it stands; an approval that has come in is used on the way.
   * @param known our row and whose sign-in it is, where they were read a moment ago
   */
  look(uid: string, origin: Origin, known?: Known): Promise<SignInView | undefined>;
  /** Where it stands after one more proof, by what was read for this request. */
  goneOn(view: SignInView, transaction: LoginTransaction): SignInView;
  /**
   * Refusals: `wrong_credentials`, `wait`. The words and the time are the same for an unknown account.
   * @throws Fault `overloaded`
   */
  password(uid: string, email: string, password: string, origin: Origin): Promise<Result<void>>;
  /** Starts a challenge for a phone. Refusals: those of `Approvals.start`, `no_authenticator`. */
  askApproval(view: SignInView, origin: Origin, onlyFirst: boolean, channel?: ChallengeChannel): Promise<Result<void>>;
  /** The code that a store app showed after its approval. Refusals: `code_wrong`, `challenge_closed`. */
  appCode(view: SignInView, code: string, origin: Origin): Promise<Result<LoginTransaction>>;
  /** Opens the wizard, on what has been shown so far. @returns the token for the browser's cookie */
  enrol(view: SignInView, origin: Origin): Promise<{ token: string; ttlSeconds: number } | undefined>;
}

export interface SignInNeeds {
  authenticators: Authenticators;
  challenges: Challenges;
  clients: Clients;
  signers: Signers;
  throttle: Throttle;
  transactions: LoginTransactions;
  approvals: Approvals;
  verifyPassword: VerifyPassword;
  audit: Audit;
  binding: Binding;
  access: Access;
  clock: Clock;
  /** Whether no more passwords can be compared for the moment. */
  isBusy(): boolean;
  ttlSeconds: number;
}

export function createSignIn(n: SignInNeeds): SignIn {
  const known = async (transaction: LoginTransaction): Promise<Known> => ({
    transaction,
    signer: transaction.accountId ? await n.signers.byId(transaction.accountId) : undefined,
  });

  const situation = async ({ transaction, signer }: Known, origin: Origin): Promise<Omit<SignInView, 'step'>> => {
    const client = await n.clients.byId(transaction.clientId);
    const { account, authenticators = [], codeApps = [] } = signer ?? {};
    const mayHaveAsked = authenticators.some(({ kind }) => kind === 'push' || kind === 'store_app');
    const challenge =
      account && mayHaveAsked ? await n.challenges.latestOfLogin(transaction.uid, account.id) : undefined;
    const judgement =
      account &&
      (await n.access.judge({
        account,
        clientId: transaction.clientId,
        requested: transaction.requiredAcr,
        ip: origin.ip,
        rememberedToken: origin.rememberedToken,
        authenticators,
      }));
    return { transaction, client, account, authenticators, codeApps, challenge, judgement };
  };

  const withStep = (view: Omit<SignInView, 'step'>): SignInView => ({
    ...view,
    step: nextStep({
      ...view.transaction,
      access: view.judgement?.decision.access ?? ACR_MFA,
      enrolment: enrolmentFor(view),
      mayPostpone: view.judgement?.decision.mayPostpone ?? false,
      isPostponed: isPostponed(view),
      isPasswordFresh:
        view.transaction.authTime !== null && addSeconds(view.transaction.authTime, BINDING_SECONDS) > n.clock.now(),
      isPushFrozen: view.account?.pushFrozenAt != null,
      authenticators: view.authenticators,
    }),
  });

  /** The password of an account that failed too often in a row is disabled (NIST SP 800-63B-4, section 3.2.2). */
  const disablePassword = async (account: Account, origin: Origin): Promise<void> => {
    const stored = await n.authenticators.passwordOf(account.id);
    if (stored && (await n.authenticators.move(stored.id, ['active'], 'disabled', n.clock.now()))) {
      await n.audit({
        action: 'authenticator.disabled',
        object: `authenticator:${stored.id}`,
        result: 'success',
        ...byAccount(account, origin),
        actor: 'system',
        detail: { kind: 'password', reason: 'too many failures' },
      });
    }
  };

  return {
    goneOn: (view, transaction) => withStep({ ...view, transaction }),

    async open(request, origin) {
      const now = n.clock.now();
      const transaction = await n.transactions.open(newTransaction(request, addSeconds(now, n.ttlSeconds)), now);
      return withStep(await situation(await known(transaction), origin));
    },

    async look(uid, origin, given) {
      const found = given?.transaction ?? (await n.transactions.byUid(uid));
      if (!found) return undefined;
      const view = await situation(given ?? (await known(found)), origin);
      const { transaction, account, challenge } = view;
      if (
        account &&
        challenge?.accountId === account.id &&
        transaction.state === 'open' &&
        (await n.approvals.use(challenge))
      ) {
        const proof: Proof = challenge.isUserVerified ? 'verified_push' : 'push';
        const event = {
          action: 'challenge.used',
          object: `challenge:${challenge.id}`,
          result: 'success',
          ...byAccount(account, origin),
          detail: { seconds: secondsBetween(challenge.answeredAt ?? challenge.createdAt, n.clock.now()) },
        } as const;
        const proven = await n.transactions.prove(uid, { accountId: account.id, proof, event }, n.clock.now());
        return withStep({ ...view, transaction: proven ?? (await n.transactions.byUid(uid)) ?? transaction });
      }
      return withStep(view);
    },

    async password(uid, email, password, origin) {
      // Before anything is asked of the database: refusing must cost least when there is most to do.
      if (n.isBusy()) throw overloaded();
      const now = n.clock.now();
      const typed = email.trim().toLowerCase();
      const event = { action: 'password.verified', ...from(origin) } as const;
      const counter = `password:${typed}`;
      const { failures, signer } = await n.signers.tried(typed, n.throttle.counting(counter, WAITS, now));
      const account = signer?.account;
      const subject = account
        ? { object: `account:${account.id}`, accountId: account.id }
        : { object: 'account:unknown' };
      if (failures === undefined) {
        await n.audit({ ...event, ...subject, result: 'refused', actor: 'anonymous', detail: { reason: 'wait' } });
        return n.throttle.refusal(counter, now);
      }
      // Beyond the hard stop nothing is right any more; the work is done all the same.
      // A password that a directory knows, the directory locks: here one would stay locked with no way to renew it.
      const isSpent = failures > HARD_STOP && account?.source !== 'ldap';
      const usable = account?.status === 'active' && !isSpent ? account : undefined;
      const isRight = await n.verifyPassword(usable && signer, password).catch(async (error: unknown) => {
        const { code } = error as { code?: string };
        // A password that is kept here was compared all the same: without a count it could be guessed meanwhile.
        if (code === 'directory_unreachable')
          await n.audit({ ...event, ...subject, result: 'failure', actor: 'anonymous', detail: { reason: code } });
        else await n.throttle.takeBack(counter);
        throw error;
      });
      if (!usable || !isRight) {
        if (account && account.source !== 'ldap' && isHardStop(failures)) await disablePassword(account, origin);
        await n.audit({ ...event, ...subject, result: 'refused', actor: 'anonymous', detail: { failures } });
        return refuse('wrong_credentials');
      }
      const shown: Shown = {
        accountId: usable.id,
        proof: 'password',
        authenticatorId: signer?.password?.id,
        forgiven: n.throttle.counters(counter),
        event: { ...event, ...subject, result: 'success', actor: `account:${usable.id}` },
      };
      if (await n.transactions.start(uid, shown, now)) return accept(undefined);
      const detail = { reason: 'overtaken' };
      await n.audit({ ...event, ...subject, result: 'refused', actor: 'anonymous', detail });
      return refuse('wrong_credentials');
    },

    async askApproval({ account, transaction }, origin, onlyFirst, channel = 'companion') {
      if (!account) return refuse('no_authenticator');
      const started = await n.approvals.start({
        account,
        purpose: 'sign_in',
        channel,
        loginUid: transaction.uid,
        bindingId: null,
        authenticatorId: null,
        clientId: transaction.clientId,
        origin,
        onlyFirst,
      });
      return started.ok ? accept(undefined) : started;
    },

    async appCode({ account, challenge, transaction }, code, origin) {
      if (!account || !challenge) return refuse('challenge_closed');
      const event = {
        action: 'code.verified' as const,
        object: `challenge:${challenge.id}`,
        ...byAccount(account, origin),
        detail: { kind: 'store_app' },
      };
      const used = await n.approvals.useWithCode(challenge, code);
      const shown: Shown = { accountId: account.id, proof: 'push', event: { ...event, result: 'success' } };
      const proven = used.ok ? await n.transactions.prove(transaction.uid, shown, n.clock.now()) : undefined;
      if (proven) return accept(proven);
      await n.audit({ ...event, result: 'refused' });
      return used.ok ? refuse('challenge_closed') : used;
    },

    async enrol({ transaction, account, step }, origin) {
      if (step.step !== 'enrol' || !step.mayEnrol || !account) return undefined;
      const { proofs } = transaction;
      const basis = proofs.some(isStrong) ? 'mfa' : (proofs.find(isRecovery) ?? 'password');
      return n.binding.open(account, { signIn: transaction.uid }, basis as BindingBasis, origin);
    },
  };
}

/** After a reset by the helpdesk, the password alone opens no enrolment, whatever the policy lets others do. */
function enrolmentFor({ account, judgement }: Omit<SignInView, 'step'>): 'allow' | 'deny' | 'pass' {
  const allowed = judgement?.decision.enrolment ?? 'deny';
  return allowed === 'allow' && account?.passRequiredAt ? 'pass' : allowed;
}

/** What was put off counts only as long as nothing but the policy asks for it. */
const isPostponed = ({ transaction, judgement }: Omit<SignInView, 'step'>): boolean =>
  transaction.postponedAt !== null &&
  judgement?.decision.access === ACR_MFA &&
  !satisfies(floorOf(judgement.facts) ?? undefined, ACR_MFA);
