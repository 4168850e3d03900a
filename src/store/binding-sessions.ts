import { accept, type Result, refuse } from '../core/refusals.ts';
import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import { type AuthenticatorKind, insertAuthenticator, type NewAuthenticator } from './authenticators.ts';
import type { Database } from './database.ts';
import { replaceRecoveryCodes } from './recovery-codes.ts';

export type BindingBasis = 'password' | 'recovery_code' | 'temporary_pass' | 'mfa';

import { type Standing, standing } from './standing.ts';

/** What a person who may enrol has for ten minutes: the right to bind one authenticator. */
export interface BindingSession {
  readonly id: string;
  readonly accountId: string;
  /** The sign-in that was interrupted, and goes on afterwards. */
  readonly loginUid: string | null;
  /** What the person had shown when it was opened. */
  readonly basis: BindingBasis;
  /** The phone in whose place the new one comes, by its own approval. */
  readonly replacesId: string | null;
  /** The authenticator that was bound in it. */
  readonly authenticatorId: string | null;
  readonly state: 'open' | 'bound' | 'tested' | 'ended';
  readonly expiresAt: Date;
}

export interface EnrolmentCode {
  readonly code: string;
  readonly expiresAt: Date;
}

export interface BindingSessions {
  /** @returns false where what it stands on has ended */
  add(
    session: Omit<BindingSession, 'authenticatorId' | 'state'>,
    on: Standing,
    token: string,
    now: Date,
  ): Promise<boolean>;
  byToken(token: string, now: Date): Promise<BindingSession | undefined>;
  /** Until when it lasts, where nothing was tested in it yet and it began after `notBefore`. @returns whether it does */
  extend(token: string, until: Date, notBefore: Date, now: Date): Promise<boolean>;
  /** The sign-in that an enrolment interrupted, also after its end, while that sign-in is still open. */
  openLoginOf(token: string, now: Date): Promise<string | undefined>;
  /** What a phone has begun to hand its account to another. */
  transferOf(authenticatorId: string, now: Date): Promise<BindingSession | undefined>;
  /** @returns whether there was one */
  endTransfers(authenticatorId: string): Promise<boolean>;
  /** The code that is shown, if it still can be used. */
  openCode(bindingId: string, now: Date): Promise<EnrolmentCode | undefined>;
  /** Adds a code that lasts longer than the one that is shown; either works until it ends. @returns the code that counts when two pages ask at once */
  addCode(session: BindingSession, code: EnrolmentCode, now: Date): Promise<EnrolmentCode>;
  /**
   * Uses a code, once, in one statement, before anything else is checked.
   * Refusals: `enrolment_code_unknown`, `enrolment_code_used`, `enrolment_code_expired`.
   */
  useCode(code: string, now: Date): Promise<Result<BindingSession>>;
  /** @returns false where an authenticator was bound before, or the session ended */
  bound(id: string, authenticatorId: string, now: Date): Promise<boolean>;
  /**
   * The test was passed: what was bound becomes active, or what is `added` is; what it replaces is revoked, and every
   * other binding of the account ends. One transaction, one at a time per account: of two that a password alone opened, only the first one counts.
   * @returns whether this call did it
   */
  complete(session: BindingSession, now: Date, added?: NewAuthenticator): Promise<boolean>;
  /** Keeps the secret of a code app that is being set up. @returns the one that counts when two pages ask at once */
  keepTotpSecret(id: string, secret: string): Promise<string>;
  totpSecret(id: string): Promise<string | undefined>;
  /** Back to the start: the authenticator that was being bound is given up. */
  reopen(id: string, now: Date): Promise<void>;
  /** Ends every open binding of an account. */
  endAll(accountId: string): Promise<void>;
  end(id: string): Promise<void>;
  /**
   * Gives the account a new set of recovery codes, once per session, and keeps them as people read them.
   * @returns the ones that count when two pages ask at once; undefined where the session has ended
   */
  issueRecoveryCodes(
    id: string,
    set: NewAuthenticator,
    codes: { shown: readonly string[]; plain: readonly string[] },
    now: Date,
  ): Promise<readonly string[] | undefined>;
  /** The codes to show again on a reload, while the session lasts. */
  recoveryCodes(id: string): Promise<string[] | undefined>;
}

/** What counts as having a second factor already. */
const SECOND_FACTORS: readonly AuthenticatorKind[] = ['push', 'store_app', 'totp', 'webauthn'];

/** Rolls the transaction back: one half of completing was not possible. */
class NotCompleted extends Error {}

export const codePlace = (bindingId: string): string => `enrolment_code:code:${bindingId}`;
export const totpPlace = (id: string): string => `binding_session:totp_secret:${id}`;
export const recoveryPlace = (id: string): string => `binding_session:recovery_codes:${id}`;

export function createBindingSessions(db: Database, sealer: Sealer): BindingSessions {
  const { sql } = db;
  const openCode = async (bindingId: string, now: Date, on = sql): Promise<EnrolmentCode | undefined> => {
    const [row] = await on<{ codeSealed: Buffer; expiresAt: Date }>`SELECT code_sealed, expires_at FROM enrolment_code
      WHERE binding_id = ${bindingId} AND used_at IS NULL AND expires_at > ${now} ORDER BY created_at DESC LIMIT 1`;
    return row && { code: sealer.open(codePlace(bindingId), row.codeSealed).toString(), expiresAt: row.expiresAt };
  };
  const openRecoveryCodes = (id: string, sealed: Buffer): string[] =>
    JSON.parse(sealer.open(recoveryPlace(id), sealed).toString()) as string[];
  const totpSecret = async (id: string): Promise<string | undefined> => {
    const [row] = await sql<{
      totpSecretSealed: Buffer | null;
    }>`SELECT totp_secret_sealed FROM binding_session WHERE id = ${id}`;
    return row?.totpSecretSealed ? sealer.open(totpPlace(id), row.totpSecretSealed).toString() : undefined;
  };
  return {
    async add(s, on, token, now) {
      const rows = await sql`WITH standing AS (${standing(s.accountId, on)})
        INSERT INTO binding_session (id, token_digest, account_id, login_uid, basis, replaces_id, created_at, expires_at)
        SELECT ${s.id}::uuid, ${digest(token)}::bytea, ${s.accountId}::uuid, ${s.loginUid}::text, ${s.basis}::text, ${s.replacesId}::uuid,
          ${now}::timestamptz, ${s.expiresAt}::timestamptz FROM standing RETURNING 1`;
      return rows.length === 1;
    },
    async byToken(token, now) {
      const [row] =
        await sql<BindingSession>`SELECT id, account_id, login_uid, basis, replaces_id, authenticator_id, state, expires_at
        FROM binding_session WHERE token_digest = ${digest(token)} AND state <> 'ended' AND expires_at > ${now}`;
      return row;
    },
    async transferOf(authenticatorId, now) {
      const [row] =
        await sql<BindingSession>`SELECT id, account_id, login_uid, basis, replaces_id, authenticator_id, state, expires_at
        FROM binding_session WHERE replaces_id = ${authenticatorId} AND state IN ('open', 'bound') AND expires_at > ${now}
        ORDER BY created_at DESC LIMIT 1`;
      return row;
    },
    async endTransfers(authenticatorId) {
      const rows = await sql`UPDATE binding_session SET state = 'ended'
        WHERE replaces_id = ${authenticatorId} AND state IN ('open', 'bound') RETURNING id`;
      return rows.length > 0;
    },
    async extend(token, until, notBefore, now) {
      const rows = await sql`UPDATE binding_session SET expires_at = ${until}
        WHERE token_digest = ${digest(token)} AND state IN ('open', 'bound') AND expires_at > ${now}
          AND created_at > ${notBefore} RETURNING 1`;
      return rows.length > 0;
    },
    async openLoginOf(token, now) {
      const [row] = await sql<{
        uid: string;
      }>`SELECT t.uid FROM binding_session b JOIN login_transaction t ON t.uid = b.login_uid
        WHERE b.token_digest = ${digest(token)} AND t.state = 'open' AND t.expires_at > ${now}`;
      return row?.uid;
    },
    openCode,
    addCode: (session, code, now) =>
      db.transaction(async (tx) => {
        await tx`SELECT 1 FROM binding_session WHERE id = ${session.id} FOR UPDATE`;
        const there = await openCode(session.id, now, tx);
        if (there && there.expiresAt >= code.expiresAt) return there;
        await tx`INSERT INTO enrolment_code (code_digest, code_sealed, binding_id, account_id, created_at, expires_at)
          VALUES (${digest(code.code)}, ${sealer.seal(codePlace(session.id), code.code)}, ${session.id}, ${session.accountId}, ${now}, ${code.expiresAt})`;
        return code;
      }),
    async useCode(code, now) {
      const codeDigest = digest(code);
      const [row] = await sql<BindingSession>`UPDATE enrolment_code c SET used_at = ${now} FROM binding_session b
        WHERE c.code_digest = ${codeDigest} AND c.used_at IS NULL AND c.expires_at > ${now}
          AND b.id = c.binding_id AND b.state = 'open' AND b.expires_at > ${now}
        RETURNING b.id, b.account_id, b.login_uid, b.basis, b.replaces_id, b.authenticator_id, b.state, b.expires_at`;
      if (row) return accept(row);
      const [found] = await sql<{
        usedAt: Date | null;
      }>`SELECT used_at FROM enrolment_code WHERE code_digest = ${codeDigest}`;
      return refuse(
        found ? (found.usedAt ? 'enrolment_code_used' : 'enrolment_code_expired') : 'enrolment_code_unknown',
      );
    },
    async bound(id, authenticatorId, now) {
      const rows =
        await sql`WITH done AS (UPDATE binding_session SET state = 'bound', authenticator_id = ${authenticatorId}
          WHERE id = ${id} AND state = 'open' AND expires_at > ${now}
            AND (basis <> 'password' OR NOT EXISTS (SELECT 1 FROM authenticator a
                WHERE a.account_id = binding_session.account_id AND a.kind = ANY(${SECOND_FACTORS}) AND a.state = 'active')
              AND NOT EXISTS (SELECT 1 FROM account WHERE account.id = binding_session.account_id AND pass_required_at IS NOT NULL))
          RETURNING id, account_id)
        SELECT id, pg_notify('dubbelslot', 'binding:' || id), pg_notify('dubbelslot', 'account:' || account_id) FROM done`;
      return rows.length === 1;
    },
    complete: (session, now, added) =>
      db
        .transaction(async (tx) => {
          const [account] = await tx<{ passRequiredAt: Date | null }>`SELECT pass_required_at FROM account
            WHERE id = ${session.accountId} FOR NO KEY UPDATE`;
          // All that may end here, in the order of whoever ends them.
          await tx`SELECT 1 FROM binding_session WHERE account_id = ${session.accountId} AND state IN ('open', 'bound')
            ORDER BY id FOR UPDATE`;
          if (session.basis === 'password') {
            if (account?.passRequiredAt) return false;
            const active = await tx`SELECT 1 FROM authenticator
              WHERE account_id = ${session.accountId} AND kind = ANY(${SECOND_FACTORS}) AND state = 'active'`;
            if (active.length > 0) return false;
          }
          if (added) await insertAuthenticator(tx, sealer, added, now);
          const tested = await tx`UPDATE binding_session
              SET state = 'tested', authenticator_id = ${added?.id ?? session.authenticatorId}, totp_secret_sealed = NULL
            WHERE id = ${session.id} AND state = ${added ? 'open' : 'bound'} AND expires_at > ${now} RETURNING id`;
          if (tested.length === 0) throw new NotCompleted();
          if (!added) {
            const activated = await tx<{
              id: string;
            }>`UPDATE authenticator SET state = 'active'
              WHERE (id = ${session.authenticatorId} OR parent_id = ${session.authenticatorId}) AND state = 'pending' RETURNING id`;
            if (!activated.some(({ id }) => id === session.authenticatorId)) throw new NotCompleted();
          }
          if (session.replacesId !== null) {
            const replaced = await tx`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
              WHERE (id = ${session.replacesId} OR parent_id = ${session.replacesId}) AND state = 'active' RETURNING id`;
            if (replaced.length === 0) throw new NotCompleted();
            await tx`DELETE FROM push_subscription WHERE authenticator_id = ${session.replacesId}`;
          }
          await tx`UPDATE account SET pass_required_at = NULL WHERE id = ${session.accountId} AND pass_required_at IS NOT NULL`;
          await tx`SELECT pg_notify('dubbelslot', ${`account:${session.accountId}`})`;
          await tx`WITH done AS (UPDATE binding_session SET state = 'ended'
            WHERE account_id = ${session.accountId} AND id <> ${session.id} AND state IN ('open', 'bound') RETURNING id)
          SELECT id, pg_notify('dubbelslot', 'binding:' || id) FROM done`;
          return true;
        })
        .catch((error: unknown) => {
          if (error instanceof NotCompleted) return false;
          throw error;
        }),
    async reopen(id, now) {
      await sql`WITH done AS (UPDATE binding_session SET state = 'open', authenticator_id = NULL
          WHERE id = ${id} AND state = 'bound' AND expires_at > ${now} RETURNING id)
        SELECT id, pg_notify('dubbelslot', 'binding:' || id) FROM done`;
    },
    async endAll(accountId) {
      await sql`WITH done AS (UPDATE binding_session SET state = 'ended'
          WHERE id IN (SELECT id FROM binding_session WHERE account_id = ${accountId} AND state <> 'ended' ORDER BY id FOR UPDATE)
          RETURNING id)
        SELECT id, pg_notify('dubbelslot', 'binding:' || id) FROM done`;
    },
    async end(id) {
      await sql`UPDATE binding_session SET state = 'ended', recovery_codes_sealed = NULL WHERE id = ${id}`;
    },
    issueRecoveryCodes: (id, set, { shown, plain }, now) =>
      db.transaction(async (tx) => {
        const [row] = await tx<{
          recoveryCodesSealed: Buffer | null;
        }>`SELECT recovery_codes_sealed FROM binding_session WHERE id = ${id} AND state = 'tested' FOR UPDATE`;
        if (!row) return undefined;
        if (row.recoveryCodesSealed) return openRecoveryCodes(id, row.recoveryCodesSealed);
        await replaceRecoveryCodes(tx, set, plain, now);
        await tx`UPDATE binding_session SET recovery_codes_sealed = ${sealer.seal(recoveryPlace(id), JSON.stringify(shown))} WHERE id = ${id}`;
        return shown;
      }),
    async keepTotpSecret(id, secret) {
      const rows = await sql`UPDATE binding_session SET totp_secret_sealed = ${sealer.seal(totpPlace(id), secret)}
        WHERE id = ${id} AND totp_secret_sealed IS NULL RETURNING id`;
      return rows.length === 1 ? secret : ((await totpSecret(id)) ?? secret);
    },
    totpSecret,
    async recoveryCodes(id) {
      const [row] = await sql<{
        recoveryCodesSealed: Buffer | null;
      }>`SELECT recovery_codes_sealed FROM binding_session WHERE id = ${id}`;
      return row?.recoveryCodesSealed ? openRecoveryCodes(id, row.recoveryCodesSealed) : undefined;
    },
  };
}
