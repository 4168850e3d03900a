import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';
import { isSessionAlive } from './op-sessions.ts';

/** What `@fastify/session` keeps for our own pages. */
export interface PortalSessions {
  put(id: string, data: object, opUid: string | undefined, expiresAt: Date): Promise<void>;
  /**
   * One SELECT, joined to the OP session: ending that ends this at once. How long somebody may be away is counted here;
   * that the other has been idle for too long to open web apps ends nothing.
   */
  find(id: string, now: Date): Promise<object | undefined>;
  remove(id: string): Promise<void>;
}

const FIND = `SELECT p.data FROM portal_session p LEFT JOIN op_session o ON o.uid = p.op_uid
  WHERE p.id_digest = $1 AND p.expires_at > $2 AND (p.op_uid IS NULL OR ${isSessionAlive('o', '$2')})`;

export function createPortalSessions({ sql, relaxedSql, query }: Database): PortalSessions {
  return {
    async put(id, data, opUid, expiresAt) {
      await relaxedSql`INSERT INTO portal_session (id_digest, op_uid, data, expires_at) VALUES (${digest(id)}, ${opUid ?? null}, ${data}, ${expiresAt})
        ON CONFLICT (id_digest) DO UPDATE SET op_uid = excluded.op_uid, data = excluded.data, expires_at = excluded.expires_at`;
    },
    async find(id, now) {
      const [row] = await query<{ data: object }>(FIND, [digest(id), now]);
      return row?.data;
    },
    async remove(id) {
      await sql`DELETE FROM portal_session WHERE id_digest = ${digest(id)}`;
    },
  };
}
