import type { Authority } from '../core/authority.ts';
import { PERMISSIONS, type Permission } from '../core/permissions.ts';
import type { RefusalCode } from '../core/refusals.ts';
import type { Role } from '../core/roles.ts';

const READS = PERMISSIONS.filter((permission) => permission.endsWith(':read'));

const BY_ROLE: Readonly<Record<Role, readonly Permission[]>> = {
  auditor: READS,
  helpdesk: [
    'accounts:read',
    'authenticators:read',
    'authenticators:reset',
    'passes:write',
    'invitations:write',
    'sessions:read',
    'sessions:end',
    'callers:verify',
    'cases:read',
    'cases:decide',
    'coverage:read',
  ],
  administrator: PERMISSIONS,
  owner: PERMISSIONS,
};

export const permissionsOf = (role: Role | null): readonly Permission[] => (role === null ? [] : BY_ROLE[role]);

/** The roles of those on whom somebody may act: never somebody as strong as themselves, but for an owner. */
const BELOW: Readonly<Record<Role, readonly (Role | null)[]>> = {
  auditor: [],
  helpdesk: [null],
  administrator: [null, 'auditor', 'helpdesk'],
  owner: [null, 'auditor', 'helpdesk', 'administrator', 'owner'],
};

export interface Target {
  readonly id: string;
  readonly role: Role | null;
  /** Who decides about them; `local` where it is not said. */
  readonly source?: 'local' | 'scim' | 'ldap';
}

/**
 * Why somebody may not act on an account (reset, pass, suspend, end sessions, change), or undefined where they may.
 * Nobody acts on themselves this way: their own page is for that (ASVS 5.0, 6.4.1).
 */
export function whyNotOn(
  by: Authority,
  target: Target,
): Extract<RefusalCode, 'own_account' | 'role_too_high'> | undefined {
  switch (by.kind) {
    case 'operator':
      return undefined;
    case 'machine':
      return target.role === null ? undefined : 'role_too_high';
    case 'directory':
      // Its own, whatever they became here; of others only those whom it may take over.
      if (target.source === by.source) return undefined;
      return target.role === null && target.source !== 'ldap' ? undefined : 'role_too_high';
    case 'person':
      if (by.accountId === target.id) return 'own_account';
      return BELOW[by.role].includes(target.role) ? undefined : 'role_too_high';
  }
}

/**
 * Why somebody may not be the second person for what `requestedBy` asked. A program is nobody's second person; nor is
 * whoever could be the program, because they give it its secrets.
 * @param requestedBy an actor, as the audit log names them
 */
export function whyNotSecond(
  by: { readonly actor: string; readonly authority: Authority },
  requestedBy: string,
): Extract<RefusalCode, `second_person_${string}`> | undefined {
  const { actor, authority } = by;
  if (requestedBy === actor) return 'second_person_same';
  if (authority.kind === 'machine' || authority.kind === 'directory') return 'second_person_machine';
  const keepsPrograms = authority.kind === 'person' && permissionsOf(authority.role).includes('clients:write');
  return requestedBy.startsWith('client:') && keepsPrograms ? 'second_person_keeper' : undefined;
}

/** The same for giving a role, or taking it: both what somebody has and what they get must be within reach. */
export function whyNotGive(
  by: Authority,
  target: Target,
  role: Role | null,
): Extract<RefusalCode, 'own_account' | 'role_too_high'> | undefined {
  const onTarget = whyNotOn(by, target);
  if (onTarget || by.kind === 'operator' || role === target.role) return onTarget;
  return by.kind === 'person' && BELOW[by.role].includes(role) ? undefined : 'role_too_high';
}
