import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';
import type { OidcPayload } from './oidc-payloads.ts';

export interface OpSessionWrite {
  /** Stable over the session's life, unlike the cookie's id. */
  readonly uid: string;
  readonly id: string;
  /** The id that this write rotated away from. */
  readonly oldId: string | undefined;
  readonly accountId: string | undefined;
  readonly payload: OidcPayload;
  /** Signing out of one client takes its entry out; otherwise entries of other tabs are kept. */
  readonly replaceAuthorizations: boolean;
  readonly expiresAt: Date;
}

export interface OpSessions {
  /**
   * Several tabs write the same session whole. Merged here by its stable uid: only a writer that still holds the
   * current id may change who is signed in and how; a stale one may only add its own clients; a sign-out wins always.
   */
  put(write: OpSessionWrite, now: Date): Promise<void>;
  find(id: string, now: Date): Promise<OidcPayload | undefined>;
  findByUid(uid: string, now: Date): Promise<OidcPayload | undefined>;
  /** Ends the session for good, by uid where it is known: also if its id was rotated meanwhile. */
  revoke(session: { uid?: string | undefined; id: string }, now: Date): Promise<void>;
  revokeAll(accountId: string, now: Date): Promise<number>;
}

/** NIST SP 800-63B-4, section 2.2.3 (AAL2): at most 24 hours, whatever the activity. */
const ABSOLUTE_LIFETIME = '24 hours';

export function createOpSessions({ sql }: Database): OpSessions {
  return {
    async put(w, now) {
      const id = digest(w.id);
      const oldId = w.oldId === undefined ? null : digest(w.oldId);
      await sql`INSERT INTO op_session (uid, id_digest, account_id, payload, created_at, expires_at)
        VALUES (${w.uid}, ${id}, ${w.accountId ?? null}, ${w.payload}, ${now}, ${w.expiresAt})
        ON CONFLICT (uid) DO UPDATE SET
          payload = (CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN excluded.payload ELSE op_session.payload END)
            || CASE WHEN ${w.replaceAuthorizations} THEN '{}'::jsonb ELSE jsonb_build_object('authorizations',
                 coalesce(op_session.payload->'authorizations', '{}') || coalesce(excluded.payload->'authorizations', '{}')) END,
          account_id = CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN excluded.account_id ELSE op_session.account_id END,
          id_digest = CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN ${id} ELSE op_session.id_digest END,
          expires_at = least(excluded.expires_at, op_session.created_at + ${ABSOLUTE_LIFETIME}::interval)
        WHERE op_session.revoked_at IS NULL`;
    },
    async find(id, now) {
      const [row] = await sql<{ payload: OidcPayload }>`SELECT payload FROM op_session
        WHERE id_digest = ${digest(id)} AND revoked_at IS NULL AND expires_at > ${now}`;
      return row && { ...row.payload, jti: id };
    },
    async findByUid(uid, now) {
      const [row] = await sql<{ payload: OidcPayload }>`SELECT payload FROM op_session
        WHERE uid = ${uid} AND revoked_at IS NULL AND expires_at > ${now}`;
      return row?.payload;
    },
    async revoke({ uid, id }, now) {
      if (uid !== undefined)
        await sql`UPDATE op_session SET revoked_at = ${now} WHERE uid = ${uid} AND revoked_at IS NULL`;
      else await sql`UPDATE op_session SET revoked_at = ${now} WHERE id_digest = ${digest(id)} AND revoked_at IS NULL`;
    },
    async revokeAll(accountId, now) {
      const rows = await sql`WITH ended AS (UPDATE op_session SET revoked_at = ${now}
          WHERE account_id = ${accountId} AND revoked_at IS NULL RETURNING uid),
        tokens AS (DELETE FROM oidc_payload WHERE (account_id = ${accountId} AND type <> 'Interaction')
          OR (type = 'Interaction' AND payload->'result'->'login'->>'accountId' = ${accountId}))
        SELECT uid FROM ended`;
      return rows.length;
    },
  };
}
