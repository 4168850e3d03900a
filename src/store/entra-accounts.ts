import type { Database } from './database.ts';

/** Which account is who in a Microsoft Entra tenant, by Entra's immutable object id. */
export interface EntraAccounts {
  find(tenantId: string, objectId: string): Promise<string | undefined>;
  /** Whether an account is somebody there. */
  isLinked(tenantId: string, accountId: string): Promise<boolean>;
  /** How many of those who may sign in are somebody there, by group. */
  countByGroup(groups: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** An account is nobody's there any more. */
  unlink(accountId: string): Promise<void>;
  /** Links it, where neither side is linked to another. */
  link(tenantId: string, objectId: string, accountId: string, now: Date): Promise<'new' | 'known' | 'taken'>;
}

export function createEntraAccounts({ sql }: Database): EntraAccounts {
  const find: EntraAccounts['find'] = async (tenantId, objectId) => {
    const [row] = await sql<{ accountId: string }>`SELECT account_id FROM entra_account
      WHERE tenant_id = ${tenantId} AND object_id = ${objectId}`;
    return row?.accountId;
  };
  return {
    find,
    async isLinked(tenantId, accountId) {
      const rows = await sql`SELECT 1 FROM entra_account WHERE tenant_id = ${tenantId} AND account_id = ${accountId}`;
      return rows.length > 0;
    },
    async countByGroup(groups) {
      const rows = await sql<{ group: string; count: number }>`SELECT g AS "group", count(*)::int AS count
        FROM account a CROSS JOIN LATERAL unnest(a.groups) AS g
        WHERE a.status = 'active' AND a.groups && ${groups}::text[] AND g = ANY(${groups}::text[])
          AND EXISTS (SELECT 1 FROM entra_account e WHERE e.account_id = a.id)
        GROUP BY g`;
      return new Map(rows.map(({ group, count }) => [group, count]));
    },
    async unlink(accountId) {
      await sql`DELETE FROM entra_account WHERE account_id = ${accountId}`;
    },
    async link(tenantId, objectId, accountId, now) {
      const added = await sql`INSERT INTO entra_account (tenant_id, object_id, account_id, linked_at)
        VALUES (${tenantId}, ${objectId}, ${accountId}, ${now}) ON CONFLICT DO NOTHING RETURNING 1`;
      if (added.length > 0) return 'new';
      return (await find(tenantId, objectId)) === accountId ? 'known' : 'taken';
    },
  };
}
