import { digest } from '../crypto/digest.ts';
import type { NewAuthenticator } from './authenticators.ts';
import type { Database, Sql } from './database.ts';

export interface RecoveryCodes {
  /** Adds the set and its codes in place of the one there is, if any, in one transaction. */
  replace(set: NewAuthenticator, codes: readonly string[], now: Date): Promise<void>;
  /** Marks a code of this account as used, in one statement. @returns the set's id, or undefined for a wrong or used code */
  use(accountId: string, code: string, now: Date): Promise<string | undefined>;
  left(accountId: string): Promise<number>;
}

/** Within the caller's transaction. */
export async function replaceRecoveryCodes(
  sql: Sql,
  set: NewAuthenticator,
  codes: readonly string[],
  now: Date,
): Promise<void> {
  await sql`SELECT 1 FROM account WHERE id = ${set.accountId} FOR NO KEY UPDATE`;
  await sql`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
    WHERE account_id = ${set.accountId} AND kind = 'recovery_code' AND state <> 'revoked'`;
  await sql`INSERT INTO authenticator (id, account_id, kind, label, state, created_at)
    VALUES (${set.id}, ${set.accountId}, ${set.kind}, ${set.label}, ${set.state}, ${now})`;
  await sql`INSERT INTO recovery_code (code_digest, authenticator_id)
    SELECT unnest(${codes.map(digest)}::bytea[]), ${set.id}::uuid`;
}

export function createRecoveryCodes(db: Database): RecoveryCodes {
  return {
    replace: (set, codes, now) => db.transaction((sql) => replaceRecoveryCodes(sql, set, codes, now)),
    async use(accountId, code, now) {
      const [row] = await db.sql<{ id: string }>`UPDATE recovery_code SET used_at = ${now} FROM authenticator a
        WHERE code_digest = ${digest(code)} AND used_at IS NULL
          AND a.id = authenticator_id AND a.account_id = ${accountId} AND a.state = 'active' RETURNING a.id`;
      return row?.id;
    },
    async left(accountId) {
      const [row] = await db.sql<{ count: number }>`SELECT count(*)::int AS count FROM recovery_code
        JOIN authenticator a ON a.id = authenticator_id
        WHERE a.account_id = ${accountId} AND a.state = 'active' AND used_at IS NULL`;
      return row?.count ?? 0;
    },
  };
}
