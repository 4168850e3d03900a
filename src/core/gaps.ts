/** What may be missing in somebody's coverage. */
export const GAPS = ['without', 'one_only', 'silent_phone', 'no_codes'] as const;
export type Gap = (typeof GAPS)[number];
