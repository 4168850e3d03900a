import type { Role } from './roles.ts';

/**
 * On whose authority something is done. `operator`: whoever has the machine itself (its command line); `person`: one of
 * those who look after the installation; `machine`: a program with a registration of its own; `directory`: the organisation's, of those whom it keeps.
 */
export type Authority =
  | { readonly kind: 'operator' }
  | { readonly kind: 'person'; readonly accountId: string; readonly role: Role }
  | { readonly kind: 'machine'; readonly clientId: string }
  | { readonly kind: 'directory'; readonly source: 'scim' | 'ldap' };
