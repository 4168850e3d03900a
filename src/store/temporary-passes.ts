import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';

export interface NewTemporaryPass {
  readonly id: string;
  readonly accountId: string;
  readonly code: string;
  readonly expiresAt: Date;
}

export interface TemporaryPasses {
  /** Adds one; the account's open one, if any, stops working. */
  add(pass: NewTemporaryPass, now: Date): Promise<void>;
  /** Uses it up, in one statement. @returns its authenticator id, or undefined for a wrong, used or expired one */
  use(accountId: string, code: string, now: Date): Promise<string | undefined>;
}

export function createTemporaryPasses(db: Database): TemporaryPasses {
  return {
    add: (pass, now) =>
      db.transaction(async (sql) => {
        await sql`SELECT 1 FROM account WHERE id = ${pass.accountId} FOR NO KEY UPDATE`;
        await sql`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
          WHERE account_id = ${pass.accountId} AND kind = 'temporary_pass' AND state = 'active'`;
        await sql`INSERT INTO authenticator (id, account_id, kind, label, state, pass_digest, expires_at, created_at)
          VALUES (${pass.id}, ${pass.accountId}, 'temporary_pass', 'temporary pass', 'active', ${digest(pass.code)}, ${pass.expiresAt}, ${now})`;
      }),
    async use(accountId, code, now) {
      const [row] = await db.sql<{
        id: string;
      }>`UPDATE authenticator SET state = 'revoked', last_used_at = ${now}, ended_at = ${now}
        WHERE account_id = ${accountId} AND kind = 'temporary_pass' AND state = 'active'
          AND pass_digest = ${digest(code)} AND expires_at > ${now} RETURNING id`;
      return row?.id;
    },
  };
}
