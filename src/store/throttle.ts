import { addSeconds, secondsUntil } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { keyedDigest } from '../crypto/digest.ts';
import type { SecretKey } from '../crypto/secret-key.ts';
import type { Database } from './database.ts';

export interface Throttle {
  /**
   * Counts a try before its proof is checked, so that tries at the same time cannot share one count.
   * `waitAfter` tells the seconds to wait after so many failures.
   * Refusal: `wait`, which counts nothing.
   * @returns failures in a row, this one included until `forgive` is called
   */
  attempt(what: string, waitAfter: (failures: number) => number, now: Date): Promise<Result<number>>;
  /** The proof was right: the count starts again. */
  forgive(what: string): Promise<void>;
}

/** `what` may hold an e-mail address as it was typed: only its keyed digest is stored. */
export function createThrottle({ sql }: Database, secret: SecretKey): Throttle {
  const key = secret.derive('throttle');
  const keyOf = (what: string): string => keyedDigest(key, what).toString('base64url');
  return {
    async attempt(what, waitAfter, now) {
      const id = keyOf(what);
      const [row] = await sql<{
        failures: number;
      }>`INSERT INTO throttle (key, failures, updated_at) VALUES (${id}, 1, ${now})
        ON CONFLICT (key) DO UPDATE SET failures = throttle.failures + 1, updated_at = ${now}
          WHERE throttle.retry_at IS NULL OR throttle.retry_at <= ${now} RETURNING failures`;
      if (!row) {
        const [blocked] = await sql<{ retryAt: Date | null }>`SELECT retry_at FROM throttle WHERE key = ${id}`;
        return refuse('wait', { retryAfterSeconds: Math.max(1, secondsUntil(now, blocked?.retryAt ?? now)) });
      }
      const wait = waitAfter(row.failures);
      if (wait > 0) {
        await sql`UPDATE throttle SET retry_at = greatest(retry_at, ${addSeconds(now, wait)}::timestamptz) WHERE key = ${id}`;
      }
      return accept(row.failures);
    },
    async forgive(what) {
      await sql`DELETE FROM throttle WHERE key = ${keyOf(what)}`;
    },
  };
}
