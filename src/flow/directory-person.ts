import type { RefusalCode } from '../core/refusals.ts';
import type { Account } from '../store/accounts.ts';
import { isEmail } from './administration.ts';
import { changesFrom, type PersonInDirectory } from './directory.ts';
import { differences, whyNotChange } from './people.ts';

export type PersonPlan =
  | { readonly what: 'nothing' }
  | { readonly what: 'add'; readonly person: PersonInDirectory }
  | { readonly what: 'change'; readonly before: Account; readonly person: PersonInDirectory }
  | { readonly what: 'refuse'; readonly code: RefusalCode };

/** With the authority of the directory alone: what it may, whoever started the reading. */
const BY = { actor: '', origin: '', authority: { kind: 'directory', source: 'ldap' } } as const;

/**
 * What comes of a person whom the directory names. Pure.
 *
 * The directory's own id is who somebody is. Their address only finds somebody who was here before the directory was, may
 * sign in and has no role: an address can be written by whoever has an entry, and is given to the next one when somebody
 * leaves. Refusals: `account_revoked`, `email_twice`, `email_invalid`, `account_exists`, `role_too_high`.
 * @param own whom the directory keeps by this id
 * @param other who has the address here
 */
export function decidePerson({
  own,
  other,
  isTwice,
  person,
}: {
  readonly own: Account | undefined;
  readonly other: Account | undefined;
  readonly isTwice: boolean;
  readonly person: Omit<PersonInDirectory, 'isActive' | 'notifyEmail'>;
}): PersonPlan {
  const refuse = (code: RefusalCode): PersonPlan => ({ what: 'refuse', code });
  const isOfAnother = other !== undefined && other.id !== own?.id;
  if (own?.status === 'revoked' || (!own && other?.status === 'revoked')) return refuse('account_revoked');
  if (isTwice) return refuse('email_twice');
  if (!isEmail(person.email)) return refuse('email_invalid');
  if (isOfAnother && (own || other.source === 'ldap' || other.status !== 'active')) return refuse('account_exists');
  const before = own ?? other;
  const said: PersonInDirectory = { ...person, notifyEmail: before?.notifyEmail ?? null, isActive: true };
  if (!before) return { what: 'add', person: said };
  const wanted = changesFrom(said, 'ldap');
  if (Object.keys(differences(before, wanted)).length === 0) return { what: 'nothing' };
  const why = whyNotChange(before, wanted, BY);
  return why ? refuse(why.code) : { what: 'change', before, person: said };
}
