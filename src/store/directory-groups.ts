import { accept, type Result, refuse } from '../core/refusals.ts';
import { type Database, isUniqueViolation, type Sql, whereStatement } from './database.ts';

/** A group that a directory keeps. Its members have its name among their groups. */
export interface DirectoryGroup {
  readonly id: string;
  readonly displayName: string;
  /** The directory's own id of it. */
  readonly externalId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A group with the ids of its members, as of one moment. */
export interface WholeGroup extends DirectoryGroup {
  readonly members: readonly string[];
}

/** What a directory says of a group. */
export type GroupContent = Pick<WholeGroup, 'displayName' | 'externalId' | 'members'>;

export interface WrittenGroup {
  readonly group: DirectoryGroup;
  /** Who came and who went. */
  readonly added: string[];
  readonly removed: string[];
}

export interface GroupFilter {
  readonly displayName?: string | undefined;
  readonly externalId?: string | undefined;
}

export interface DirectoryGroups {
  /** Refusal: `group_exists`. */
  add(group: DirectoryGroup, members: readonly string[]): Promise<Result<WrittenGroup>>;
  byId(id: string): Promise<DirectoryGroup | undefined>;
  byNames(names: readonly string[]): Promise<DirectoryGroup[]>;
  whole(id: string): Promise<WholeGroup | undefined>;
  search(filter: GroupFilter, limit: number, offset: number): Promise<WholeGroup[]>;
  count(filter: GroupFilter): Promise<number>;
  /**
   * Refusals: `group_unknown`, `group_exists`.
   * @param read what a part was changed of: where that is the same in both, what others have written meanwhile stays
   */
  change(id: string, to: GroupContent, now: Date, read?: GroupContent): Promise<Result<WrittenGroup>>;
  /** @returns who was in it */
  remove(id: string): Promise<string[] | undefined>;
}

const SELECT_WHOLE = `SELECT g.*, ARRAY(SELECT a.id::text FROM account a
  WHERE a.groups @> ARRAY[g.display_name] AND a.status <> 'revoked' ORDER BY a.email) AS members FROM directory_group g`;

export function createDirectoryGroups(db: Database): DirectoryGroups {
  const { sql } = db;
  const byId: DirectoryGroups['byId'] = async (id) =>
    (await sql<DirectoryGroup>`SELECT * FROM directory_group WHERE id = ${id}`)[0];
  const conditions = ({ displayName, externalId }: GroupFilter) =>
    [
      ['lower(display_name) = lower(?)', displayName],
      ['external_id = ?', externalId],
    ] as const;
  return {
    async add(g, members) {
      try {
        return await db.transaction(async (tx) => {
          await tx`INSERT INTO directory_group (id, display_name, external_id, created_at, updated_at)
            VALUES (${g.id}, ${g.displayName}, ${g.externalId}, ${g.createdAt}, ${g.updatedAt})`;
          return accept({ group: g, ...(await bring(tx, g.displayName, members, undefined)) });
        });
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('group_exists');
        throw error;
      }
    },
    byId,
    whole: async (id) => (await db.query<WholeGroup>(`${SELECT_WHOLE} WHERE g.id = $1`, [id]))[0],
    byNames: (names) => sql<DirectoryGroup>`SELECT * FROM directory_group WHERE display_name = ANY(${names}::text[])`,
    search: (filter, limit, offset) =>
      db.query<WholeGroup>(
        ...whereStatement(
          SELECT_WHOLE,
          conditions(filter),
          `ORDER BY display_name, id LIMIT ${Number(limit)} OFFSET ${Number(offset)}`,
        ),
      ),
    async count(filter) {
      const [row] = await db.query<{ count: number }>(
        ...whereStatement('SELECT count(*)::int AS count FROM directory_group', conditions(filter), ''),
      );
      return row!.count;
    },
    async change(id, to, now, read) {
      try {
        return await db.transaction(async (tx) => {
          const [before] = await tx<DirectoryGroup>`SELECT * FROM directory_group WHERE id = ${id} FOR UPDATE`;
          if (!before) return refuse('group_unknown');
          const displayName = read?.displayName === to.displayName ? before.displayName : to.displayName;
          const externalId = read?.externalId === to.externalId ? before.externalId : to.externalId;
          const [group] = await tx<DirectoryGroup>`UPDATE directory_group
            SET display_name = ${displayName}, external_id = ${externalId}, updated_at = ${now} WHERE id = ${id} RETURNING *`;
          if (before.displayName !== displayName) {
            await lockMembers(tx, before.displayName);
            await tx`UPDATE account SET groups = array_replace(groups, ${before.displayName}, ${displayName})
              WHERE groups @> ARRAY[${before.displayName}]::text[]`;
          }
          return accept({ group: group!, ...(await bring(tx, displayName, to.members, read?.members)) });
        });
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('group_exists');
        throw error;
      }
    },
    remove: (id) =>
      db.transaction(async (tx) => {
        const [gone] = await tx<DirectoryGroup>`DELETE FROM directory_group WHERE id = ${id} RETURNING *`;
        if (!gone) return undefined;
        await lockMembers(tx, gone.displayName);
        const rows = await tx<{ id: string }>`UPDATE account SET groups = array_remove(groups, ${gone.displayName})
          WHERE groups @> ARRAY[${gone.displayName}]::text[] RETURNING id`;
        return rows.map((row) => row.id);
      }),
  };
}

/** In one order, so that two groups that change at once do not wait for each other. */
const lockMembers = (tx: Sql, name: string): Promise<unknown> =>
  tx`SELECT 1 FROM account WHERE groups @> ARRAY[${name}]::text[] ORDER BY id FOR NO KEY UPDATE`;

/** Brings in whom `wanted` names; who is not named goes, of those that were `read` where a part was changed. */
async function bring(
  tx: Sql,
  name: string,
  wanted: readonly string[],
  read: readonly string[] | undefined,
): Promise<Pick<WrittenGroup, 'added' | 'removed'>> {
  const named = new Set(wanted);
  const seen = new Set(read);
  const come = wanted.filter((id) => !seen.has(id));
  const go =
    read?.filter((id) => !named.has(id)) ??
    (
      await tx<{ id: string }>`SELECT id FROM account
        WHERE groups @> ARRAY[${name}]::text[] AND NOT id = ANY(${wanted}::uuid[])`
    ).map(({ id }) => id);
  await tx`SELECT 1 FROM account WHERE id = ANY(${[...come, ...go]}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
  const added = await tx<{ id: string }>`UPDATE account SET groups = array_append(groups, ${name})
    WHERE id = ANY(${come}::uuid[]) AND status <> 'revoked' AND NOT groups @> ARRAY[${name}]::text[] RETURNING id`;
  const removed = await tx<{ id: string }>`UPDATE account SET groups = array_remove(groups, ${name})
    WHERE id = ANY(${go}::uuid[]) AND groups @> ARRAY[${name}]::text[] RETURNING id`;
  return { added: added.map(({ id }) => id), removed: removed.map(({ id }) => id) };
}
