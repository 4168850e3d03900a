import { digest } from '../crypto/digest.ts';
import type { NewAuthenticator } from './authenticators.ts';
import { type Database, isUniqueViolation } from './database.ts';

export interface RecoveryCodes {
  /** Adds the set and its codes in one transaction. @returns false where the account has a set already */
  add(set: NewAuthenticator, codes: readonly string[], now: Date): Promise<boolean>;
  /** Marks a code of this account as used, in one statement. @returns the set's id, or undefined for a wrong or used code */
  use(accountId: string, code: string, now: Date): Promise<string | undefined>;
  left(accountId: string): Promise<number>;
}

export function createRecoveryCodes(db: Database): RecoveryCodes {
  return {
    async add(set, codes, now) {
      try {
        await db.transaction(async (sql) => {
          await sql`INSERT INTO authenticator (id, account_id, kind, label, state, created_at)
            VALUES (${set.id}, ${set.accountId}, ${set.kind}, ${set.label}, ${set.state}, ${now})`;
          await sql`INSERT INTO recovery_code (code_digest, authenticator_id)
            SELECT unnest(${codes.map(digest)}::bytea[]), ${set.id}::uuid`;
        });
        return true;
      } catch (error) {
        if (isUniqueViolation(error)) return false;
        throw error;
      }
    },
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
