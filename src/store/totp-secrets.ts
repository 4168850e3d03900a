import type { Sealer } from '../crypto/seal.ts';
import { secretPlace } from './authenticators.ts';
import type { Database } from './database.ts';

export interface TotpSecrets {
  /** The secrets of an account's active code apps, base 32, opened. */
  of(accountId: string): Promise<{ id: string; secret: string }[]>;
  /**
   * Accepts a time step for good, in one statement: the same or an older one is never accepted again (RFC 6238, 5.2).
   * It is on the disk with the audit event that follows. Notes that the app was used, too.
   * @returns whether it was this call
   */
  accept(id: string, step: number, now: Date): Promise<boolean>;
}

export function createTotpSecrets({ sql, relaxedSql }: Database, sealer: Sealer): TotpSecrets {
  return {
    async of(accountId) {
      const rows = await sql<{ id: string; secretSealed: Buffer }>`SELECT id, secret_sealed FROM authenticator
        WHERE account_id = ${accountId} AND kind = 'totp' AND state = 'active'`;
      return rows.map((row) => ({
        id: row.id,
        secret: sealer.open(secretPlace(row.id), row.secretSealed).toString(),
      }));
    },
    async accept(id, step, now) {
      const rows = await relaxedSql`UPDATE authenticator SET last_step = ${step}, last_used_at = ${now}
        WHERE id = ${id} AND state = 'active' AND (last_step IS NULL OR last_step < ${step}) RETURNING id`;
      return rows.length === 1;
    },
  };
}
