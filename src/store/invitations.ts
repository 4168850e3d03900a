import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';

export type InvitationPurpose = 'first_administrator';

export interface Invitations {
  /** Adds one; those before it for the same purpose stop working. */
  add(purpose: InvitationPurpose, code: string, now: Date, expiresAt: Date): Promise<void>;
  isOpen(purpose: InvitationPurpose, code: string, now: Date): Promise<boolean>;
  /** Once, in one statement. */
  use(purpose: InvitationPurpose, code: string, now: Date): Promise<boolean>;
  /** What it was used for did not succeed. */
  reopen(purpose: InvitationPurpose, code: string): Promise<void>;
}

export function createInvitations(db: Database): Invitations {
  const { sql } = db;
  return {
    add: (purpose, code, now, expiresAt) =>
      db.transaction(async (tx) => {
        await tx`DELETE FROM invitation WHERE purpose = ${purpose} AND used_at IS NULL`;
        await tx`INSERT INTO invitation (code_digest, purpose, created_at, expires_at) VALUES (${digest(code)}, ${purpose}, ${now}, ${expiresAt})`;
      }),
    async isOpen(purpose, code, now) {
      const rows = await sql`SELECT 1 FROM invitation
        WHERE code_digest = ${digest(code)} AND purpose = ${purpose} AND used_at IS NULL AND expires_at > ${now}`;
      return rows.length === 1;
    },
    async use(purpose, code, now) {
      const rows = await sql`UPDATE invitation SET used_at = ${now}
        WHERE code_digest = ${digest(code)} AND purpose = ${purpose} AND used_at IS NULL AND expires_at > ${now} RETURNING 1`;
      return rows.length === 1;
    },
    async reopen(purpose, code) {
      await sql`UPDATE invitation SET used_at = NULL WHERE code_digest = ${digest(code)} AND purpose = ${purpose}`;
    },
  };
}
