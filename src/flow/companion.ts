import type { BindPush } from '../authenticators/push/bind.ts';
import { MOST_GUESSES } from '../authenticators/push/challenge.ts';
import { areKeysValid, type EndpointRules, isEndpointAllowed } from '../authenticators/push/endpoint.ts';
import type { VerifyProof } from '../authenticators/push/proof.ts';
import { isRightAnswer, type VerifyAnswer } from '../authenticators/push/verify.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { normalizeTypedCode } from '../core/typed-code.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { Challenge, ChallengeState, Challenges } from '../store/challenges.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { OpSessions } from '../store/op-sessions.ts';
import type { PushSubscriptions } from '../store/push-subscriptions.ts';
import type { Audit } from './audit.ts';
import type { Notify } from './notices.ts';

/** A phone that has proven its key, and whose it is. */
export interface Phone {
  readonly authenticator: Authenticator;
  readonly account: Account;
}

export interface Companion {
  /** Whose phone is calling. Refusals: those of `VerifyProof`, `authenticator_unknown` (never bound, or revoked). */
  recognise(proof: string | undefined, method: string, path: string): Promise<Result<Phone>>;
  /**
   * Binds the key that made the proof to the account of an enrolment code.
   * Refusals: those of `VerifyProof`, the `enrolment_code_*`, `key_in_use`.
   */
  enrol(proof: string | undefined, path: string, code: string, label: string, origin: Origin): Promise<Result<Phone>>;
  /** Refusals: `endpoint_not_allowed`, `subscription_invalid`. */
  subscribe(
    phone: Phone,
    subscription: { endpoint: string; p256dh: string; auth: string },
    origin: Origin,
  ): Promise<Result<void>>;
  unsubscribe(phone: Phone): Promise<void>;
  /** Whether we know where to wake it; a dead subscription has been removed. */
  hasSubscription(authenticatorId: string): Promise<boolean>;
  /** What waits for an answer from this phone. */
  open(phone: Phone): Promise<Challenge[]>;
  /** Refusal: `challenge_unknown`, also for a challenge that is somebody else's. */
  challenge(phone: Phone, id: string): Promise<Result<Challenge>>;
  byCode(phone: Phone, code: string): Promise<Result<Challenge>>;
  history(phone: Phone): Promise<Challenge[]>;
  /**
   * Refusals: `challenge_unknown`, `challenge_closed`, `challenge_expired`, `answer_invalid`, `wrong_number`
   * (with `triesLeft`), `push_frozen`.
   */
  answer(phone: Phone, challengeId: string, jws: string, origin: Origin): Promise<Result<ChallengeState>>;
  /** The phone forgets this account: its key is gone. */
  remove(phone: Phone, origin: Origin): Promise<void>;
}

export interface CompanionNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  bindings: BindingSessions;
  challenges: Challenges;
  opSessions: OpSessions;
  subscriptions: PushSubscriptions;
  transactions: LoginTransactions;
  bindPush: BindPush;
  verifyProof: VerifyProof;
  verifyAnswer: VerifyAnswer;
  endpointRules: EndpointRules;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}

const HISTORY_LENGTH = 10;
const LONGEST_LABEL = 60;

export function createCompanion(n: CompanionNeeds): Companion {
  const isFor = ({ authenticator, account }: Phone, challenge: Challenge): boolean =>
    challenge.accountId === account.id &&
    (challenge.authenticatorId === null
      ? authenticator.state === 'active'
      : challenge.authenticatorId === authenticator.id);

  /** What an answer leaves in the audit log: the signature is the evidence. */
  const record = (phone: Phone, challenge: Challenge, state: string, jws: string, origin: Origin): Promise<void> =>
    n.audit({
      action: `challenge.${state}`,
      object: `challenge:${challenge.id}`,
      result: state === 'approved' ? 'success' : 'refused',
      origin: origin.ip,
      actor: `authenticator:${phone.authenticator.id}`,
      accountId: phone.account.id,
      requestId: origin.requestId,
      detail: { evidence: jws, key: phone.authenticator.publicJwk, context: challenge.context },
    });

  const endWhatItWasFor = async (challenge: Challenge, reason: string): Promise<void> => {
    if (challenge.loginUid) await n.transactions.end(challenge.loginUid, reason);
  };

  /** "This was not me": somebody else has the password. Nothing that they started goes on. */
  const report = async (phone: Phone, challenge: Challenge, origin: Origin): Promise<void> => {
    const now = n.clock.now();
    const { account } = phone;
    const transaction = challenge.loginUid ? await n.transactions.byUid(challenge.loginUid) : undefined;
    await n.accounts.setPushFrozen(account.id, now, now);
    await n.bindings.endAll(account.id);
    const wasPasswordUsed = challenge.purpose === 'enrolment_test' || transaction?.proofs.includes('password') === true;
    if (wasPasswordUsed) await n.authenticators.revokeAll(account.id, ['password'], now);
    const sessions = await n.opSessions.revokeAll(account.id, now);
    await n.audit({
      action: 'account.push_frozen',
      object: `account:${account.id}`,
      result: 'success',
      origin: origin.ip,
      actor: `authenticator:${phone.authenticator.id}`,
      accountId: account.id,
      requestId: origin.requestId,
      detail: { challenge: challenge.id, passwordRevoked: wasPasswordUsed, sessionsEnded: sessions },
    });
    const { client, ip } = challenge.context;
    n.notify(account, { kind: 'not_me_reported', client, ip });
    for (const other of await n.accounts.list()) {
      if (other.role === 'owner' || other.role === 'administrator') {
        n.notify(other, { kind: 'not_me_alert', email: account.email, client, ip });
      }
    }
  };

  const close = async (
    phone: Phone,
    challenge: Challenge,
    state: 'approved' | 'denied' | 'reported' | 'wrong_number',
    jws: string,
    origin: Origin,
  ): Promise<boolean> => {
    if (!(await n.challenges.answer(challenge.id, state, phone.authenticator.id, n.clock.now()))) return false;
    await record(phone, challenge, state, jws, origin);
    if (state === 'approved') await n.authenticators.touch(phone.authenticator.id, n.clock.now());
    else await endWhatItWasFor(challenge, state);
    if (state === 'reported') await report(phone, challenge, origin);
    return true;
  };

  const closedNow = async (id: string): Promise<Result<never>> => {
    const challenge = await n.challenges.byId(id);
    return refuse(challenge?.state === 'open' ? 'challenge_expired' : 'challenge_closed');
  };

  return {
    async recognise(proof, method, path) {
      const proven = await n.verifyProof(proof, method, path, n.clock.now());
      if (!proven.ok) return proven;
      const authenticator = await n.authenticators.byThumbprint(proven.value.thumbprint);
      if (!authenticator || (authenticator.state !== 'active' && authenticator.state !== 'pending'))
        return refuse('authenticator_unknown');
      const account = await n.accounts.byId(authenticator.accountId);
      if (account?.status !== 'active') return refuse('authenticator_unknown');
      return accept({ authenticator, account });
    },

    async enrol(proof, path, code, label, origin) {
      const now = n.clock.now();
      const proven = await n.verifyProof(proof, 'POST', path, now);
      if (!proven.ok) return proven;
      const used = await n.bindings.useCode(normalizeTypedCode(code), now);
      const event = { action: 'authenticator.bound', origin: origin.ip, requestId: origin.requestId } as const;
      if (!used.ok) {
        await n.audit({
          ...event,
          object: 'enrolment_code',
          result: 'refused',
          actor: 'anonymous',
          detail: { reason: used.refusal.code },
        });
        return used;
      }
      const binding = used.value;
      const account = await n.accounts.byId(binding.accountId);
      if (account?.status !== 'active') return refuse('enrolment_code_unknown');
      const bound = await n.bindPush(account.id, proven.value, label.slice(0, LONGEST_LABEL), now);
      if (!bound.ok) return bound;
      if (!(await n.bindings.bound(binding.id, bound.value, now))) {
        await n.authenticators.move(bound.value, ['pending'], 'revoked', now);
        return refuse('enrolment_code_used');
      }
      const authenticator = await n.authenticators.byId(bound.value);
      if (!authenticator) return refuse('authenticator_unknown');
      await n.audit({
        ...event,
        object: `authenticator:${authenticator.id}`,
        result: 'success',
        actor: `account:${account.id}`,
        accountId: account.id,
        detail: { kind: 'push', label: authenticator.label, thumbprint: authenticator.thumbprint },
      });
      return accept({ authenticator, account });
    },

    async subscribe({ authenticator, account }, subscription, origin) {
      const event = {
        action: 'push.subscribed',
        object: `authenticator:${authenticator.id}`,
        origin: origin.ip,
        actor: `authenticator:${authenticator.id}`,
        accountId: account.id,
        requestId: origin.requestId,
      } as const;
      if (!isEndpointAllowed(subscription.endpoint, n.endpointRules)) {
        await n.audit({ ...event, result: 'refused', detail: { reason: 'endpoint not allowed' } });
        return refuse('endpoint_not_allowed');
      }
      if (!areKeysValid(subscription.p256dh, subscription.auth)) return refuse('subscription_invalid');
      await n.subscriptions.put({ ...subscription, authenticatorId: authenticator.id }, n.clock.now());
      await n.audit({ ...event, result: 'success', detail: { service: new URL(subscription.endpoint).hostname } });
      return accept(undefined);
    },

    unsubscribe: ({ authenticator }) => n.subscriptions.remove(authenticator.id),

    async hasSubscription(authenticatorId) {
      return (await n.subscriptions.of([authenticatorId])).length > 0;
    },

    async open(phone) {
      const challenges = await n.challenges.openOfAccount(phone.account.id, n.clock.now());
      return challenges.filter((challenge) => isFor(phone, challenge));
    },

    async challenge(phone, id) {
      const challenge = await n.challenges.byId(id);
      return challenge && isFor(phone, challenge) ? accept(challenge) : refuse('challenge_unknown');
    },

    async byCode(phone, code) {
      const challenge = await n.challenges.byCode(code);
      return challenge && isFor(phone, challenge) ? accept(challenge) : refuse('challenge_unknown');
    },

    async history(phone) {
      if (phone.authenticator.state !== 'active') return [];
      return n.challenges.recentOfAccount(phone.account.id, HISTORY_LENGTH);
    },

    async answer(phone, challengeId, jws, origin) {
      const challenge = await n.challenges.byId(challengeId);
      if (!challenge || !isFor(phone, challenge)) return refuse('challenge_unknown');
      const verified = await n.verifyAnswer(jws, phone.authenticator, challenge);
      if (!verified.ok) {
        await record(phone, challenge, 'answer_refused', jws.slice(0, 2000), origin);
        return verified;
      }
      const now = n.clock.now();
      if (challenge.state !== 'open') return refuse('challenge_closed');
      if (challenge.expiresAt <= now) return refuse('challenge_expired');
      const { decision } = verified.value;
      if (decision !== 'approve') {
        const state = decision === 'deny' ? 'denied' : 'reported';
        return (await close(phone, challenge, state, jws, origin)) ? accept(state) : closedNow(challengeId);
      }
      if (phone.account.pushFrozenAt) return refuse('push_frozen');
      // The guess is taken before the number is looked at: a hundred answers at once have three guesses too.
      const guesses = await n.challenges.guess(challenge.id, MOST_GUESSES, now);
      if (guesses === undefined) return closedNow(challengeId);
      const secrets = await n.challenges.secrets(challenge.id);
      if (secrets && isRightAnswer(verified.value, secrets)) {
        return (await close(phone, challenge, 'approved', jws, origin)) ? accept('approved') : closedNow(challengeId);
      }
      const triesLeft = MOST_GUESSES - guesses;
      if (triesLeft <= 0) await close(phone, challenge, 'wrong_number', jws, origin);
      else await record(phone, challenge, 'wrong_number', jws, origin);
      return refuse('wrong_number', { triesLeft });
    },

    async remove({ authenticator, account }, origin) {
      const now = n.clock.now();
      await n.subscriptions.remove(authenticator.id);
      const isRemoved =
        authenticator.state === 'pending'
          ? await n.authenticators.move(authenticator.id, ['pending'], 'revoked', now)
          : await n.authenticators.move(authenticator.id, ['active'], 'removed', now);
      if (!isRemoved) return;
      await n.audit({
        action: 'authenticator.removed',
        object: `authenticator:${authenticator.id}`,
        result: 'success',
        origin: origin.ip,
        actor: `authenticator:${authenticator.id}`,
        accountId: account.id,
        requestId: origin.requestId,
        detail: { kind: 'push' },
      });
    },
  };
}
