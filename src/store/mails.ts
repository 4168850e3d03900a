import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

/** A mail that is owed. */
export interface OwedMail {
  readonly id: string;
  /** What `add` was given. */
  readonly body: string;
  readonly createdAt: Date;
  /** After that it is no use to anybody. */
  readonly expiresAt: Date;
  /** This one counted. */
  readonly attempts: number;
}

/** Mails until they are handed over. Sealed, because some of them hold a way in. */
export interface Mails {
  add(mail: Omit<OwedMail, 'attempts'>): Promise<void>;
  /** Takes what is due; nobody else does so before `againAt`. */
  take(now: Date, againAt: Date, most: number): Promise<OwedMail[]>;
  retryAt(id: string, at: Date, error: string): Promise<void>;
  /** It was handed over, or given up. */
  remove(id: string): Promise<void>;
  /** Those that were tried in vain, and since when the oldest waits. */
  waiting(): Promise<{ count: number; since: Date | null }>;
}

export const place = (id: string): string => `mail:sealed:${id}`;

export function createMails({ sql }: Database, sealer: Sealer): Mails {
  return {
    async add({ id, body, createdAt, expiresAt }) {
      await sql`INSERT INTO mail (id, sealed, next_at, created_at, expires_at)
        VALUES (${id}, ${sealer.seal(place(id), body)}, ${createdAt}, ${createdAt}, ${expiresAt})`;
    },
    async take(now, againAt, most) {
      const rows = await sql<Omit<OwedMail, 'body'> & { sealed: Buffer }>`UPDATE mail
        SET attempts = attempts + 1, next_at = ${againAt}
        WHERE id = ANY(ARRAY(SELECT id FROM mail WHERE next_at <= ${now} ORDER BY next_at LIMIT ${most} FOR UPDATE SKIP LOCKED))
        RETURNING id, sealed, attempts, created_at, expires_at`;
      return rows.map(({ sealed, ...mail }) => ({ ...mail, body: sealer.open(place(mail.id), sealed).toString() }));
    },
    async retryAt(id, at, error) {
      await sql`UPDATE mail SET next_at = ${at}, last_error = ${error} WHERE id = ${id}`;
    },
    async remove(id) {
      await sql`DELETE FROM mail WHERE id = ${id}`;
    },
    async waiting() {
      const [row] = await sql<{
        count: number;
        since: Date | null;
      }>`SELECT count(*)::int AS count, min(created_at) AS since
        FROM mail WHERE attempts > 0 AND last_error IS NOT NULL`;
      return row!;
    },
  };
}
