import { compactVerify, importJWK } from 'jose';
import { z } from 'zod';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import { equalInConstantTime } from '../../crypto/digest.ts';
import type { Authenticator } from '../../store/authenticators.ts';
import type { Challenge, ChallengeSecrets } from '../../store/challenges.ts';

/** A phone's answer, as it was signed. */
const answerSchema = z.strictObject({
  aud: z.string(),
  challenge: z.string(),
  /** Digest of the context that was shown. */
  context: z.string(),
  decision: z.enum(['approve', 'deny', 'report']),
  /** The number that was typed... */
  number: z
    .string()
    .regex(/^\d{1,6}$/)
    .optional(),
  /** ...or the 128 bits that were scanned. */
  code: z.string().max(64).optional(),
  iat: z.number(),
});
export type SignedAnswer = z.infer<typeof answerSchema>;

/**
 * Checks that this authenticator's key signed this answer, for this challenge, over what was shown.
 * Whether the number is right is not decided here: that costs a guess.
 * Refusal: `answer_invalid`.
 */
export type VerifyAnswer = (
  jws: string,
  authenticator: Authenticator,
  challenge: Challenge,
) => Promise<Result<SignedAnswer>>;

export function createVerifyAnswer(publicUrl: string): VerifyAnswer {
  return async (jws, authenticator, challenge) => {
    if (!authenticator.publicJwk) return refuse('answer_invalid');
    try {
      const key = await importJWK({ ...authenticator.publicJwk }, 'ES256');
      const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['ES256'] });
      const answer = answerSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
      const isOurs =
        protectedHeader.typ === 'dubbelslot-answer+jws' &&
        protectedHeader.kid === authenticator.thumbprint &&
        answer.aud === publicUrl &&
        answer.challenge === challenge.id &&
        answer.context === challenge.contextDigest;
      return isOurs ? accept(answer) : refuse('answer_invalid');
    } catch {
      return refuse('answer_invalid');
    }
  };
}

/** Whether the number that was typed, or the code that was scanned, is the challenge's. One of them must be there. */
export function isRightAnswer(answer: SignedAnswer, secrets: ChallengeSecrets): boolean {
  if (answer.code !== undefined) return equalInConstantTime(answer.code, secrets.code);
  return answer.number !== undefined && equalInConstantTime(answer.number, secrets.number);
}
