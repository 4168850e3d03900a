import { ACR_PHISHING_RESISTANT, type Acr, isPush, type Proof, satisfies } from '../core/assurance.ts';
import { type Assurance, assuranceOf } from '../policy/assurance.ts';
import type { AuthenticatorKind, AuthenticatorState } from '../store/authenticators.ts';

/** What comes next in a sign-in. */
export type Step =
  | { readonly step: 'password' }
  /** More information is required: no second authenticator yet, or a new one is due after a recovery code. */
  | { readonly step: 'enrol' }
  | { readonly step: 'approve' }
  /** Has authenticators, none of which can be used now. */
  | { readonly step: 'recover' }
  | { readonly step: 'finish'; readonly assurance: Assurance }
  /** Nothing this account has reaches what was asked. */
  | { readonly step: 'unreachable' }
  | { readonly step: 'ended'; readonly reason: string };

export interface Situation {
  readonly state: 'open' | 'finished' | 'ended';
  readonly endReason: string | null;
  readonly requiredAcr: Acr;
  readonly proofs: readonly Proof[];
  /** The password was given in the last ten minutes: what enrolment by a password alone needs. */
  readonly isPasswordFresh: boolean;
  readonly isPushFrozen: boolean;
  readonly authenticators: readonly { readonly kind: AuthenticatorKind; readonly state: AuthenticatorState }[];
}

const SECOND_FACTORS: readonly AuthenticatorKind[] = ['push'];

/** Pure: the same situation always has the same next step. */
export function nextStep(s: Situation): Step {
  if (s.state === 'ended') return { step: 'ended', reason: s.endReason ?? 'ended' };
  if (!s.proofs.includes('password')) return { step: 'password' };
  // No authenticator that we have yet resists phishing.
  if (s.requiredAcr === ACR_PHISHING_RESISTANT) return { step: 'unreachable' };
  // A recovery code opens the door to a new authenticator, not to the web app.
  if (s.proofs.includes('recovery_code') && !s.proofs.some(isPush)) return enrolment(s);
  const assurance = assuranceOf(s.proofs);
  if (satisfies(assurance.acr, s.requiredAcr)) return { step: 'finish', assurance };
  const second = s.authenticators.filter(({ kind }) => SECOND_FACTORS.includes(kind));
  if (!s.isPushFrozen && second.some(({ state }) => state === 'active')) return { step: 'approve' };
  // Lost, removed or disabled still counts as having had one: a password alone may not enrol again.
  const hasHadOne = s.isPushFrozen || second.some(({ state }) => state !== 'pending' && state !== 'revoked');
  return hasHadOne ? { step: 'recover' } : enrolment(s);
}

const enrolment = ({ isPasswordFresh }: Situation): Step => ({ step: isPasswordFresh ? 'enrol' : 'password' });
