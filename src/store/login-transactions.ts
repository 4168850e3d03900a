import type { Acr, Proof } from '../core/assurance.ts';
import type { Database } from './database.ts';
import type { Counter } from './throttle.ts';

/**
 * Our row for one sign-in in progress: the only place that decides `acr` and `amr`. What adds to it does not wait for the
 * disk (the audit event that follows does); what ends it does.
 */
export interface LoginTransaction {
  /** The uid of oidc-provider's interaction. */
  readonly uid: string;
  readonly clientId: string;
  readonly prompt: 'login' | 'mfa';
  /** What the web app and its request ask at least. */
  readonly requiredAcr: Acr | null;
  readonly accountId: string | null;
  readonly proofs: readonly Proof[];
  /** When the person last proved the first factor. */
  readonly authTime: Date | null;
  readonly state: 'open' | 'finished' | 'ended';
  readonly endReason: string | null;
  /** The person put off setting up a second factor, as the policy allows. */
  readonly postponedAt: Date | null;
  readonly expiresAt: Date;
}

export interface LoginTransactions {
  /** Adds it, or returns the one that is there. */
  open(
    transaction: Omit<LoginTransaction, 'state' | 'endReason' | 'postponedAt'>,
    now: Date,
  ): Promise<LoginTransaction>;
  byUid(uid: string): Promise<LoginTransaction | undefined>;
  /**
   * A first factor: the account, and proofs from the start (a recovery code or pass of the same account was used up, so
   * it stays).
   * @param forgiven counters of failures that start again
   * @returns false where it is no longer open
   */
  start(uid: string, accountId: string, proof: Proof, now: Date, forgiven?: readonly Counter[]): Promise<boolean>;
  /**
   * One more proof by the same account.
   * @param forgiven counters of failures that start again
   * @returns it as it is now; undefined where it is no longer open
   */
  prove(
    uid: string,
    accountId: string,
    proof: Proof,
    now: Date,
    forgiven?: readonly Counter[],
  ): Promise<LoginTransaction | undefined>;
  postpone(uid: string, now: Date): Promise<boolean>;
  /** Whether the sign-in of this account at this time (whole seconds) was put off, and finished so. */
  wasPostponed(accountId: string, authTime: number): Promise<boolean>;
  /**
   * @param strongFor the account that has now signed in with two factors, which is noted
   * @returns false where it had ended
   */
  finish(uid: string, strongFor: string | null, now: Date): Promise<boolean>;
  /** @returns whether this call ended it */
  end(uid: string, accountId: string | undefined, reason: string): Promise<boolean>;
  /**
   * Ends every sign-in of an account that is in progress but one: what was shown counts no longer. One that was finished
   * and not yet picked up loses its pause with it.
   */
  endAll(accountId: string, reason: string, exceptUid?: string): Promise<void>;
}

export function createLoginTransactions({ sql, relaxedSql }: Database): LoginTransactions {
  return {
    async open(t, now) {
      const [row] = await relaxedSql<LoginTransaction>`INSERT INTO login_transaction
          (uid, client_id, prompt, required_acr, account_id, proofs, auth_time, created_at, expires_at)
        VALUES (${t.uid}, ${t.clientId}, ${t.prompt}, ${t.requiredAcr}, ${t.accountId}, ${t.proofs}, ${t.authTime}, ${now}, ${t.expiresAt})
        ON CONFLICT (uid) DO UPDATE SET uid = excluded.uid RETURNING *`;
      return row!;
    },
    async byUid(uid) {
      const [row] = await sql<LoginTransaction>`SELECT * FROM login_transaction WHERE uid = ${uid}`;
      return row;
    },
    async start(uid, accountId, proof, now, forgiven = []) {
      const rows = await relaxedSql`WITH forgiven AS (DELETE FROM throttle WHERE key IN
          (SELECT key FROM throttle WHERE key = ANY(${forgiven}) ORDER BY key COLLATE "C" FOR UPDATE))
        UPDATE login_transaction SET account_id = ${accountId}, auth_time = ${now}, postponed_at = NULL,
          proofs = ${proof}::text || CASE WHEN account_id = ${accountId}
            THEN ARRAY(SELECT unnest(proofs) INTERSECT SELECT unnest(ARRAY['recovery_code', 'temporary_pass'])) ELSE '{}' END
        WHERE uid = ${uid} AND state = 'open' AND expires_at > ${now} RETURNING uid`;
      return rows.length === 1;
    },
    async prove(uid, accountId, proof, now, forgiven = []) {
      const [row] = await relaxedSql<LoginTransaction>`WITH forgiven AS (DELETE FROM throttle WHERE key IN
          (SELECT key FROM throttle WHERE key = ANY(${forgiven}) ORDER BY key COLLATE "C" FOR UPDATE))
        UPDATE login_transaction
          SET proofs = CASE WHEN ${proof} = ANY(proofs) THEN proofs ELSE proofs || ${proof}::text END
        WHERE uid = ${uid} AND account_id = ${accountId} AND state = 'open' AND expires_at > ${now} RETURNING *`;
      return row;
    },
    async postpone(uid, now) {
      const rows = await sql`UPDATE login_transaction SET postponed_at = ${now}
        WHERE uid = ${uid} AND state = 'open' AND postponed_at IS NULL RETURNING uid`;
      return rows.length === 1;
    },
    async wasPostponed(accountId, authTime) {
      const rows = await sql`SELECT 1 FROM login_transaction WHERE account_id = ${accountId}
        AND postponed_at IS NOT NULL AND state = 'finished' AND floor(extract(epoch FROM auth_time)) = ${authTime} LIMIT 1`;
      return rows.length === 1;
    },
    async finish(uid, strongFor, now) {
      const rows = await relaxedSql`WITH done AS (UPDATE login_transaction SET state = 'finished'
          WHERE uid = ${uid} AND state <> 'ended' RETURNING uid),
        noted AS (UPDATE account SET last_strong_at = ${now} WHERE id = ${strongFor} AND EXISTS (SELECT 1 FROM done))
        SELECT uid FROM done`;
      return rows.length === 1;
    },
    async end(uid, accountId, reason) {
      const rows = await sql`UPDATE login_transaction SET state = 'ended', end_reason = ${reason}
        WHERE uid = ${uid} AND state = 'open' AND (${accountId ?? null}::uuid IS NULL OR account_id = ${accountId ?? null}) RETURNING uid`;
      return rows.length === 1;
    },
    async endAll(accountId, reason, exceptUid) {
      await sql`WITH open AS (UPDATE login_transaction SET state = 'ended', end_reason = ${reason}
          WHERE account_id = ${accountId} AND state = 'open' AND uid IS DISTINCT FROM ${exceptUid ?? null}),
        finished AS (UPDATE login_transaction SET state = 'ended', end_reason = ${reason}
          WHERE account_id = ${accountId} AND state = 'finished' AND uid IS DISTINCT FROM ${exceptUid ?? null} RETURNING uid)
        DELETE FROM oidc_payload WHERE type = 'Interaction'
          AND id_digest IN (SELECT sha256(convert_to(uid, 'UTF8')) FROM finished)`;
    },
  };
}
