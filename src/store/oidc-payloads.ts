import type { AuditEvent } from '../core/audit.ts';
import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Account } from './accounts.ts';
import type { EventOf } from './audit.ts';
import { constant, type Database, type Fragment, fragment, listed } from './database.ts';
import {
  type LoginTransaction,
  type NewTransaction,
  openTransaction,
  transactionBeside,
} from './login-transactions.ts';
import { isSessionAlive } from './op-sessions.ts';
import { createPayloadSealing, type OidcPayload, type PayloadRow } from './payload-sealing.ts';

import { ACCOUNT_BESIDE, accountIn, createSignerIn, SIGNER_BESIDE, type Signer } from './signers.ts';

/** What a code or token stands on; undefined where it is gone. */
export interface Ground {
  readonly session: { readonly uid: string; readonly payload: OidcPayload | undefined } | undefined;
  readonly grant: { readonly id: string; readonly payload: OidcPayload | undefined } | undefined;
  readonly account: Account | undefined;
}

export interface Pause {
  readonly payload: OidcPayload;
  readonly transaction: LoginTransaction | undefined;
  readonly signer: Signer | undefined;
}

/** A payload that is still to be written. */
export interface PayloadWrite {
  readonly type: string;
  readonly id: string;
  readonly payload: OidcPayload;
  readonly expiresAt: Date;
}

/** A code or token that is shown to be used once. */
export interface PayloadUse {
  readonly type: string;
  readonly id: string;
}

export type { OidcPayload };

export interface OidcPayloads {
  /** Writes several, as part of another table's statement (its WITH list). */
  puts(writes: readonly PayloadWrite[]): Fragment;
  /**
   * Uses up what was shown, writes what is given for it, and keeps the event of that, by one statement: all of it or nothing.
   * @returns false where it was used before, or is gone
   */
  exchange(
    shown: PayloadUse | undefined,
    given: readonly PayloadWrite[],
    event: AuditEvent<string>,
    now: Date,
  ): Promise<boolean>;
  /** @returns false where it was overtaken: a device code is confirmed by one browser and given to one person */
  put(type: string, id: string, payload: OidcPayload, expiresAt: Date): Promise<boolean>;
  /** Changes what is there. @returns false where it is gone meanwhile: it does not come back */
  replace(type: string, id: string, payload: OidcPayload, expiresAt: Date): Promise<boolean>;
  /**
   * The same, as part of another table's statement: a query `replaced` for its WITH list.
   * @param of the name of a query in that list: nothing is changed where it gives no row
   */
  replacing(write: PayloadWrite, of: Fragment): Fragment;
  /** Adds it only if it is not there. @returns false where it was: a replay */
  addOnce(type: string, id: string, payload: OidcPayload, expiresAt: Date): Promise<boolean>;
  find(type: string, id: string, now: Date): Promise<OidcPayload | undefined>;
  /** A code or token of one of these types with all that it stands on, by one statement: what each use of it asks next. */
  findWithGround(
    types: readonly string[],
    id: string,
    now: Date,
  ): Promise<{ type: string; payload: OidcPayload; ground: Ground } | undefined>;
  /** Adds a pause for a person who is to sign in, with our row for it. */
  putPause(uid: string, payload: OidcPayload, transaction: NewTransaction, now: Date): Promise<void>;
  /** A pause for a person, with our row for it and whose it is, where that is known, by one statement. */
  findPause(uid: string, now: Date): Promise<Pause | undefined>;
  /** Uses up a pause that a person has ended. @returns undefined where it has no result yet, or is gone */
  takePause(uid: string, now: Date): Promise<Pause | undefined>;
  /** The same for what is asked for again and again: not if it was asked after `notAfter`. Expired ones from `since` on. */
  poll(
    type: string,
    id: string,
    now: Date,
    limits: { notAfter: Date; since: Date },
  ): Promise<OidcPayload | 'too_fast' | undefined>;
  findByUid(type: string, uid: string, now: Date): Promise<OidcPayload | undefined>;
  findByUserCode(type: string, userCode: string, now: Date): Promise<OidcPayload | undefined>;
  /** Use once, in one statement. @returns whether it was this call */
  consume(type: string, id: string, now: Date): Promise<boolean>;
  destroy(type: string, id: string): Promise<void>;
  revokeByGrant(type: string, grantId: string): Promise<void>;
}

/**
 * Rows that do not wait for the disk: where their loss in a crash undoes nothing (somebody signs in once more), or where
 * the session or the audit event of the token, which does wait, is written after them.
 */
const RELAXED = new Set([
  'Interaction',
  'Grant',
  'RefreshToken',
  'AuthorizationCode',
  'ReplayDetection',
  'PushedAuthorizationRequest',
  'AccessToken',
]);

/** Used up by a request whose event waits for the disk after it. */
const TOLD = new Set([
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
  'PushedAuthorizationRequest',
]);

type PauseRow = PayloadRow & Record<string, unknown>;
const PAUSE_COLUMNS = constant(`${transactionBeside.select}, ${SIGNER_BESIDE}`);

export function createOidcPayloads(
  { sql, relaxedSql, query }: Database,
  sealer: Sealer,
  eventOf: EventOf,
): OidcPayloads {
  const sqlFor = (type: string): typeof sql => (RELAXED.has(type) ? relaxedSql : sql);

  const { closed, opened } = createPayloadSealing(sealer);
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const values = ({ type, id, payload: plain, expiresAt }: PayloadWrite): Fragment => {
    const payload = closed(type, digest(id), plain);
    return fragment`(${type}::text, ${digest(id)}::bytea, ${payload}::jsonb, ${text(payload.grantId)}, ${text(payload.accountId)}, ${text(payload.uid)}, ${text(payload.userCode)}, ${expiresAt}::timestamptz)`;
  };
  /** @param condition on which all of them are written */
  const put = (
    writes: readonly PayloadWrite[],
    condition = fragment`true`,
  ): Fragment => fragment`INSERT INTO oidc_payload
        (type, id_digest, payload, grant_id, account_id, uid, user_code, expires_at)
        SELECT * FROM (VALUES ${listed(writes.map(values))}) AS given WHERE ${condition}
        ON CONFLICT (type, id_digest) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
          account_id = excluded.account_id, uid = excluded.uid, user_code = excluded.user_code, expires_at = excluded.expires_at
          WHERE excluded.type <> 'DeviceCode' OR excluded.payload ? 'error'
            OR NOT oidc_payload.payload ? CASE WHEN excluded.payload ? 'accountId' THEN 'accountId' ELSE 'inFlight' END
          RETURNING 1`;
  const replace = ({ type, id, payload, expiresAt }: PayloadWrite): Fragment => fragment`UPDATE oidc_payload
        SET payload = ${closed(type, digest(id), payload)}, expires_at = ${expiresAt}
        WHERE type = ${type} AND id_digest = ${digest(id)}`;
  const use = ({ type, id }: PayloadUse, now: Date): Fragment => fragment`UPDATE oidc_payload SET consumed_at = ${now}
        WHERE type = ${type} AND id_digest = ${digest(id)} AND consumed_at IS NULL RETURNING 1`;
  const signerIn = createSignerIn(sealer);
  const pauseIn = (uid: string, rows: readonly PauseRow[]): Pause | undefined => {
    const [row] = rows;
    return (
      row && {
        payload: { ...opened('Interaction', row), jti: uid },
        transaction: row.transactionUid === null ? undefined : transactionBeside.read(row),
        signer: signerIn(rows),
      }
    );
  };
  /** What stands beside a pause `p`. */
  const besidePause = (uid: string): Fragment => fragment`LEFT JOIN login_transaction t ON t.uid = ${uid}
      LEFT JOIN account a ON a.id = t.account_id LEFT JOIN authenticator x ON x.account_id = a.id`;
  return {
    puts: (writes) => fragment`puts AS (${writes.length === 0 ? fragment`VALUES (1)` : put(writes)})`,
    async exchange(shown, given, event, now) {
      const used = shown ? use(shown, now) : fragment`VALUES (1)`;
      const puts =
        given.length === 0 ? fragment`` : fragment`, puts AS (${put(given, fragment`EXISTS (SELECT FROM used)`)})`;
      const rows = await sql`WITH used AS (${used})${puts}, ${eventOf(event, now, fragment`used`)} SELECT FROM added`;
      return rows.length === 1;
    },
    async put(type, id, payload, expiresAt) {
      const rows = await sqlFor(type)`${put([{ type, id, payload, expiresAt }])}`;
      return rows.length === 1;
    },
    async putPause(uid, payload, transaction, now) {
      const write = { type: 'Interaction', id: uid, payload, expiresAt: transaction.expiresAt };
      await relaxedSql`WITH opened AS (${openTransaction(transaction, now)}) ${put([write])}`;
    },
    async replace(type, id, plain, expiresAt) {
      const rows = await sqlFor(type)`${replace({ type, id, payload: plain, expiresAt })} RETURNING 1`;
      return rows.length === 1;
    },
    replacing: (write, of) => fragment`replaced AS (${replace(write)} AND EXISTS (SELECT FROM ${of}) RETURNING 1)`,
    async addOnce(type, id, payload, expiresAt) {
      const rows = await sqlFor(type)`INSERT INTO oidc_payload (type, id_digest, payload, expires_at)
        VALUES (${type}, ${digest(id)}, ${payload}, ${expiresAt}) ON CONFLICT DO NOTHING RETURNING 1`;
      return rows.length === 1;
    },
    async find(type, id, now) {
      const [row] = await sql<PayloadRow>`SELECT id_digest, payload, consumed_at FROM oidc_payload
        WHERE type = ${type} AND id_digest = ${digest(id)} AND expires_at > ${now}`;
      return row && { ...opened(type, row), jti: id };
    },
    async findWithGround(types, id, now) {
      const [row] = await query<
        PayloadRow & { type: string; session: OidcPayload | null; grant: OidcPayload | null; accountId: string | null }
      >(
        // As joins, session and grant are read from one end to the other while their tables are young.
        `SELECT p.type, p.id_digest, p.payload, p.consumed_at, ${ACCOUNT_BESIDE},
          (SELECT s.payload - 'exp' FROM op_session s WHERE s.uid = p.payload->>'sessionUid' AND ${isSessionAlive('s', '$2')}) AS session,
          (SELECT g.payload FROM oidc_payload g WHERE g.type = 'Grant' AND g.expires_at > $2
            AND g.id_digest = sha256(convert_to(p.grant_id, 'UTF8'))) AS grant
          FROM oidc_payload p
          LEFT JOIN account a ON a.id = CASE WHEN p.account_id ~ '^[0-9a-f-]{36}$' THEN p.account_id::uuid END
          WHERE p.type IN (${types.map((_, index) => `$${index + 3}`)}) AND p.id_digest = $1 AND p.expires_at > $2 LIMIT 1`,
        [digest(id), now, ...types],
      );
      if (!row) return undefined;
      const { sessionUid, grantId } = row.payload;
      return {
        type: row.type,
        payload: { ...opened(row.type, row), jti: id },
        ground: {
          session: typeof sessionUid === 'string' ? { uid: sessionUid, payload: row.session ?? undefined } : undefined,
          grant:
            typeof grantId === 'string'
              ? { id: grantId, payload: row.grant ? { ...row.grant, jti: grantId } : undefined }
              : undefined,
          account: row.accountId ? accountIn(row as unknown as Record<string, unknown>) : undefined,
        },
      };
    },
    async findPause(uid, now) {
      const rows = await sql<PauseRow>`SELECT p.id_digest, p.payload, p.consumed_at, ${PAUSE_COLUMNS}
        FROM oidc_payload p ${besidePause(uid)}
        WHERE p.type = 'Interaction' AND p.id_digest = ${digest(uid)} AND p.expires_at > ${now} ORDER BY x.created_at`;
      return pauseIn(uid, rows);
    },
    async takePause(uid, now) {
      const rows = await relaxedSql<PauseRow>`WITH p AS (DELETE FROM oidc_payload
          WHERE type = 'Interaction' AND id_digest = ${digest(uid)} AND expires_at > ${now} AND payload ? 'result'
          RETURNING id_digest, payload, consumed_at)
        SELECT p.*, ${PAUSE_COLUMNS} FROM p ${besidePause(uid)} ORDER BY x.created_at`;
      return pauseIn(uid, rows);
    },
    async poll(type, id, now, { notAfter, since }) {
      const [row] = await sql<PayloadRow>`UPDATE oidc_payload SET polled_at = ${now}
        WHERE type = ${type} AND id_digest = ${digest(id)} AND expires_at > ${since}
          AND (polled_at IS NULL OR polled_at <= ${notAfter}) RETURNING id_digest, payload, consumed_at`;
      if (row) return { ...opened(type, row), jti: id };
      const rows =
        await sql`SELECT 1 FROM oidc_payload WHERE type = ${type} AND id_digest = ${digest(id)} AND expires_at > ${since}`;
      return rows.length > 0 ? 'too_fast' : undefined;
    },
    async findByUid(type, uid, now) {
      const [row] = await sql<PayloadRow>`SELECT id_digest, payload, consumed_at FROM oidc_payload
        WHERE type = ${type} AND uid = ${uid} AND expires_at > ${now}`;
      return row && opened(type, row);
    },
    async findByUserCode(type, userCode, now) {
      const [row] = await sql<PayloadRow>`SELECT id_digest, payload, consumed_at FROM oidc_payload
        WHERE type = ${type} AND user_code = ${userCode} AND expires_at > ${now}`;
      return row && opened(type, row);
    },
    async consume(type, id, now) {
      const run = TOLD.has(type) ? relaxedSql : sql;
      const rows = await run`${use({ type, id }, now)}`;
      return rows.length === 1;
    },
    async destroy(type, id) {
      const run = type === 'Interaction' ? relaxedSql : sql;
      await run`DELETE FROM oidc_payload WHERE type = ${type} AND id_digest = ${digest(id)}`;
    },
    async revokeByGrant(type, grantId) {
      await sql`DELETE FROM oidc_payload WHERE type = ${type} AND grant_id = ${grantId}`;
    },
  };
}
