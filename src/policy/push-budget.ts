/**
 * How many approvals may be asked of a phone (ASVS 5.0, 6.6.4: push bombing).
 * Three in five minutes are free; then each waits longer; after ten without a success push is not offered.
 */
export const FREE_CHALLENGES = 3;
export const FREE_WINDOW_SECONDS = 300;
export const FIRST_WAIT_SECONDS = 10;
export const LONGEST_WAIT_SECONDS = 3600;
export const MOST_WITHOUT_SUCCESS = 10;

export type PushBudget =
  | { readonly may: 'send' }
  | { readonly may: 'wait'; readonly seconds: number }
  | { readonly may: 'exhausted' };

/**
 * @param sentAt when the challenges since the last success were sent, in any order
 */
export function pushBudget(sentAt: readonly Date[], now: Date): PushBudget {
  if (sentAt.length >= MOST_WITHOUT_SUCCESS) return { may: 'exhausted' };
  const recent = sentAt.filter((time) => now.getTime() - time.getTime() < FREE_WINDOW_SECONDS * 1000);
  if (sentAt.length < FREE_CHALLENGES || recent.length < FREE_CHALLENGES) return { may: 'send' };
  const last = Math.max(...sentAt.map((time) => time.getTime()));
  const wait = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (sentAt.length - FREE_CHALLENGES));
  const seconds = Math.ceil((last + wait * 1000 - now.getTime()) / 1000);
  return seconds > 0 ? { may: 'wait', seconds } : { may: 'send' };
}
