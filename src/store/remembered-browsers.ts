import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';
import { type Standing, standing } from './standing.ts';

export interface RememberedBrowser {
  readonly id: string;
  readonly accountId: string;
  readonly userAgent: string;
  readonly ip: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** Browsers that a second factor was proven in, for as long as the policy allows; each for one account. */
export interface RememberedBrowsers {
  /** @returns false where what it stands on has ended */
  add(browser: Omit<RememberedBrowser, 'createdAt'>, on: Standing, token: string, now: Date): Promise<boolean>;
  /** When this token was made for this account, where it works still. */
  rememberedAt(token: string, accountId: string, now: Date): Promise<Date | undefined>;
  ofAccount(accountId: string, now: Date): Promise<RememberedBrowser[]>;
  /** @returns whether it was this account's */
  revoke(accountId: string, id: string, now: Date): Promise<boolean>;
  revokeAll(accountId: string, now: Date): Promise<void>;
}

export function createRememberedBrowsers({ sql }: Database): RememberedBrowsers {
  return {
    async add(b, on, token, now) {
      const rows = await sql`WITH standing AS (${standing(b.accountId, on)})
        INSERT INTO remembered_browser (token_digest, id, account_id, user_agent, ip, created_at, expires_at)
        SELECT ${digest(token)}::bytea, ${b.id}::uuid, ${b.accountId}::uuid, ${b.userAgent}::text, ${b.ip}::text,
          ${now}::timestamptz, ${b.expiresAt}::timestamptz FROM standing RETURNING 1`;
      return rows.length === 1;
    },
    async rememberedAt(token, accountId, now) {
      const [row] = await sql<{
        createdAt: Date;
      }>`SELECT created_at FROM remembered_browser WHERE token_digest = ${digest(token)}
        AND account_id = ${accountId} AND revoked_at IS NULL AND expires_at > ${now}`;
      return row?.createdAt;
    },
    ofAccount: (accountId, now) =>
      sql<RememberedBrowser>`SELECT id, account_id, user_agent, ip, created_at, expires_at FROM remembered_browser
        WHERE account_id = ${accountId} AND revoked_at IS NULL AND expires_at > ${now} ORDER BY created_at DESC`,
    async revoke(accountId, id, now) {
      const rows = await sql`UPDATE remembered_browser SET revoked_at = ${now}
        WHERE id = ${id} AND account_id = ${accountId} AND revoked_at IS NULL RETURNING 1`;
      return rows.length === 1;
    },
    async revokeAll(accountId, now) {
      await sql`UPDATE remembered_browser SET revoked_at = ${now} WHERE account_id = ${accountId} AND revoked_at IS NULL`;
    },
  };
}
