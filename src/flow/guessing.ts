import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { type Result, refuse } from '../core/refusals.ts';
import { isHardStop, WAITS, WAITS_TOGETHER } from '../policy/throttling.ts';
import type { Account } from '../store/accounts.ts';
import type { AuthenticatorKind, Authenticators } from '../store/authenticators.ts';
import type { Counter, Throttle } from '../store/throttle.ts';
import { type Audit, byAccount } from './audit.ts';
import { RECOVERY_WAYS, STRONG_WAYS } from './next-step.ts';
import type { Notify } from './notices.ts';

/**
 * Guesses at an account's second factors: each kind is slowed on its own and all of them together; at the hard stop
 * the kind is disabled and must be bound again (NIST SP 800-63B-4, section 3.2.2).
 */
export interface Guessing {
  /** Counts a guess before it is looked at. Refusal: `wait`. @returns failures of this kind in a row, this one included */
  attempt(account: Account, kind: AuthenticatorKind): Promise<Result<number>>;
  /** What starts again where the guess was right, by whoever keeps the proof. */
  forgiven(account: Account, kind: AuthenticatorKind): readonly Counter[];
  /** What to answer to a wrong guess. Refusals: `refusal`, or `authenticator_disabled` at the hard stop. */
  wrong(
    account: Account,
    kind: AuthenticatorKind,
    failures: number,
    refusal: 'code_wrong' | 'recovery_code_wrong' | 'temporary_pass_wrong' | 'key_invalid',
    origin: Origin,
  ): Promise<Result<never>>;
  /** A new authenticator of this kind starts with no failures. */
  forget(accountId: string, kind: AuthenticatorKind): Promise<void>;
}

export interface GuessingNeeds {
  authenticators: Authenticators;
  throttle: Throttle;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}

/** Twenty wrong signatures in a row, then one in half a minute. Waits after n. */
const WAITS_FOR_KEYS: readonly number[] = [...Array<number>(20).fill(0), 30];

const ownKey = (kind: AuthenticatorKind, accountId: string): string => `${kind}:${accountId}`;
const togetherKey = (accountId: string): string => `second_factor:${accountId}`;

/** Every counter of guesses at somebody's second factor, for `Throttle.forgive`. */
export const guessesAt = (accountId: string): string[] => [
  ...[...STRONG_WAYS, ...RECOVERY_WAYS].map((kind) => ownKey(kind, accountId)),
  togetherKey(accountId),
];

export function createGuessing(n: GuessingNeeds): Guessing {
  return {
    async attempt({ id }, kind) {
      const now = n.clock.now();
      // A signature cannot be guessed: too many only wait a little, and nothing else waits with them.
      if (kind === 'webauthn') return n.throttle.attempt(ownKey(kind, id), WAITS_FOR_KEYS, now);
      const own = { what: ownKey(kind, id), waits: WAITS };
      return n.throttle.attemptBoth(own, { what: togetherKey(id), waits: WAITS_TOGETHER }, now);
    },

    forgiven: ({ id }, kind) => n.throttle.counters(ownKey(kind, id), togetherKey(id)),

    async wrong(account, kind, failures, refusal, origin) {
      if (kind === 'webauthn' || !isHardStop(failures)) return refuse(refusal);
      for (const id of await n.authenticators.disableAll(account.id, kind, n.clock.now())) {
        await n.audit({
          action: 'authenticator.disabled',
          object: `authenticator:${id}`,
          result: 'success',
          ...byAccount(account, origin),
          actor: 'system',
          detail: { kind, reason: 'too many failures' },
        });
      }
      n.notify(account, { kind: 'authenticator_disabled', ip: origin.ip });
      return refuse('authenticator_disabled');
    },

    async forget(accountId, kind) {
      await n.throttle.forgive(ownKey(kind, accountId));
    },
  };
}
