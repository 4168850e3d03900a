import { ACR_MFA, ACR_PASSWORD, type Acr, type Proof } from '../core/assurance.ts';

/** What each proof says of itself, in the words of RFC 8176. */
const METHODS: Readonly<Record<Proof, readonly string[]>> = {
  password: ['pwd'],
  // Proof of possession, with a key kept in software, over another channel.
  push: ['pop', 'swk', 'mca'],
  // The phone's platform authenticator verified its user as well: possession and inherence or knowledge.
  verified_push: ['pop', 'swk', 'mca', 'user'],
  recovery_code: ['otp'],
};

const SECOND_FACTORS: readonly Proof[] = ['push', 'verified_push', 'recovery_code'];

export interface Assurance {
  readonly acr: Acr | undefined;
  readonly amr: readonly string[];
}

/** Adds up what was shown. A second factor counts only beside the password. */
export function assuranceOf(proofs: readonly Proof[]): Assurance {
  const hasPassword = proofs.includes('password');
  const isMultiFactor = hasPassword && proofs.some((proof) => SECOND_FACTORS.includes(proof));
  const methods = proofs.flatMap((proof) => METHODS[proof]);
  return {
    acr: isMultiFactor ? ACR_MFA : hasPassword ? ACR_PASSWORD : undefined,
    amr: [...new Set(isMultiFactor ? [...methods, 'mfa'] : methods)],
  };
}

/** The proofs that a session's `amr` stands for, so that a step-up goes on from them. */
export function proofsOf(amr: readonly string[]): Proof[] {
  const proofs: Proof[] = [];
  if (amr.includes('pwd')) proofs.push('password');
  if (amr.includes('mca')) proofs.push(amr.includes('user') ? 'verified_push' : 'push');
  return proofs;
}
