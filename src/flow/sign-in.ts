import type { VerifyPassword } from '../authenticators/password/verify.ts';
import { type Acr, acrNamed, isRecovery, isStrong, type Proof } from '../core/assurance.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { proofsOf } from '../policy/assurance.ts';
import { networkOf } from '../policy/networks.ts';
import { requiredAcr } from '../policy/requirements.ts';
import { HARD_STOP, isHardStop, WAITS } from '../policy/throttling.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { BindingBasis } from '../store/binding-sessions.ts';
import type { Challenge, Challenges } from '../store/challenges.ts';
import type { Client, Clients } from '../store/clients.ts';
import type { KnownPlaces } from '../store/known-places.ts';
import type { LoginTransaction, LoginTransactions } from '../store/login-transactions.ts';
import type { Throttle } from '../store/throttle.ts';
import type { Approvals } from './approvals.ts';
import { type Audit, byAccount, from } from './audit.ts';
import { BINDING_SECONDS, type Binding } from './binding.ts';
import { nextStep, type Step } from './next-step.ts';
import type { Notify } from './notices.ts';

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
  /** The newest challenge of this sign-in, answered or not. */
  readonly challenge: Challenge | undefined;
  readonly step: Step;
}

export interface SignIn {
  /** Opens our row for an interaction, or finds it. */
  open(request: SignInRequest): Promise<LoginTransaction>;
  /** Where it stands; an approval that has come in is used on the way. */
  look(uid: string, origin: Origin): Promise<SignInView | undefined>;
  /** Refusals: `wrong_credentials`, `wait`. The words and the time are the same for an unknown account. */
  password(uid: string, email: string, password: string, origin: Origin): Promise<Result<void>>;
  /** Sends a challenge to the phone. Refusals: those of `Approvals.start`, `no_authenticator`. */
  askApproval(view: SignInView, origin: Origin, onlyFirst: boolean): Promise<Result<void>>;
  /** Opens the wizard, on what has been shown so far. @returns the token for the browser's cookie */
  enrol(view: SignInView, origin: Origin): Promise<{ token: string; ttlSeconds: number } | undefined>;
  /** The person gives up. */
  cancel(view: SignInView, origin: Origin): Promise<void>;
  finished(view: SignInView, acr: string, origin: Origin): Promise<void>;
}

export interface SignInNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  challenges: Challenges;
  clients: Clients;
  throttle: Throttle;
  transactions: LoginTransactions;
  approvals: Approvals;
  verifyPassword: VerifyPassword;
  audit: Audit;
  binding: Binding;
  knownPlaces: KnownPlaces;
  /** A place in words for an address, where a local file knows it. */
  placeOf(ip: string): string | null;
  notify: Notify;
  organisation: string;
  clock: Clock;
  ttlSeconds: number;
}

export function createSignIn(n: SignInNeeds): SignIn {
  const situation = async (transaction: LoginTransaction): Promise<Omit<SignInView, 'step'>> => {
    const account = transaction.accountId ? await n.accounts.byId(transaction.accountId) : undefined;
    const [client, authenticators, challenge] = await Promise.all([
      n.clients.byId(transaction.clientId),
      account ? n.authenticators.ofAccount(account.id) : [],
      account ? n.challenges.latestOfLogin(transaction.uid, account.id) : undefined,
    ]);
    return { transaction, client, account, authenticators, challenge };
  };

  const withStep = (view: Omit<SignInView, 'step'>): SignInView => ({
    ...view,
    step: nextStep({
      ...view.transaction,
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
    async open(request) {
      const now = n.clock.now();
      const client = await n.clients.byId(request.clientId);
      const { session } = request;
      const isStepUp = request.prompt === 'mfa' && session !== undefined;
      return n.transactions.open(
        {
          uid: request.uid,
          clientId: request.clientId,
          prompt: request.prompt,
          requiredAcr: requiredAcr(client?.requiredAcr ?? DEFAULT_REQUIRED, request.requestedAcrs),
          accountId: isStepUp ? session.accountId : null,
          proofs: isStepUp ? proofsOf(session.amr) : [],
          authTime: isStepUp ? session.authTime : null,
          expiresAt: addSeconds(now, n.ttlSeconds),
        },
        now,
      );
    },

    async look(uid, origin) {
      const transaction = await n.transactions.byUid(uid);
      if (!transaction) return undefined;
      const view = await situation(transaction);
      const { account, challenge } = view;
      if (
        account &&
        challenge?.accountId === account.id &&
        transaction.state === 'open' &&
        (await n.approvals.use(challenge))
      ) {
        const proof: Proof = challenge.isUserVerified ? 'verified_push' : 'push';
        if (await n.transactions.prove(uid, account.id, proof, n.clock.now())) {
          await n.audit({
            action: 'challenge.used',
            object: `challenge:${challenge.id}`,
            result: 'success',
            ...byAccount(account, origin),
          });
        }
        return withStep(await situation((await n.transactions.byUid(uid)) ?? transaction));
      }
      return withStep(view);
    },

    async password(uid, email, password, origin) {
      const now = n.clock.now();
      const typed = email.trim().toLowerCase();
      const event = { action: 'password.verified', ...from(origin) } as const;
      const tried = await n.throttle.attempt(`password:${typed}`, WAITS, now);
      const account = await n.accounts.byEmail(typed);
      const subject = account
        ? { object: `account:${account.id}`, accountId: account.id }
        : { object: 'account:unknown' };
      if (!tried.ok) {
        await n.audit({ ...event, ...subject, result: 'refused', actor: 'anonymous', detail: { reason: 'wait' } });
        return tried;
      }
      // Beyond the hard stop nothing is right any more; the work is done all the same.
      const usable = account?.status === 'active' && tried.value <= HARD_STOP ? account : undefined;
      const isRight = await n.verifyPassword(usable?.id, password).catch(async (error: unknown) => {
        await n.throttle.takeBack(`password:${typed}`);
        throw error;
      });
      if (!usable || !isRight) {
        if (account && isHardStop(tried.value)) await disablePassword(account, origin);
        await n.audit({
          ...event,
          ...subject,
          result: 'refused',
          actor: 'anonymous',
          detail: { failures: tried.value },
        });
        return refuse('wrong_credentials');
      }
      await n.throttle.forgive(`password:${typed}`);
      if (!(await n.transactions.start(uid, usable.id, 'password', now))) return refuse('wrong_credentials');
      await n.audit({ ...event, ...subject, result: 'success', actor: `account:${usable.id}` });
      return accept(undefined);
    },

    async askApproval({ account, transaction }, origin, onlyFirst) {
      if (!account) return refuse('no_authenticator');
      return n.approvals.start({
        account,
        purpose: 'sign_in',
        loginUid: transaction.uid,
        bindingId: null,
        authenticatorId: null,
        clientId: transaction.clientId,
        origin,
        onlyFirst,
      });
    },

    async enrol({ transaction, account, step }, origin) {
      if (step.step !== 'enrol' || !account) return undefined;
      const { proofs } = transaction;
      const basis = proofs.some(isStrong) ? 'mfa' : (proofs.find(isRecovery) ?? 'password');
      return n.binding.open(account, transaction.uid, basis as BindingBasis, origin);
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

    async finished({ transaction, account, client }, acr, origin) {
      await n.transactions.finish(transaction.uid);
      await n.audit({
        action: 'sign_in.completed',
        object: `client:${transaction.clientId}`,
        result: 'success',
        ...(account ? byAccount(account, origin) : { ...from(origin), actor: 'anonymous' }),
        detail: { acr, proofs: transaction.proofs, prompt: transaction.prompt, browser: origin.browser },
      });
      if (!account) return;
      const place = n.placeOf(origin.ip);
      const seen = await n.knownPlaces.see(account.id, place ?? networkOf(origin.ip), n.clock.now());
      if (seen === 'new') {
        n.notify(account, {
          kind: 'new_place',
          client: client?.name ?? n.organisation,
          browser: origin.browser,
          ip: origin.ip,
          place: place ?? '',
        });
      }
    },
  };
}

/** Closed unless it says open: a client that says nothing needs a second factor. */
const DEFAULT_REQUIRED: Acr = acrNamed('mfa')!;
