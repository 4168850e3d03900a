import type { AuditAction } from '../core/audit-actions.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut, LONGEST_NAME } from '../core/text.ts';
import type { Account, AccountChanges, AccountSource, Accounts } from '../store/accounts.ts';
import type { DirectoryGroup, DirectoryGroups, GroupContent, WrittenGroup } from '../store/directory-groups.ts';
import { type Administrator, doneBy } from './actor.ts';
import type { Administration } from './administration.ts';
import type { Audit } from './audit.ts';
import type { People } from './people.ts';

/** What a directory says of a person. */
export interface PersonInDirectory {
  readonly email: string;
  readonly displayName: string;
  /** Where they are written to, if not to `email`. */
  readonly notifyEmail: string | null;
  readonly isActive: boolean;
  readonly externalId: string | null;
  /** Without them, the groups that are kept here stay. */
  readonly groups?: readonly string[];
}

/**
 * The organisation's directory decides who there is. It takes over whom it names among those without a role; whoever
 * looks after this installation is out of its reach, unless it made them.
 */
export interface Directory {
  /** Refusals: those of `Administration.addAccount`. Nobody is mailed. */
  addPerson(person: PersonInDirectory, by: Administrator): Promise<Result<Account>>;
  /**
   * Refusals: those of `People.change`. Somebody who is not active any more is signed out everywhere at once.
   * @param version what was read, where only a part of it is meant to change
   */
  changePerson(id: string, person: PersonInDirectory, by: Administrator, version?: number): Promise<Result<Account>>;
  /** For good. Refusals: those of `People.change`. */
  removePerson(id: string, by: Administrator): Promise<Result<Account>>;
  /** Refusals: `group_exists`, `account_unknown` (a member). */
  addGroup(group: GroupContent, by: Administrator): Promise<Result<DirectoryGroup>>;
  /**
   * Refusals: `group_unknown`, `group_exists`, `account_unknown`.
   * @param read what was read, where only a part of it is meant to change
   */
  changeGroup(id: string, group: GroupContent, by: Administrator, read?: GroupContent): Promise<Result<DirectoryGroup>>;
  /** Refusal: `group_unknown`. */
  removeGroup(id: string, by: Administrator): Promise<Result<void>>;
}

/** Of those who came into a group or left it, as many are named in its audit event. */
const MOST_NAMED = 500;

/** What a directory says of a person, as changes of their account. */
export const changesFrom = (
  { isActive, ...person }: PersonInDirectory,
  source: Exclude<AccountSource, 'local'>,
): AccountChanges => ({ ...person, source, status: isActive ? 'active' : 'suspended' });

export function createDirectory(n: {
  source: Exclude<AccountSource, 'local'>;
  accounts: Accounts;
  directoryGroups: DirectoryGroups;
  administration: Administration;
  people: People;
  audit: Audit;
  clock: Clock;
  random: Random;
}): Directory {
  const { source } = n;
  /** With the authority of the directory instead of the program that speaks for it. */
  const asDirectory = (by: Administrator): Administrator => ({ ...by, authority: { kind: 'directory', source } });

  const note = (action: AuditAction, { group, added, removed }: WrittenGroup, by: Administrator): ReturnType<Audit> =>
    n.audit({
      action,
      object: `group:${group.id}`,
      result: 'success',
      ...doneBy(by),
      detail: {
        name: group.displayName,
        added: added.slice(0, MOST_NAMED),
        removed: removed.slice(0, MOST_NAMED),
        addedCount: added.length,
        removedCount: removed.length,
      },
    });

  const areKnown = async (members: readonly string[]): Promise<boolean> => {
    const ids = [...new Set(members)];
    return (await n.accounts.byIds(ids)).filter(({ status }) => status !== 'revoked').length === ids.length;
  };

  return {
    async addPerson({ isActive, ...person }, by) {
      const who = asDirectory(by);
      const added = await n.administration.addAccount({ ...person, isSilent: true, source }, who);
      return added.ok && !isActive ? n.people.change(added.value.id, { status: 'suspended' }, who) : added;
    },

    changePerson: (id, person, by, version) =>
      n.people.change(id, changesFrom(person, source), asDirectory(by), version),

    removePerson: (id, by) => n.people.change(id, { source, status: 'revoked' }, asDirectory(by)),

    async addGroup(group, by) {
      if (!(await areKnown(group.members))) return refuse('account_unknown');
      const now = n.clock.now();
      const displayName = cut(group.displayName.trim(), LONGEST_NAME);
      const made = { id: n.random.uuid(), displayName, externalId: group.externalId, createdAt: now, updatedAt: now };
      const added = await n.directoryGroups.add(made, group.members);
      if (!added.ok) return added;
      await note('group.added', added.value, by);
      return accept(made);
    },

    async changeGroup(id, group, by, read) {
      const seen = new Set(read?.members);
      if (!(await areKnown(group.members.filter((member) => !seen.has(member))))) return refuse('account_unknown');
      const displayName = cut(group.displayName.trim(), LONGEST_NAME);
      const changed = await n.directoryGroups.change(id, { ...group, displayName }, n.clock.now(), read);
      if (!changed.ok) return changed;
      await note('group.changed', changed.value, by);
      return accept(changed.value.group);
    },

    async removeGroup(id, by) {
      const group = await n.directoryGroups.byId(id);
      const removed = await n.directoryGroups.remove(id);
      if (!group || !removed) return refuse('group_unknown');
      await n.audit({
        action: 'group.removed',
        object: `group:${id}`,
        result: 'success',
        ...doneBy(by),
        detail: { name: group.displayName, removedCount: removed.length },
      });
      return accept(undefined);
    },
  };
}
