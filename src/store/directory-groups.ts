import { accept, type Result, refuse } from '../core/refusals.ts';
import { type Database, isUniqueViolation, whereStatement } from './database.ts';

/** A group that a directory keeps. Its members have its name among their groups. */
export interface DirectoryGroup {
  readonly id: string;
  readonly displayName: string;
  /** The directory's own id of it. */
  readonly externalId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface GroupMember {
  readonly id: string;
  readonly email: string;
}

export interface GroupFilter {
  readonly displayName?: string | undefined;
  readonly externalId?: string | undefined;
}

export interface DirectoryGroups {
  /** Refusal: `group_exists`. */
  add(group: DirectoryGroup): Promise<Result<void>>;
  byId(id: string): Promise<DirectoryGroup | undefined>;
  byNames(names: readonly string[]): Promise<DirectoryGroup[]>;
  search(filter: GroupFilter, limit: number, offset: number): Promise<DirectoryGroup[]>;
  count(filter: GroupFilter): Promise<number>;
  /** With everybody who is in it. Refusals: `group_unknown`, `group_exists`. */
  change(id: string, to: Pick<DirectoryGroup, 'displayName' | 'externalId'>, now: Date): Promise<Result<void>>;
  /** @returns who was in it */
  remove(id: string): Promise<string[] | undefined>;
  members(name: string): Promise<GroupMember[]>;
  /** Exactly these are in it from now on. @returns who came and who went */
  setMembers(name: string, ids: readonly string[]): Promise<{ added: string[]; removed: string[] }>;
}

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
    async add(g) {
      try {
        await sql`INSERT INTO directory_group (id, display_name, external_id, created_at, updated_at)
          VALUES (${g.id}, ${g.displayName}, ${g.externalId}, ${g.createdAt}, ${g.updatedAt})`;
        return accept(undefined);
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('group_exists');
        throw error;
      }
    },
    byId,
    byNames: (names) => sql<DirectoryGroup>`SELECT * FROM directory_group WHERE display_name = ANY(${names}::text[])`,
    search: (filter, limit, offset) =>
      db.query<DirectoryGroup>(
        ...whereStatement(
          'SELECT * FROM directory_group',
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
    async change(id, { displayName, externalId }, now) {
      try {
        return await db.transaction(async (tx) => {
          const [before] = await tx<DirectoryGroup>`SELECT * FROM directory_group WHERE id = ${id} FOR UPDATE`;
          if (!before) return refuse('group_unknown');
          await tx`UPDATE directory_group SET display_name = ${displayName}, external_id = ${externalId}, updated_at = ${now}
            WHERE id = ${id}`;
          if (before.displayName !== displayName)
            await tx`UPDATE account SET groups = array_replace(groups, ${before.displayName}, ${displayName})
              WHERE groups @> ARRAY[${before.displayName}]::text[]`;
          return accept(undefined);
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
        const rows = await tx<{ id: string }>`UPDATE account SET groups = array_remove(groups, ${gone.displayName})
          WHERE groups @> ARRAY[${gone.displayName}]::text[] RETURNING id`;
        return rows.map((row) => row.id);
      }),
    members: (name) =>
      sql<GroupMember>`SELECT id, email FROM account WHERE groups @> ARRAY[${name}]::text[] AND status <> 'revoked' ORDER BY email`,
    setMembers: (name, ids) =>
      db.transaction(async (tx) => {
        const added = await tx<{ id: string }>`UPDATE account SET groups = array_append(groups, ${name})
          WHERE id = ANY(${ids}::uuid[]) AND status <> 'revoked' AND NOT groups @> ARRAY[${name}]::text[] RETURNING id`;
        const removed = await tx<{ id: string }>`UPDATE account SET groups = array_remove(groups, ${name})
          WHERE groups @> ARRAY[${name}]::text[] AND NOT id = ANY(${ids}::uuid[]) RETURNING id`;
        return { added: added.map(({ id }) => id), removed: removed.map(({ id }) => id) };
      }),
  };
}
