import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose';
import { z } from 'zod';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { PublicKey } from '../../store/authenticators.ts';
import type { UsedProofs } from '../../store/used-proofs.ts';

/** How far a phone's clock may be off, either way; also how long a proof is remembered. */
export const PROOF_WINDOW_SECONDS = 60;
const LONGEST_PROOF = 2048;

export interface ProvenKey {
  readonly jwk: PublicKey;
  /** RFC 7638. */
  readonly thumbprint: string;
  /** SHA-256 of the access token that it goes with (RFC 9449, section 4.2), where it names one. */
  readonly tokenDigest: string | undefined;
}

/**
 * Checks the DPoP proof of a call (RFC 9449, section 4.3): made by the key it names, for this method and address,
 * now, and shown for the first time.
 * Refusals: `proof_invalid`, `proof_time` (the phone's clock; `serverTime` helps), `proof_replayed`.
 */
export type VerifyProof = (
  proof: string | undefined,
  method: string,
  path: string,
  now: Date,
) => Promise<Result<ProvenKey>>;

const base64url256 = z.string().regex(/^[\w-]{43}$/);
/** Strict: a key that carries its private part is refused, not trimmed. */
export const publicKeySchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: base64url256,
  y: base64url256,
});
const claimsSchema = z.object({
  htm: z.string(),
  htu: z.string(),
  iat: z.number(),
  jti: z.string().min(8).max(128),
  ath: z.string().max(100).optional(),
});

export function createVerifyProof(usedProofs: UsedProofs, publicUrl: string): VerifyProof {
  return async (proof, method, path, now) => {
    if (!proof || proof.length > LONGEST_PROOF) return refuse('proof_invalid');
    let jwk: PublicKey;
    let claims: z.infer<typeof claimsSchema>;
    try {
      jwk = publicKeySchema.parse(decodeProtectedHeader(proof).jwk);
      const { payload } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256'],
        currentDate: now,
      });
      claims = claimsSchema.parse(payload);
    } catch {
      return refuse('proof_invalid');
    }
    if (claims.htm !== method || claims.htu !== publicUrl + path) return refuse('proof_invalid');
    const serverTime = Math.floor(now.getTime() / 1000);
    if (Math.abs(serverTime - claims.iat) > PROOF_WINDOW_SECONDS) return refuse('proof_time', { serverTime });
    const thumbprint = await calculateJwkThumbprint(jwk);
    const expiresAt = new Date((claims.iat + 2 * PROOF_WINDOW_SECONDS) * 1000);
    if (!(await usedProofs.use(`${thumbprint}.${claims.jti}`, expiresAt))) return refuse('proof_replayed');
    return accept({ jwk, thumbprint, tokenDigest: claims.ath });
  };
}
