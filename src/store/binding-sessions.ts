import { accept, type Result, refuse } from '../core/refusals.ts';
import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

export type BindingBasis = 'password' | 'recovery_code' | 'mfa';

/** What a person who may enrol has for ten minutes: the right to bind one authenticator. */
export interface BindingSession {
  readonly id: string;
  readonly accountId: string;
  /** The sign-in that was interrupted, and goes on afterwards. */
  readonly loginUid: string | null;
  /** What the person had shown when it was opened. */
  readonly basis: BindingBasis;
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
  add(session: Omit<BindingSession, 'authenticatorId' | 'state'>, token: string, now: Date): Promise<void>;
  byToken(token: string, now: Date): Promise<BindingSession | undefined>;
  /** The sign-in that an enrolment interrupted, also after its end, while that sign-in is still open. */
  openLoginOf(token: string, now: Date): Promise<string | undefined>;
  /** The code that is shown, if it still can be used. */
  openCode(bindingId: string, now: Date): Promise<EnrolmentCode | undefined>;
  /** Adds a code; the ones before it stop working. @returns the code that counts when two pages ask at once */
  addCode(session: BindingSession, code: EnrolmentCode, now: Date): Promise<EnrolmentCode>;
  /**
   * Uses a code, once, in one statement, before anything else is checked.
   * Refusals: `enrolment_code_unknown`, `enrolment_code_used`, `enrolment_code_expired`.
   */
  useCode(code: string, now: Date): Promise<Result<BindingSession>>;
  /** @returns false where an authenticator was bound before, or the session ended */
  bound(id: string, authenticatorId: string, now: Date): Promise<boolean>;
  /**
   * The test was passed: the phone becomes active, and every other binding of the account ends. One transaction,
   * one at a time per account: of two that a password alone opened, only the first one counts.
   * @returns whether this call did it
   */
  complete(session: BindingSession, now: Date): Promise<boolean>;
  /** Back to the start: the authenticator that was being bound is given up. */
  reopen(id: string, now: Date): Promise<void>;
  /** Ends every open binding of an account. */
  endAll(accountId: string): Promise<void>;
  end(id: string): Promise<void>;
  keepRecoveryCodes(id: string, codes: readonly string[]): Promise<void>;
  /** The codes to show again on a reload, while the session lasts. */
  recoveryCodes(id: string): Promise<string[] | undefined>;
}

/** Rolls the transaction back: one half of completing was not possible. */
class NotCompleted extends Error {}

const codePlace = (bindingId: string): string => `enrolment_code:code:${bindingId}`;
const recoveryPlace = (id: string): string => `binding_session:recovery_codes:${id}`;

export function createBindingSessions(db: Database, sealer: Sealer): BindingSessions {
  const { sql } = db;
  const openCode = async (bindingId: string, now: Date, on = sql): Promise<EnrolmentCode | undefined> => {
    const [row] = await on<{ codeSealed: Buffer; expiresAt: Date }>`SELECT code_sealed, expires_at FROM enrolment_code
      WHERE binding_id = ${bindingId} AND used_at IS NULL AND expires_at > ${now} ORDER BY created_at DESC LIMIT 1`;
    return row && { code: sealer.open(codePlace(bindingId), row.codeSealed).toString(), expiresAt: row.expiresAt };
  };
  return {
    async add(s, token, now) {
      await sql`INSERT INTO binding_session (id, token_digest, account_id, login_uid, basis, created_at, expires_at)
        VALUES (${s.id}, ${digest(token)}, ${s.accountId}, ${s.loginUid}, ${s.basis}, ${now}, ${s.expiresAt})`;
    },
    async byToken(token, now) {
      const [row] =
        await sql<BindingSession>`SELECT id, account_id, login_uid, basis, authenticator_id, state, expires_at
        FROM binding_session WHERE token_digest = ${digest(token)} AND state <> 'ended' AND expires_at > ${now}`;
      return row;
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
        if (there) return there;
        await tx`INSERT INTO enrolment_code (code_digest, code_sealed, binding_id, account_id, created_at, expires_at)
          VALUES (${digest(code.code)}, ${sealer.seal(codePlace(session.id), code.code)}, ${session.id}, ${session.accountId}, ${now}, ${code.expiresAt})`;
        return code;
      }),
    async useCode(code, now) {
      const codeDigest = digest(code);
      const [row] = await sql<BindingSession>`UPDATE enrolment_code c SET used_at = ${now} FROM binding_session b
        WHERE c.code_digest = ${codeDigest} AND c.used_at IS NULL AND c.expires_at > ${now}
          AND b.id = c.binding_id AND b.state = 'open' AND b.expires_at > ${now}
        RETURNING b.id, b.account_id, b.login_uid, b.basis, b.authenticator_id, b.state, b.expires_at`;
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
              WHERE a.account_id = binding_session.account_id AND a.kind = 'push' AND a.state = 'active')) RETURNING id)
        SELECT id, pg_notify('dubbelslot', 'binding:' || id) FROM done`;
      return rows.length === 1;
    },
    complete: (session, now) =>
      db
        .transaction(async (tx) => {
          await tx`SELECT 1 FROM account WHERE id = ${session.accountId} FOR UPDATE`;
          if (session.basis === 'password') {
            const active = await tx`SELECT 1 FROM authenticator
            WHERE account_id = ${session.accountId} AND kind = 'push' AND state = 'active'`;
            if (active.length > 0) return false;
          }
          const tested = await tx`UPDATE binding_session SET state = 'tested'
          WHERE id = ${session.id} AND state = 'bound' AND expires_at > ${now} RETURNING id`;
          const activated = await tx`UPDATE authenticator SET state = 'active'
          WHERE id = ${session.authenticatorId} AND state = 'pending' RETURNING id`;
          if (tested.length + activated.length < 2) throw new NotCompleted();
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
          WHERE account_id = ${accountId} AND state <> 'ended' RETURNING id)
        SELECT id, pg_notify('dubbelslot', 'binding:' || id) FROM done`;
    },
    async end(id) {
      await sql`UPDATE binding_session SET state = 'ended', recovery_codes_sealed = NULL WHERE id = ${id}`;
    },
    async keepRecoveryCodes(id, codes) {
      await sql`UPDATE binding_session SET recovery_codes_sealed = ${sealer.seal(recoveryPlace(id), JSON.stringify(codes))} WHERE id = ${id}`;
    },
    async recoveryCodes(id) {
      const [row] = await sql<{
        recoveryCodesSealed: Buffer | null;
      }>`SELECT recovery_codes_sealed FROM binding_session WHERE id = ${id}`;
      if (!row?.recoveryCodesSealed) return undefined;
      return JSON.parse(sealer.open(recoveryPlace(id), row.recoveryCodesSealed).toString()) as string[];
    },
  };
}
