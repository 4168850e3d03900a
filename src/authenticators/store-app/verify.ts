import { createPublicKey } from 'node:crypto';
import { equalInConstantTime } from '../../crypto/digest.ts';
import type { Authenticator } from '../../store/authenticators.ts';
import type { ChallengeSecrets } from '../../store/challenges.ts';
import { isSignedBy } from './wire.ts';

/** Whether this phone's key signed this text. */
export function isFromPhone(authenticator: Authenticator, text: string, signature: string): boolean {
  const jwk = authenticator.publicJwk;
  if (authenticator.kind !== 'store_app' || jwk?.kty !== 'RSA') return false;
  return isSignedBy(text, signature, createPublicKey({ key: { ...jwk }, format: 'jwk' }));
}

/** Whether this is the code that the phone showed after its approval; spaces do not matter. */
export const isShownCode = (typed: string, secrets: ChallengeSecrets): boolean =>
  equalInConstantTime(typed.replace(/\D/g, ''), secrets.number);
