import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';

export type MailLinkPurpose = 'first_password' | 'password_reset' | 'not_me';

export interface MailLink {
  readonly purpose: MailLinkPurpose;
  readonly accountId: string;
  readonly expiresAt: Date;
}

export interface MailLinks {
  /** Adds one. Those before it go on working: asking for another must not spoil them. */
  add(link: MailLink, code: string, now: Date): Promise<void>;
  /** The link of a code that still works. */
  find(code: string, now: Date): Promise<MailLink | undefined>;
  /** Uses it up, in one statement. @returns whether it was this call */
  use(code: string, now: Date): Promise<boolean>;
  /** Ends every link to a password that an account has. */
  endPasswordLinks(accountId: string, now: Date): Promise<void>;
}

export function createMailLinks({ sql }: Database): MailLinks {
  return {
    async endPasswordLinks(accountId, now) {
      await sql`UPDATE mail_link SET used_at = ${now} WHERE account_id = ${accountId} AND purpose <> 'not_me' AND used_at IS NULL`;
    },
    async add(link, code, now) {
      await sql`INSERT INTO mail_link (code_digest, purpose, account_id, created_at, expires_at)
        VALUES (${digest(code)}, ${link.purpose}, ${link.accountId}, ${now}, ${link.expiresAt})`;
    },
    async find(code, now) {
      const [row] = await sql<MailLink>`SELECT purpose, account_id, expires_at FROM mail_link
        WHERE code_digest = ${digest(code)} AND used_at IS NULL AND expires_at > ${now}`;
      return row;
    },
    async use(code, now) {
      const rows = await sql`UPDATE mail_link SET used_at = ${now}
        WHERE code_digest = ${digest(code)} AND used_at IS NULL AND expires_at > ${now} RETURNING 1`;
      return rows.length === 1;
    },
  };
}
