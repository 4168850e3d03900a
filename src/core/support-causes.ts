/** Why somebody needs a reset or a pass: the answers a form offers. */
export const CASE_CAUSES = ['lost', 'stolen', 'broken', 'replaced', 'other'] as const;
export type CaseCause = (typeof CASE_CAUSES)[number];
