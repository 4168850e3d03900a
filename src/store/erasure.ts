import type { AuditEvent } from '../core/audit.ts';
import type { Account } from './accounts.ts';
import type { EventOf } from './audit.ts';
import { type Database, fragment } from './database.ts';

/** Whom to erase. */
export type Erased = Pick<Account, 'id' | 'email'>;

export interface ErasureStore {
  /**
   * Removes an account that was revoked, with all its rows but those of the audit log, which keeps the event of it: all or nothing.
   * @returns whether there was one
   */
  erase(accountId: string, event: AuditEvent, now: Date): Promise<boolean>;
  /** Those that were revoked before, longest ago first. */
  due(revokedBefore: Date, limit: number): Promise<Erased[]>;
}

export function createErasureStore(db: Database, eventOf: EventOf): ErasureStore {
  return {
    erase: (id, event, now) =>
      db.transaction(async (sql) => {
        const gone = await sql`SELECT 1 FROM account WHERE id = ${id} AND status = 'revoked' FOR UPDATE`;
        if (gone.length === 0) return false;
        // In the order in which they refer to each other.
        await sql`DELETE FROM challenge WHERE account_id = ${id}`;
        await sql`DELETE FROM enrolment_code WHERE account_id = ${id}`;
        await sql`DELETE FROM binding_session WHERE account_id = ${id}`;
        await sql`DELETE FROM push_subscription s USING authenticator a WHERE a.id = s.authenticator_id AND a.account_id = ${id}`;
        await sql`DELETE FROM recovery_code c USING authenticator a WHERE a.id = c.authenticator_id AND a.account_id = ${id}`;
        await sql`DELETE FROM authenticator WHERE account_id = ${id}`;
        await sql`DELETE FROM login_transaction WHERE account_id = ${id}`;
        await sql`DELETE FROM oidc_payload WHERE account_id = ${id}::text`;
        await sql`DELETE FROM op_session WHERE account_id = ${id}::text`;
        // Of calls to web apps only what nobody waits for any more: that somebody is out they still have to hear.
        await sql`DELETE FROM client_call WHERE account_id = ${id} AND kind <> 'logout'`;
        await sql`DELETE FROM alert WHERE subject = ${`account:${id}`}`;
        await sql`DELETE FROM remembered_browser WHERE account_id = ${id}`;
        await sql`DELETE FROM known_place WHERE account_id = ${id}`;
        await sql`DELETE FROM mail_link WHERE account_id = ${id}`;
        await sql`DELETE FROM support_case WHERE account_id = ${id}`;
        await sql`DELETE FROM entra_account WHERE account_id = ${id}`;
        await sql`DELETE FROM import_line l USING account a WHERE a.id = ${id} AND l.email = a.email`;
        await sql`WITH erased AS (DELETE FROM account WHERE id = ${id} RETURNING 1), ${eventOf(event, now, fragment`erased`)}
          SELECT 1 FROM added`;
        return true;
      }),
    due: (revokedBefore, limit) =>
      db.sql<Erased>`SELECT id, email FROM account WHERE status = 'revoked' AND updated_at < ${revokedBefore}
        ORDER BY updated_at LIMIT ${limit}`,
  };
}
