import {
  ACR_PASSWORD,
  ACR_PHISHING_RESISTANT,
  type Acr,
  isPasskey,
  isRecovery,
  isStrong,
  type Proof,
  satisfies,
} from '../core/assurance.ts';
import { type Assurance, assuranceOf } from '../policy/assurance.ts';
import type { AuthenticatorKind, AuthenticatorState } from '../store/authenticators.ts';

/** A way to prove a second factor. */
export type Way = Exclude<AuthenticatorKind, 'password'>;

/** Strongest first: this is the order in which they are offered. */
export const STRONG_WAYS: readonly Way[] = ['webauthn', 'push', 'store_app', 'totp'];
/** They lead to a new authenticator, not to the web app. */
export const RECOVERY_WAYS: readonly Way[] = ['recovery_code', 'temporary_pass'];

/** What comes next in a sign-in. */
export type Step =
  | { readonly step: 'password' }
  /**
   * More information is required: no second authenticator yet, a new one is due after a recovery code, or none of
   * those there are reaches what was asked (`needsKey`).
   */
  | {
      readonly step: 'enrol';
      readonly needsKey: boolean;
      readonly mayPostpone: boolean;
      /** The policy lets it happen here; where it does not, it can only be put off. */
      readonly mayEnrol: boolean;
    }
  /** The policy says no: to this sign-in, or to setting up a second factor here. */
  | { readonly step: 'denied'; readonly what: 'sign_in' | 'enrolment' }
  /** One of these, strongest first; those that lead to a new authenticator come last. */
  | { readonly step: 'prove'; readonly ways: readonly Way[]; readonly mayPostpone: boolean }
  /** Came by a link that was mailed, and has proven a second factor, or never had one. */
  | { readonly step: 'new_password' }
  | { readonly step: 'finish'; readonly assurance: Assurance }
  | { readonly step: 'ended'; readonly reason: string };

export interface Situation {
  readonly state: 'open' | 'finished' | 'ended';
  readonly endReason: string | null;
  /** What the policy, the web app and its request ask together. */
  readonly access: Acr | 'deny';
  readonly enrolment: 'allow' | 'deny' | 'pass';
  readonly mayPostpone: boolean;
  /** Was put off, with the policy's leave: the password is enough this time. */
  readonly isPostponed: boolean;
  readonly proofs: readonly Proof[];
  /** The first factor was given in the last ten minutes: what enrolment needs. */
  readonly isPasswordFresh: boolean;
  readonly isPushFrozen: boolean;
  readonly authenticators: readonly { readonly kind: AuthenticatorKind; readonly state: AuthenticatorState }[];
}

/** Lost, removed or disabled still counts as having had one: a password alone may not enrol again. */
export const hasHadSecondFactor = ({
  authenticators,
  isPushFrozen,
}: Pick<Situation, 'authenticators' | 'isPushFrozen'>): boolean =>
  isPushFrozen ||
  authenticators.some(
    ({ kind, state }) => STRONG_WAYS.some((way) => way === kind) && state !== 'pending' && state !== 'revoked',
  );

/** Pure: the same situation always has the same next step. */
export function nextStep(s: Situation): Step {
  if (s.state === 'ended') return { step: 'ended', reason: s.endReason ?? 'ended' };
  const has = (proof: Proof): boolean => s.proofs.includes(proof);
  const hasFirst = has('password') || has('mail_link') || has('federated') || s.proofs.some(isPasskey);
  if (!hasFirst) return { step: 'password' };

  const second = s.authenticators.filter(({ kind }) => STRONG_WAYS.some((way) => way === kind));
  const canUse = (way: Way): boolean =>
    second.some(({ kind, state }) => kind === way && state === 'active') &&
    !((way === 'push' || way === 'store_app') && s.isPushFrozen);
  const usable = STRONG_WAYS.filter(canUse);
  const hasHadOne = hasHadSecondFactor(s);
  const isProven = s.proofs.some(isStrong);
  const hasRecovered = s.proofs.some(isRecovery);
  const prove: Step = { step: 'prove', ways: [...usable, ...RECOVERY_WAYS], mayPostpone: false };

  if (s.access === 'deny') return { step: 'denied', what: 'sign_in' };
  // A new password never bypasses the second factor: that comes first.
  if (has('mail_link') && !has('password'))
    return isProven || hasRecovered || !hasHadOne ? { step: 'new_password' } : prove;
  // A recovery code opens the door to a new authenticator, not to the web app.
  if (hasRecovered && !isProven) return enrolment(s, false);
  const assurance = assuranceOf(s.proofs);
  if (satisfies(assurance.acr, s.isPostponed && !hasHadOne ? ACR_PASSWORD : s.access))
    return { step: 'finish', assurance };
  const needsKey = s.access === ACR_PHISHING_RESISTANT;
  if (needsKey && canUse('webauthn'))
    return { step: 'prove', ways: ['webauthn', ...RECOVERY_WAYS], mayPostpone: false };
  // Whoever has proven another second factor may add the key that is asked for.
  if (needsKey && isProven) return enrolment(s, true);
  return hasHadOne ? prove : enrolment(s, needsKey);
}

/** Setting up a second factor, where the policy lets it happen, or putting that off. */
function enrolment(s: Situation, needsKey: boolean): Step {
  const { mayPostpone } = s;
  const { proofs } = s;
  // What somebody else has checked opens nothing here: a first authenticator would be a way in to everything.
  const isOnlyFederated = proofs.includes('federated') && !proofs.includes('password');
  const allowed = isOnlyFederated && s.enrolment === 'allow' ? 'pass' : s.enrolment;
  const mayEnrol = allowed === 'allow' || proofs.some((proof) => isStrong(proof) || isRecovery(proof));
  if (!mayEnrol && allowed === 'pass') return { step: 'prove', ways: ['temporary_pass'], mayPostpone };
  if (!mayEnrol && !mayPostpone) return { step: 'denied', what: 'enrolment' };
  return s.isPasswordFresh ? { step: 'enrol', needsKey, mayPostpone, mayEnrol } : { step: 'password' };
}
