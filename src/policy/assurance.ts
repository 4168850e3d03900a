import {
  ACR_MFA,
  ACR_PASSWORD,
  ACR_PHISHING_RESISTANT,
  type Acr,
  FEDERATED,
  isKey,
  isPasskey,
  isRecovery,
  isStrong,
  type Proof,
} from '../core/assurance.ts';

/** What each proof says of itself, in the words of RFC 8176. */
const METHODS: Readonly<Record<Proof, readonly string[]>> = {
  password: ['pwd'],
  mail_link: [],
  federated: [FEDERATED],
  // Proof of possession, with a key kept in software, over another channel.
  push: ['pop', 'swk', 'mca'],
  // The phone's platform authenticator verified its user as well: possession and inherence or knowledge.
  verified_push: ['pop', 'swk', 'mca', 'user'],
  totp: ['otp'],
  // A key that does not leave its device, by the authenticator's own word (WebAuthn, section 6.1.3).
  security_key: ['pop', 'hwk'],
  synced_key: ['pop', 'swk'],
  passkey: ['pop', 'hwk', 'user'],
  synced_passkey: ['pop', 'swk', 'user'],
  recovery_code: ['otp'],
  temporary_pass: ['otp'],
};

export interface Assurance {
  readonly acr: Acr | undefined;
  readonly amr: readonly string[];
}

/** Adds up what was shown. A second factor counts only beside the password; a passkey is two factors by itself. */
export function assuranceOf(proofs: readonly Proof[]): Assurance {
  const acr = classOf(proofs);
  const methods = proofs.flatMap((proof) => METHODS[proof]);
  const isMultiFactor = acr === ACR_MFA || acr === ACR_PHISHING_RESISTANT;
  return { acr, amr: [...new Set(isMultiFactor ? [...methods, 'mfa'] : methods)] };
}

/**
 * What an approval is worth by itself, with nothing typed before: the phone's key is one factor; where the phone
 * verified its user as well, two (NIST SP 800-63B-4, section 3.1.3: multi-factor out-of-band).
 */
export function assuranceOfApproval(isUserVerified: boolean): { readonly acr: Acr; readonly amr: readonly string[] } {
  return isUserVerified
    ? { acr: ACR_MFA, amr: [...METHODS.verified_push, 'mfa'] }
    : { acr: ACR_PASSWORD, amr: METHODS.push };
}

function classOf(proofs: readonly Proof[]): Acr | undefined {
  if (proofs.some(isPasskey)) return ACR_PHISHING_RESISTANT;
  if (!proofs.includes('password') && !proofs.includes('federated')) return undefined;
  if (proofs.some(isKey)) return ACR_PHISHING_RESISTANT;
  return proofs.some((proof) => isStrong(proof) || isRecovery(proof)) ? ACR_MFA : ACR_PASSWORD;
}

/** The proofs that a session's `amr` stands for, so that a step-up goes on from them: never more than was shown. */
export function proofsOf(amr: readonly string[]): Proof[] {
  const has = (method: string): boolean => amr.includes(method);
  const proofs: Proof[] = [];
  if (has('pwd')) proofs.push('password');
  if (has(FEDERATED)) proofs.push('federated');
  // `user` may be the phone's or the key's word: where both were used, neither gets it.
  if (has('mca')) proofs.push(has('user') && !has('hwk') ? 'verified_push' : 'push');
  if (has('otp')) proofs.push('totp');
  if (has('hwk')) proofs.push(has('user') && !has('mca') ? 'passkey' : 'security_key');
  else if (has('swk') && !has('mca')) proofs.push(has('user') ? 'synced_passkey' : 'synced_key');
  return proofs;
}
