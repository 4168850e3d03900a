import { digest } from '../crypto/digest.ts';
import { type Database, type Fragment, fragment } from './database.ts';
import type { OidcPayload } from './oidc-payloads.ts';

export interface OpSessionWrite {
  /** Stable over the session's life, unlike the cookie's id. */
  readonly uid: string;
  readonly id: string;
  /** The id that this write rotated away from. */
  readonly oldId: string | undefined;
  /** The sign-in that it is written after: with everything of the account that ends, so that nobody is signed in by it. */
  readonly signIn: string | undefined;
  readonly accountId: string | undefined;
  readonly payload: OidcPayload;
  /** Signing out of one client takes its entry out; otherwise entries of other tabs are kept. */
  readonly replaceAuthorizations: boolean;
  readonly expiresAt: Date;
  /** Of the browser that wrote it last, as it says itself; empty where unknown. */
  readonly userAgent: string;
  readonly ip: string;
}

/** What a person sees of a session. */
export interface ShownSession {
  readonly uid: string;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** The web apps that were opened in it. */
  readonly clientIds: readonly string[];
}

export interface OpSessions {
  /**
   * Several tabs write the same session whole. Merged here by its stable uid: only a writer that still holds the
   * current id may change who is signed in and how; a stale one may only add its own clients; a sign-out wins always.
   * @param puts what is written by the same statement (`OidcPayloads.puts`)
   */
  put(write: OpSessionWrite, now: Date, puts?: Fragment): Promise<void>;
  find(id: string, now: Date): Promise<OidcPayload | undefined>;
  /**
   * By its uid, for what was given on it (refresh tokens): also where it has been idle for too long to sign anybody
   * in, as long as nobody ended it and its absolute life is not over.
   */
  findByUid(uid: string, now: Date): Promise<OidcPayload | undefined>;
  /** Ends the session for good, by uid where it is known: also if its id was rotated meanwhile. */
  revoke(session: { uid?: string | undefined; id: string }, now: Date): Promise<void>;
  /** Ends all of an account's sessions, with their tokens. */
  revokeAll(accountId: string, now: Date): Promise<number>;
  /** The same for all but one session. */
  revokeOthers(accountId: string, keptUid: string, now: Date): Promise<number>;
  /** One session, with the tokens of its grants. @returns whether it was this account's, and open */
  revokeOne(accountId: string, uid: string, now: Date): Promise<boolean>;
  /**
   * Notes that somebody uses the console in a session. A visit after a break is one only where they signed in since:
   * deleting a cookie does not end a break.
   * @param breakBefore an earlier last visit than this was followed by a break
   * @param isNoted false for a page that looks again by itself
   * @returns false where there was a break, or the session is not open
   */
  visitConsole(
    uid: string,
    visit: { signedInAt: Date; breakBefore: Date; isNoted: boolean },
    now: Date,
  ): Promise<boolean>;
  /** The sessions that are open, newest use first. */
  ofAccount(accountId: string, now: Date): Promise<ShownSession[]>;
}

/** NIST SP 800-63B-4, section 2.2.3 (AAL2): at most 24 hours, whatever the activity. */
const ABSOLUTE_LIFETIME = '24 hours';

/** Whether what was given on a session of this name in a statement is still worth something. */
export const isSessionAlive = (session: string, now: string): string =>
  `${session}.revoked_at IS NULL AND ${session}.created_at > ${now}::timestamptz - interval '${ABSOLUTE_LIFETIME}'`;

/** An enrolment that a session opened ends with it: `ended` are the sessions' rows in the statement. */
const endBindings = fragment`bindings AS (UPDATE binding_session b SET state = 'ended' FROM ended
    WHERE b.account_id = ended.account_id::uuid AND b.basis = 'mfa' AND b.state <> 'ended'
    RETURNING pg_notify('dubbelslot', 'binding:' || b.id))`;

export function createOpSessions({ sql }: Database): OpSessions {
  /**
   * Ends sessions of an account, with their tokens, and owes each of their web apps a logout token: all in one
   * statement. @returns how many of them could still sign anybody in
   */
  const end = async (accountId: string, which: { only?: string; except?: string }, now: Date): Promise<number> => {
    const { only = null, except = null } = which;
    const isAll = only === null && except === null;
    const rows = await sql<{ isOpen: boolean }>`WITH ended AS (UPDATE op_session SET revoked_at = ${now}
        WHERE account_id = ${accountId} AND revoked_at IS NULL
          AND (${only}::text IS NULL OR uid = ${only}) AND (${except}::text IS NULL OR uid <> ${except})
        RETURNING account_id, payload, expires_at),
      apps AS (SELECT account_id, a.key AS client_id, a.value->>'sid' AS sid, a.value->>'grantId' AS grant_id
        FROM ended, jsonb_each(coalesce(payload->'authorizations', '{}')) a),
      ${endBindings},
      calls AS (INSERT INTO client_call (kind, client_id, account_id, sid, next_at, created_at)
        SELECT 'logout', client.id, apps.account_id::uuid, apps.sid, ${now}, ${now}
          FROM apps JOIN client ON client.id = apps.client_id
          WHERE client.metadata ? 'backchannel_logout_uri' AND client.disabled_at IS NULL
          RETURNING pg_notify('dubbelslot', 'client_calls')),
      told AS (SELECT count(*) FROM calls),
      tokens AS (DELETE FROM oidc_payload WHERE grant_id IN (SELECT grant_id FROM apps)
        -- A web app that waits for an answer is told that there is none.
        OR (${isAll} AND account_id = ${accountId} AND type <> 'Interaction'
          AND NOT (type = 'BackchannelAuthenticationRequest' AND grant_id IS NULL))
        -- An approval's tokens belong to no session: no list of sessions shows them.
        OR (${only}::text IS NULL AND account_id = ${accountId} AND (type IN ('RefreshToken', 'AccessToken')
          AND payload->>'sessionUid' IS NULL OR type = 'BackchannelAuthenticationRequest' AND grant_id IS NOT NULL))
        -- Sign-ins that were finished and not yet picked up would begin new sessions.
        OR (${only}::text IS NULL AND type = 'Interaction' AND payload->'result'->'login'->>'accountId' = ${accountId}))
      SELECT expires_at > ${now} AS is_open FROM ended, told`;
    return rows.filter(({ isOpen }) => isOpen).length;
  };
  return {
    async put(w, now, puts = fragment`nothing AS (VALUES (1))`) {
      const id = digest(w.id);
      const oldId = w.oldId === undefined ? null : digest(w.oldId);
      const begun =
        w.signIn === undefined
          ? fragment`begun AS (VALUES (1))`
          : fragment`begun AS (SELECT 1 FROM login_transaction WHERE uid = ${w.signIn} AND state = 'finished' FOR SHARE)`;
      await sql`WITH ${puts}, ${begun}
        INSERT INTO op_session (uid, id_digest, account_id, payload, user_agent, ip, created_at, last_used_at, expires_at)
        SELECT ${w.uid}::text, ${id}::bytea, ${w.accountId ?? null}::text, ${w.payload}::jsonb, ${w.userAgent}::text, ${w.ip}::text,
          ${now}::timestamptz, ${now}::timestamptz, ${w.expiresAt}::timestamptz FROM begun
        ON CONFLICT (uid) DO UPDATE SET
          payload = (CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN excluded.payload ELSE op_session.payload END)
            || CASE WHEN ${w.replaceAuthorizations} THEN '{}'::jsonb ELSE jsonb_build_object('authorizations',
                 coalesce(op_session.payload->'authorizations', '{}') || coalesce(excluded.payload->'authorizations', '{}')) END,
          account_id = CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN excluded.account_id ELSE op_session.account_id END,
          id_digest = CASE WHEN op_session.id_digest IN (${id}, ${oldId}) THEN ${id} ELSE op_session.id_digest END,
          user_agent = excluded.user_agent, ip = excluded.ip, last_used_at = excluded.last_used_at,
          expires_at = least(excluded.expires_at, op_session.created_at + ${ABSOLUTE_LIFETIME}::interval)
        WHERE op_session.revoked_at IS NULL`;
    },
    async find(id, now) {
      const [row] = await sql<{ payload: OidcPayload }>`SELECT payload FROM op_session
        WHERE id_digest = ${digest(id)} AND revoked_at IS NULL AND expires_at > ${now}`;
      return row && { ...row.payload, jti: id };
    },
    async findByUid(uid, now) {
      const [row] = await sql<{ payload: OidcPayload }>`SELECT payload - 'exp' AS payload FROM op_session
        WHERE uid = ${uid} AND revoked_at IS NULL AND created_at > ${now}::timestamptz - ${ABSOLUTE_LIFETIME}::interval`;
      return row?.payload;
    },
    async revoke({ uid, id }, now) {
      const which = uid !== undefined ? fragment`uid = ${uid}` : fragment`id_digest = ${digest(id)}`;
      await sql`WITH ended AS (UPDATE op_session SET revoked_at = ${now} WHERE ${which} AND revoked_at IS NULL RETURNING account_id),
        ${endBindings} SELECT 1 FROM bindings`;
    },
    revokeAll: (accountId, now) => end(accountId, {}, now),
    revokeOthers: (accountId, keptUid, now) => end(accountId, { except: keptUid }, now),
    revokeOne: async (accountId, uid, now) => (await end(accountId, { only: uid }, now)) === 1,
    async visitConsole(uid, { signedInAt, breakBefore, isNoted }, now) {
      const rows = await sql`UPDATE op_session SET
          console_seen_at = CASE WHEN ${isNoted} THEN greatest(console_seen_at, ${now}) ELSE console_seen_at END
        WHERE uid = ${uid} AND revoked_at IS NULL
          AND (console_seen_at IS NULL OR console_seen_at >= ${breakBefore} OR console_seen_at < ${signedInAt})
        RETURNING 1`;
      return rows.length === 1;
    },
    async ofAccount(accountId, now) {
      const rows = await sql<ShownSession & { payload: OidcPayload }>`SELECT uid, user_agent, ip, created_at,
          coalesce(last_used_at, created_at) AS last_used_at, payload FROM op_session
        WHERE account_id = ${accountId} AND revoked_at IS NULL AND expires_at > ${now} ORDER BY last_used_at DESC`;
      return rows.map(({ payload, ...session }) => ({
        ...session,
        clientIds: Object.keys((payload.authorizations as Record<string, unknown> | undefined) ?? {}),
      }));
    },
  };
}
