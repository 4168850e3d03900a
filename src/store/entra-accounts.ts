import type { Database } from './database.ts';

/** Which account is who in a Microsoft Entra tenant, by Entra's immutable object id. */
export interface EntraAccounts {
  find(tenantId: string, objectId: string): Promise<string | undefined>;
  /** Links it, where neither side is linked to another. @returns whether they belong together now */
  link(tenantId: string, objectId: string, accountId: string, now: Date): Promise<boolean>;
}

export function createEntraAccounts({ sql }: Database): EntraAccounts {
  const find: EntraAccounts['find'] = async (tenantId, objectId) => {
    const [row] = await sql<{ accountId: string }>`SELECT account_id FROM entra_account
      WHERE tenant_id = ${tenantId} AND object_id = ${objectId}`;
    return row?.accountId;
  };
  return {
    find,
    async link(tenantId, objectId, accountId, now) {
      await sql`INSERT INTO entra_account (tenant_id, object_id, account_id, linked_at)
        VALUES (${tenantId}, ${objectId}, ${accountId}, ${now}) ON CONFLICT DO NOTHING`;
      return (await find(tenantId, objectId)) === accountId;
    },
  };
}
