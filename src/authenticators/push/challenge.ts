import { createHash } from 'node:crypto';
import { addSeconds } from '../../core/clock.ts';
import { type Random, token128 } from '../../core/random.ts';
import type { ChallengeChannel, ChallengeContext, NewChallenge } from '../../store/challenges.ts';

/** ASVS 5.0, 6.5.5: an out-of-band request lives at most 10 minutes; we show it for two. */
export const SHOWN_SECONDS = 120;
export const HARD_CAP_SECONDS = 600;
/** Wrong numbers after which the challenge is denied. */
export const MOST_GUESSES = 3;

export interface ChallengeTarget {
  readonly accountId: string;
  readonly loginUid: string | null;
  readonly bindingId: string | null;
  /** Set where only one phone may answer. */
  readonly authenticatorId: string | null;
  readonly clientId: string | null;
  readonly channel: ChallengeChannel;
  readonly requestId?: string | null;
  readonly askedBy?: string | null;
}

/** A value we issued: a number to type, 128 bits to scan, and the context that the answer is signed over. */
export function makeChallenge(
  target: ChallengeTarget,
  context: ChallengeContext,
  numberLength: number,
  random: Random,
  now: Date,
): NewChallenge {
  return {
    ...target,
    requestId: target.requestId ?? null,
    askedBy: target.askedBy ?? null,
    id: token128(random),
    purpose: context.purpose,
    number: random.digits(numberLength),
    code: token128(random),
    context,
    contextDigest: contextDigest(context),
    expiresAt: addSeconds(now, SHOWN_SECONDS),
  };
}

/**
 * What was shown is what is signed: SHA-256, base64url, over the context's values joined by line feeds, in this
 * order. public/companion/crypto.js has its twin.
 */
export function contextDigest(c: ChallengeContext): string {
  const about = c.about ? [c.about.message, c.about.amount ?? '', c.about.to ?? ''] : [];
  const lines = [c.purpose, c.client, c.browser, c.ip, c.place ?? '', c.at, ...about];
  return createHash('sha256').update(lines.join('\n')).digest('base64url');
}
