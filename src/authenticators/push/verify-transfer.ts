import { compactVerify, importJWK } from 'jose';
import { z } from 'zod';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { Authenticator } from '../../store/authenticators.ts';

/** What the old phone signs to hand its account over: this enrolment, and this new key. */
const transferSchema = z.strictObject({
  aud: z.string(),
  transfer: z.string(),
  /** RFC 7638 thumbprint of the new phone's key. */
  key: z.string(),
  iat: z.number(),
});

/** Checks that this phone's key signed this transfer, to this new key. Refusal: `answer_invalid`. */
export type VerifyTransfer = (
  jws: string,
  authenticator: Authenticator,
  expected: { readonly transfer: string; readonly key: string },
) => Promise<Result<void>>;

export function createVerifyTransfer(publicUrl: string): VerifyTransfer {
  return async (jws, authenticator, expected) => {
    if (!authenticator.publicJwk) return refuse('answer_invalid');
    try {
      const key = await importJWK({ ...authenticator.publicJwk }, 'ES256');
      const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['ES256'] });
      const said = transferSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
      const isOurs =
        protectedHeader.typ === 'dubbelslot-transfer+jws' &&
        protectedHeader.kid === authenticator.thumbprint &&
        said.aud === publicUrl &&
        said.transfer === expected.transfer &&
        said.key === expected.key;
      return isOurs ? accept(undefined) : refuse('answer_invalid');
    } catch {
      return refuse('answer_invalid');
    }
  };
}
