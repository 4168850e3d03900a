import type { BindPush } from '../authenticators/push/bind.ts';
import { areKeysValid, type EndpointRules, isEndpointAllowed } from '../authenticators/push/endpoint.ts';
import type { GateOptions, PushGate, RegistrationResponseJSON } from '../authenticators/push/gate.ts';
import type { VerifyProof } from '../authenticators/push/proof.ts';
import { makeTotpSecret } from '../authenticators/totp/code.ts';
import type { Origin } from '../core/audit.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import { normalizeTypedCode } from '../core/typed-code.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { BindingSessions } from '../store/binding-sessions.ts';
import type { Challenge, Challenges } from '../store/challenges.ts';
import type { PushSubscriptions } from '../store/push-subscriptions.ts';
import { type Audit, byPhone, from } from './audit.ts';

/** A phone that has proven its key, and whose it is. */
export interface Phone {
  readonly authenticator: Authenticator;
  readonly account: Account;
}

/** A phone that was just added, still to be tested or approved. */
export interface EnrolledPhone extends Phone {
  /** Base 32: with it the phone shows codes of its own, for when it has no network. Told this once. */
  readonly codeSecret: string;
  /** It comes in the place of another phone, which must approve it. */
  readonly isTransfer: boolean;
}

/** Whether a challenge is this phone's to see and to answer. */
export const isFor = ({ authenticator, account }: Phone, challenge: Challenge): boolean =>
  challenge.channel === 'companion' &&
  challenge.accountId === account.id &&
  (challenge.authenticatorId === null
    ? authenticator.state === 'active'
    : challenge.authenticatorId === authenticator.id);

export interface Companion {
  /** Whose phone is calling. Refusals: those of `VerifyProof`, `authenticator_unknown` (never bound, or revoked). */
  recognise(proof: string | undefined, method: string, path: string): Promise<Result<Phone>>;
  /**
   * Binds the key that made the proof to the account of an enrolment code.
   * Refusals: those of `VerifyProof`, the `enrolment_code_*`, `key_in_use`.
   */
  enrol(
    proof: string | undefined,
    path: string,
    code: string,
    label: string,
    origin: Origin,
  ): Promise<Result<EnrolledPhone>>;
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
  /** What the phone needs to make a passkey of its own, which gates its key from then on. */
  offerGate(phone: Phone): Promise<GateOptions>;
  /** Refusal: `gate_invalid`. */
  closeGate(phone: Phone, response: RegistrationResponseJSON, origin: Origin): Promise<Result<void>>;
  /** The phone forgets this account: its key is gone. */
  remove(phone: Phone, origin: Origin): Promise<void>;
}

export interface CompanionNeeds {
  accounts: Accounts;
  authenticators: Authenticators;
  bindings: BindingSessions;
  challenges: Challenges;
  subscriptions: PushSubscriptions;
  bindPush: BindPush;
  verifyProof: VerifyProof;
  gate: PushGate;
  endpointRules: EndpointRules;
  audit: Audit;
  clock: Clock;
  random: Random;
}

const HISTORY_LENGTH = 10;
const LONGEST_LABEL = 60;
/** How long a person may take to touch the sensor. */
const GATE_SECONDS = 300;

export function createCompanion(n: CompanionNeeds): Companion {
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
      const event = { action: 'authenticator.bound', ...from(origin) } as const;
      if (!used.ok) {
        // A code that nobody was given says nothing, and anyone could fill the log with such.
        if (used.refusal.code === 'enrolment_code_unknown') return used;
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
      const bound = await n.bindPush(account.id, proven.value, cut(label, LONGEST_LABEL), now);
      if (!bound.ok) return bound;
      if (!(await n.bindings.bound(binding.id, bound.value, now))) {
        await n.authenticators.move(bound.value, ['pending'], 'revoked', now);
        return refuse('enrolment_code_used');
      }
      const codeSecret = makeTotpSecret(n.random);
      await n.authenticators.add(
        {
          id: n.random.uuid(),
          accountId: account.id,
          kind: 'totp',
          label: cut(label, LONGEST_LABEL),
          state: 'pending',
          secret: codeSecret,
          parentId: bound.value,
        },
        now,
      );
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
      return accept({ authenticator, account, codeSecret, isTransfer: binding.replacesId !== null });
    },

    async subscribe({ authenticator, account }, subscription, origin) {
      const event = {
        action: 'push.subscribed',
        object: `authenticator:${authenticator.id}`,
        ...byPhone({ authenticator, account }, origin),
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

    async offerGate({ authenticator, account }) {
      const offered = await n.gate.offer(authenticator.id, account.email);
      await n.authenticators.offerGate(authenticator.id, offered.challenge, addSeconds(n.clock.now(), GATE_SECONDS));
      return offered;
    },

    async closeGate({ authenticator, account }, response, origin) {
      const challenge = await n.authenticators.takeGateChallenge(authenticator.id, n.clock.now());
      const made = challenge ? await n.gate.bind(challenge, response) : refuse('gate_invalid');
      const isClosed = made.ok && (await n.authenticators.addGate(authenticator.id, made.value));
      await n.audit({
        action: 'authenticator.gated',
        object: `authenticator:${authenticator.id}`,
        result: isClosed ? 'success' : 'refused',
        ...byPhone({ authenticator, account }, origin),
      });
      return isClosed ? accept(undefined) : refuse('gate_invalid');
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
        ...byPhone({ authenticator, account }, origin),
        detail: { kind: 'push' },
      });
    },
  };
}
