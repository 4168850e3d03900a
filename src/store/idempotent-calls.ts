import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

export interface KeptAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Creating calls that name themselves (`Idempotency-Key`): sent twice, done once. */
export interface IdempotentCalls {
  /** `new`: it is this call's to do. `busy`: another one is at it, or was cut off. `other`: the key was another request's. */
  begin(key: string, request: string, now: Date): Promise<KeptAnswer | 'new' | 'busy' | 'other'>;
  /** Keeps the answer, for a day. */
  finish(key: string, answer: KeptAnswer): Promise<void>;
  /** It failed by our own fault: it may be tried again. */
  forget(key: string): Promise<void>;
}

export const place = (key: Buffer): string => `idempotent_call:answer:${key.toString('base64url')}`;

export function createIdempotentCalls({ sql }: Database, sealer: Sealer): IdempotentCalls {
  return {
    async begin(key, request, now) {
      const id = digest(key);
      const added = await sql`INSERT INTO idempotent_call (key_digest, request_digest, created_at)
        VALUES (${id}, ${digest(request)}, ${now}) ON CONFLICT DO NOTHING RETURNING 1`;
      if (added.length > 0) return 'new';
      const [row] = await sql<{
        requestDigest: Buffer;
        status: number | null;
        answerSealed: Buffer | null;
        headers: Record<string, string> | null;
      }>`SELECT request_digest, status, answer_sealed, headers FROM idempotent_call WHERE key_digest = ${id}`;
      if (!row || row.status === null || !row.answerSealed) return 'busy';
      if (!row.requestDigest.equals(digest(request))) return 'other';
      return {
        status: row.status,
        body: sealer.open(place(id), row.answerSealed).toString(),
        headers: row.headers ?? {},
      };
    },
    async finish(key, { status, body, headers }) {
      const id = digest(key);
      await sql`UPDATE idempotent_call SET status = ${status}, answer_sealed = ${sealer.seal(place(id), body)}, headers = ${headers}
        WHERE key_digest = ${id}`;
    },
    async forget(key) {
      await sql`DELETE FROM idempotent_call WHERE key_digest = ${digest(key)} AND status IS NULL`;
    },
  };
}
