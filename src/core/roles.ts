/** Who looks after an installation; weakest first. */
export const ROLES = ['auditor', 'helpdesk', 'administrator', 'owner'] as const;
export type Role = (typeof ROLES)[number];
