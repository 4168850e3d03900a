import { z } from 'zod';
import type { PersonView } from '../../flow/people.ts';
import type { Account } from '../../store/accounts.ts';
import { email, iso, isoOrNull, role, time, timeOrNull, uuid } from './schemas.ts';

/** How a person, and what they have, looks to a program. */

export const status = z.enum(['active', 'suspended', 'revoked']);

export const account = z
  .strictObject({
    id: uuid,
    email,
    displayName: z.string(),
    notifyEmail: email.nullable().describe('A second address that notices go to.'),
    // Its file may be gone since.
    locale: z.string().nullable(),
    role: role.nullable(),
    status,
    source: z.enum(['local', 'scim', 'ldap']).describe('Who decides about name, address and status.'),
    externalId: z.string().nullable().describe('The directory’s own id of the person.'),
    groups: z.array(z.string()),
    isPushFrozen: z
      .boolean()
      .describe('The person said “this was not me”: notifications are off until they are helped.'),
    passRequiredAt: timeOrNull.describe('Since when the next enrolment takes a temporary pass.'),
    lastStrongAt: timeOrNull.describe('The last sign-in with two factors.'),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Account' });

export const authenticator = z
  .strictObject({
    id: uuid,
    kind: z.enum(['password', 'push', 'store_app', 'totp', 'webauthn', 'recovery_code', 'temporary_pass']),
    label: z.string().describe('What its owner calls it.'),
    state: z.enum(['active', 'disabled']),
    verifiesUser: z.boolean().describe('A phone that checks who holds it before each approval.'),
    isSynced: z.boolean().nullable().describe('A passkey that its provider may copy between devices.'),
    partOf: uuid.nullable().describe('The phone that a code belongs to.'),
    createdAt: time,
    lastUsedAt: timeOrNull,
    expiresAt: timeOrNull,
  })
  .meta({ id: 'Authenticator' });

export const session = z
  .strictObject({
    userAgent: z.string().nullable(),
    ip: z.string().nullable(),
    createdAt: time,
    lastUsedAt: time,
    clientIds: z.array(z.string()).describe('Web apps that were opened in it.'),
  })
  .meta({ id: 'Session' });

export const shownAccount = (a: Account): z.infer<typeof account> => ({
  id: a.id,
  email: a.email,
  displayName: a.displayName,
  notifyEmail: a.notifyEmail,
  locale: a.locale,
  role: a.role,
  status: a.status,
  source: a.source,
  externalId: a.externalId,
  groups: [...a.groups],
  isPushFrozen: a.pushFrozenAt !== null,
  passRequiredAt: isoOrNull(a.passRequiredAt),
  lastStrongAt: isoOrNull(a.lastStrongAt),
  createdAt: iso(a.createdAt),
  updatedAt: iso(a.updatedAt),
});

export const shownAuthenticators = ({ authenticators }: PersonView): z.infer<typeof authenticator>[] =>
  authenticators.map((a) => ({
    id: a.id,
    kind: a.kind,
    label: a.label,
    state: a.state as 'active' | 'disabled',
    verifiesUser: a.gate !== null,
    isSynced: a.credential?.isSynced ?? null,
    partOf: a.parentId,
    createdAt: iso(a.createdAt),
    lastUsedAt: isoOrNull(a.lastUsedAt),
    expiresAt: isoOrNull(a.expiresAt),
  }));
