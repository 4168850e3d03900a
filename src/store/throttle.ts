import { secondsUntil } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { keyedDigest } from '../crypto/digest.ts';
import type { SecretKey } from '../crypto/secret-key.ts';
import { type Database, type Fragment, fragment, these } from './database.ts';

/** The key of a counter, which tells nothing of what is counted. */
export type Counter = string & { readonly counter: true };

/** What a try counts for, and how long to wait after how many. */
export interface Waits {
  readonly what: string;
  readonly waits: readonly number[];
}

export interface Throttle {
  /**
   * Counts a try before its proof is checked, so that tries at the same time cannot share one count.
   * `waits[n]` is how many seconds to wait after n failures; beyond its end the last one counts. The wait is written
   * by the very statement that counts: of a hundred tries at once only those before the first wait get through.
   * Refusal: `wait`, which counts nothing.
   * @returns failures in a row, this one included until `forgive` is called
   */
  attempt(what: string, waits: readonly number[], now: Date): Promise<Result<number>>;
  /** The same, as a query `counted` for another table's statement (`Signers.tried`); it gives `failures`, or no row: wait. */
  counting(what: string, waits: readonly number[], now: Date): Fragment;
  /** Refusal of a try that was not counted. */
  refusal(what: string, now: Date): Promise<Result<never>>;
  /**
   * Counts a try that stands under two waits, by one statement: for both, or for neither where one of them says `wait`.
   * @returns failures in a row of the first
   */
  attemptBoth(first: Waits, second: Waits, now: Date): Promise<Result<number>>;
  /** The proof was right: the count starts again. */
  forgive(...what: readonly string[]): Promise<void>;
  /** The same, by the statement of another table that keeps the proof (`LoginTransactions.prove`). */
  counters(...what: readonly string[]): readonly Counter[];
  /** The proof was not looked at, by our own fault: the try does not count. */
  takeBack(what: string): Promise<void>;
}

/**
 * `what` may hold an e-mail address as it was typed: only its keyed digest is stored. Nothing here waits for the disk: the
 * audit event of the outcome does, before anybody is told.
 */
export function createThrottle({ relaxedSql: sql }: Database, secret: SecretKey): Throttle {
  const key = secret.derive('throttle');
  const keyOf = (what: string): string => keyedDigest(key, what).toString('base64url');
  const takeBack = async (counter: string): Promise<void> => {
    await sql`UPDATE throttle SET failures = greatest(failures - 1, 0), retry_at = NULL WHERE key = ${counter}`;
  };
  const counting: Throttle['counting'] = (what, waits, now) =>
    fragment`counted AS (INSERT INTO throttle (key, failures, updated_at) VALUES (${keyOf(what)}, 1, ${now})
      ON CONFLICT (key) DO UPDATE SET failures = throttle.failures + 1, updated_at = ${now},
        retry_at = ${now}::timestamptz + make_interval(secs => nullif((${waits}::int[])[least(throttle.failures + 2, ${waits.length}::int)], 0))
        WHERE throttle.retry_at IS NULL OR throttle.retry_at <= ${now} RETURNING failures)`;
  const refusal: Throttle['refusal'] = async (what, now) => {
    const [blocked] = await sql<{ retryAt: Date | null }>`SELECT retry_at FROM throttle WHERE key = ${keyOf(what)}`;
    return wait(blocked?.retryAt, now);
  };
  return {
    counting,
    refusal,
    async attempt(what, waits, now) {
      const [row] = await sql<{ failures: number }>`WITH ${counting(what, waits, now)} SELECT failures FROM counted`;
      return row ? accept(row.failures) : refusal(what, now);
    },
    async attemptBoth(first, second, now) {
      const [one, two] = [keyOf(first.what), keyOf(second.what)];
      const rows = await sql<{ key: string; failures: number }>`WITH waiting AS (SELECT 1 FROM throttle
          WHERE key IN (${one}, ${two}) AND retry_at > ${now})
        INSERT INTO throttle (key, failures, updated_at)
          SELECT key, 1, ${now} FROM unnest(${[one, two].sort()}::text[]) AS key WHERE NOT EXISTS (SELECT 1 FROM waiting)
        ON CONFLICT (key) DO UPDATE SET failures = throttle.failures + 1, updated_at = ${now},
          retry_at = ${now}::timestamptz + make_interval(secs => nullif((CASE WHEN throttle.key = ${one}
            THEN (${first.waits}::int[])[least(throttle.failures + 2, ${first.waits.length}::int)]
            ELSE (${second.waits}::int[])[least(throttle.failures + 2, ${second.waits.length}::int)] END), 0))
          WHERE throttle.retry_at IS NULL OR throttle.retry_at <= ${now} RETURNING key, failures`;
      const counted = rows.find(({ key }) => key === one);
      if (counted && rows.length === 2) return accept(counted.failures);
      // Of many at once one may have begun to wait between our look and our count.
      for (const { key: counter } of rows) await takeBack(counter);
      const [blocked] = await sql<{ retryAt: Date | null }>`SELECT max(retry_at) AS retry_at FROM throttle
        WHERE key IN (${one}, ${two})`;
      return wait(blocked?.retryAt, now);
    },
    takeBack: (what) => takeBack(keyOf(what)),
    counters: (...what) => what.map((each) => keyOf(each) as Counter),
    async forgive(...what) {
      // In one order, as they are counted: two at once must not wait for each other.
      await sql`DELETE FROM throttle WHERE key IN (SELECT key FROM throttle
        WHERE key IN (${these(what.map(keyOf))}) ORDER BY key COLLATE "C" FOR UPDATE)`;
    },
  };
}

const wait = (until: Date | null | undefined, now: Date): Result<never> =>
  refuse('wait', { retryAfterSeconds: Math.max(1, secondsUntil(now, until ?? now)) });
