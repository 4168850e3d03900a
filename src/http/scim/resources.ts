import SCIMMY from 'scimmy';
import type { Refusal } from '../../core/refusals.ts';
import { UUID } from '../../core/uuid.ts';
import type { Administrator } from '../../flow/actor.ts';
import type { Directory } from '../../flow/directory.ts';
import type { Account, Accounts } from '../../store/accounts.ts';
import type { DirectoryGroups, GroupContent, WholeGroup } from '../../store/directory-groups.ts';
import { groupShape, userShape } from './shapes.ts';

/** What stands behind the two resources, for one call. */
export interface ScimContext {
  readonly directory: Directory;
  readonly accounts: Accounts;
  readonly directoryGroups: DirectoryGroups;
  readonly by: Administrator;
  /** Of a PATCH: what it changes a part of, once that is read: the person's version, or the group. */
  readonly patched?: { version?: number; group?: GroupContent };
}

/** A refusal in the words of RFC 7644, section 3.12. */
export function scimError({ code }: Refusal): InstanceType<typeof SCIMMY.Types.Error> {
  switch (code) {
    case 'account_exists':
    case 'group_exists':
      return new SCIMMY.Types.Error(409, 'uniqueness', 'Another one has this name or id already.');
    case 'account_unknown':
    case 'group_unknown':
      return new SCIMMY.Types.Error(404, null as never, 'There is no such resource, or a member is not known.');
    case 'email_invalid':
      return new SCIMMY.Types.Error(400, 'invalidValue', 'userName must be an e-mail address.');
    case 'role_too_high':
      return new SCIMMY.Types.Error(
        403,
        null as never,
        'This person looks after this installation: change them there.',
      );
    case 'last_owner':
      return new SCIMMY.Types.Error(409, null as never, 'This is the last owner.');
    case 'version_changed':
      return new SCIMMY.Types.Error(
        412,
        null as never,
        'Somebody else changed this person at the same moment: ask again.',
      );
    case 'kept_elsewhere':
      return new SCIMMY.Types.Error(403, null as never, 'This person is kept by another directory.');
    default:
      return new SCIMMY.Types.Error(400, 'invalidValue', code);
  }
}

interface UserIn {
  readonly userName: string;
  readonly displayName: string;
  readonly emails?: readonly { readonly value?: string }[];
  readonly active: boolean;
  readonly externalId?: string;
}

const personFrom = (user: UserIn) => {
  const mailbox = user.emails?.[0]?.value?.trim().toLowerCase();
  return {
    email: user.userName.trim(),
    displayName: user.displayName.trim() || user.userName,
    // Where we write to.
    notifyEmail: mailbox ?? null,
    isActive: user.active,
    externalId: user.externalId ?? null,
  };
};

const known = (account: Account | undefined): Account => {
  if (!account || account.status === 'revoked') throw scimError({ code: 'account_unknown' });
  return account;
};

/** People with the groups that they are in, whose names are looked up once. */
export async function usersWith({ directoryGroups }: ScimContext, accounts: readonly Account[]) {
  const groups = await directoryGroups.byNames([...new Set(accounts.flatMap((account) => account.groups))]);
  return accounts.map((account) => userShape(account, groups));
}

const userWith = async (context: ScimContext, account: Account) => (await usersWith(context, [account]))[0]!;

async function wholeGroup({ directoryGroups }: ScimContext, id: string): Promise<WholeGroup> {
  const group = UUID.test(id) ? await directoryGroups.whole(id) : undefined;
  if (!group) throw scimError({ code: 'group_unknown' });
  return group;
}

/** Ties the library's two resources to the directory; each call brings its own context. */
export function tieResources(): void {
  SCIMMY.Resources.User.egress((async ({ id }: { id: string }, context: ScimContext) => {
    const account = known(UUID.test(id) ? await context.accounts.byId(id) : undefined);
    if (context.patched) context.patched.version = account.version;
    return userWith(context, account);
  }) as never)
    .ingress((async ({ id }: { id?: string }, user: UserIn, context: ScimContext) => {
      const { directory, by } = context;
      if (id !== undefined && !UUID.test(id)) throw scimError({ code: 'account_unknown' });
      const done =
        id === undefined
          ? await directory.addPerson(personFrom(user), by)
          : await directory.changePerson(id, personFrom(user), by, context.patched?.version);
      if (!done.ok) throw scimError(done.refusal);
      return userWith(context, done.value);
    }) as never)
    .degress((async ({ id }: { id: string }, { directory, by }: ScimContext) => {
      if (!UUID.test(id)) throw scimError({ code: 'account_unknown' });
      const done = await directory.removePerson(id, by);
      if (!done.ok) throw scimError(done.refusal);
    }) as never);

  SCIMMY.Resources.Group.egress((async ({ id }: { id: string }, context: ScimContext) => {
    const group = await wholeGroup(context, id);
    if (context.patched) context.patched.group = group;
    return groupShape(group);
  }) as never)
    .ingress((async (
      { id }: { id?: string },
      group: { displayName: string; externalId?: string; members?: { value: string }[] },
      context: ScimContext,
    ) => {
      const { directory, by } = context;
      const members = (group.members ?? []).map(({ value }) => value);
      if ((id !== undefined && !UUID.test(id)) || !members.every((member) => UUID.test(member)))
        throw scimError({ code: 'group_unknown' });
      const wanted = { displayName: group.displayName, externalId: group.externalId ?? null, members };
      const done =
        id === undefined
          ? await directory.addGroup(wanted, by)
          : await directory.changeGroup(id, wanted, by, context.patched?.group);
      if (!done.ok) throw scimError(done.refusal);
      return groupShape(await wholeGroup(context, done.value.id));
    }) as never)
    .degress((async ({ id }: { id: string }, { directory, by }: ScimContext) => {
      const done = UUID.test(id)
        ? await directory.removeGroup(id, by)
        : ({ ok: false, refusal: { code: 'group_unknown' } } as const);
      if (!done.ok) throw scimError(done.refusal);
    }) as never);
}
