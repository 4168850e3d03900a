/**
 * How long to wait after consecutive failures with one authenticator (NIST SP 800-63B-4, section 3.2.2:
 * at most 100 consecutive failures; waits that grow). A new code or challenge never resets the count.
 */
export const FREE_FAILURES = 4;
export const FIRST_WAIT_SECONDS = 30;
export const LONGEST_WAIT_SECONDS = 3600;
/** At this many consecutive failures the authenticator is disabled and must be bound again (limit in NIST: 100). */
export const HARD_STOP = 50;

/** Seconds to wait before the next try, after `failures` in a row. */
export function waitAfter(failures: number): number {
  if (failures <= FREE_FAILURES) return 0;
  return Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (failures - FREE_FAILURES - 1));
}

/** The same as a table, for the statement that counts: `WAITS[n]` after n failures. */
export const WAITS: readonly number[] = Array.from({ length: HARD_STOP + 1 }, (_, failures) => waitAfter(failures));

export const isHardStop = (failures: number): boolean => failures >= HARD_STOP;

/** Failures in a row over all of an account's second factors together, before these wait too. */
const FREE_TOGETHER = 12;

/** Waits for all second factors of an account together: trying one after the other gains little. */
export const WAITS_TOGETHER: readonly number[] = Array.from({ length: 2 * HARD_STOP + 1 }, (_, failures) =>
  waitAfter(Math.max(0, failures - FREE_TOGETHER + FREE_FAILURES)),
);
