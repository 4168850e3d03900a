import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';

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
  add(browser: Omit<RememberedBrowser, 'createdAt'>, token: string, now: Date): Promise<void>;
  /** When this token was made for this account, where it works still. */
  rememberedAt(token: string, accountId: string, now: Date): Promise<Date | undefined>;
  ofAccount(accountId: string, now: Date): Promise<RememberedBrowser[]>;
  /** @returns whether it was this account's */
  revoke(accountId: string, id: string, now: Date): Promise<boolean>;
  revokeAll(accountId: string, now: Date): Promise<void>;
}

export function createRememberedBrowsers({ sql }: Database): RememberedBrowsers {
  return {
    async add(b, token, now) {
      await sql`INSERT INTO remembered_browser (token_digest, id, account_id, user_agent, ip, created_at, expires_at)
        VALUES (${digest(token)}, ${b.id}, ${b.accountId}, ${b.userAgent}, ${b.ip}, ${now}, ${b.expiresAt})`;
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
