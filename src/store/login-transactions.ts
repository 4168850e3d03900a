import type { Acr, Proof } from '../core/assurance.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { EventOf } from './audit.ts';
import { columnsBeside, type Database, type Fragment, fragment, these } from './database.ts';
import type { KnownPlaces, Seen } from './known-places.ts';
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

export type NewTransaction = Omit<LoginTransaction, 'state' | 'endReason' | 'postponedAt'>;

/** What somebody has just shown; what is kept with it is kept by the same statement, with it or not at all. */
export interface Shown {
  readonly accountId: string;
  readonly proof: Proof;
  /** What it was shown with, where that is kept here: still active, or nothing is kept. Whoever replaces it waits for this. */
  readonly authenticatorId?: string | undefined;
  /** Counters of failures that start again. */
  readonly forgiven?: readonly Counter[];
  /**
   * The time step of a code app, accepted for good: the same or an older one is never accepted again (RFC 6238, 5.2).
   * Notes that the app was used, too.
   */
  readonly step?: { readonly authenticatorId: string; readonly step: number };
  /** The event of it; the statement then waits for the disk. */
  readonly event?: AuditEvent;
}

export interface Finished {
  readonly accountId: string;
  /** With two factors, which is noted. */
  readonly isStrong: boolean;
  /** From where, in words or as a network. */
  readonly place: string;
  readonly event: AuditEvent;
  /** A query `replaced` for the statement, on condition of another: gives the pause its result. Without the pause nothing is noted. */
  readonly pause?: ((of: Fragment) => Fragment) | undefined;
}

export interface LoginTransactions {
  /** Adds it, or returns the one that is there. */
  open(transaction: NewTransaction, now: Date): Promise<LoginTransaction>;
  byUid(uid: string): Promise<LoginTransaction | undefined>;
  /**
   * A first factor: the account, and proofs from the start (a recovery code or pass of the same account was used up, so
   * it stays).
   * @returns it as it is now; undefined where it is no longer open, or what was shown no longer counts
   */
  start(uid: string, shown: Shown, now: Date): Promise<LoginTransaction | undefined>;
  /**
   * One more proof by the same account.
   * @returns it as it is now; undefined where it is no longer open, or what was shown no longer counts or was used before
   */
  prove(uid: string, shown: Shown, now: Date): Promise<LoginTransaction | undefined>;
  postpone(uid: string, now: Date): Promise<boolean>;
  /** Whether the sign-in of this account at this time (whole seconds) was put off, and finished so. */
  wasPostponed(accountId: string, authTime: number): Promise<boolean>;
  /**
   * Ends it well, with its event, by one statement.
   * @returns whether the account was seen at this place before; undefined where the sign-in had ended, or its pause
   */
  finish(uid: string, finished: Finished, now: Date): Promise<Seen | undefined>;
  /** @returns whether this call ended it */
  end(uid: string, accountId: string | undefined, reason: string): Promise<boolean>;
  /**
   * Ends every sign-in of an account that is in progress but one: what was shown counts no longer. One that was finished
   * and not yet picked up loses its pause with it.
   */
  endAll(accountId: string, reason: string, exceptUid?: string): Promise<void>;
}

/** A transaction `t` beside another table's columns. */
export const transactionBeside = columnsBeside<LoginTransaction>(
  't',
  'transaction',
  'uid, client_id, prompt, required_acr, account_id, proofs, auth_time, state, end_reason, postponed_at, expires_at',
);

/** Adds one, as a statement of its own or in another's WITH list. */
export const openTransaction = (t: NewTransaction, now: Date): Fragment =>
  fragment`INSERT INTO login_transaction
      (uid, client_id, prompt, required_acr, account_id, proofs, auth_time, created_at, expires_at)
    VALUES (${t.uid}, ${t.clientId}, ${t.prompt}, ${t.requiredAcr}, ${t.accountId}, ${t.proofs}, ${t.authTime}, ${now}, ${t.expiresAt})`;

/** A row where what it was shown with is still active, and this is the first use of a code app's time step. */
const accepted = ({ step, authenticatorId }: Shown, now: Date): Fragment => {
  if (step)
    return fragment`accepted AS (UPDATE authenticator SET last_step = ${step.step}, last_used_at = ${now}
        WHERE id = ${step.authenticatorId} AND state = 'active' AND (last_step IS NULL OR last_step < ${step.step}) RETURNING 1)`;
  return authenticatorId === undefined
    ? fragment`accepted AS (VALUES (1))`
    : fragment`accepted AS (SELECT 1 FROM authenticator WHERE id = ${authenticatorId} AND state = 'active' FOR SHARE)`;
};

/** Counters that start again, where the proof counted. In one order, as they are counted: two at once do not block each other. */
const forgive = (counters: readonly Counter[]): Fragment =>
  counters.length === 0
    ? fragment``
    : fragment`, forgiven AS (DELETE FROM throttle WHERE EXISTS (SELECT 1 FROM changed) AND key IN
      (SELECT key FROM throttle WHERE key IN (${these(counters)}) ORDER BY key COLLATE "C" FOR UPDATE))`;

export function createLoginTransactions(
  { sql, relaxedSql }: Database,
  eventOf: EventOf,
  knownPlaces: KnownPlaces,
): LoginTransactions {
  /** @param change of the row, which gives it back */
  const change = async (shown: Shown, changed: Fragment, now: Date): Promise<LoginTransaction | undefined> => {
    const { forgiven = [], event } = shown;
    const run = event ? sql : relaxedSql;
    const told = event ? fragment`, ${eventOf(event, now, fragment`changed`)}` : fragment``;
    const [row] =
      await run<LoginTransaction>`WITH ${accepted(shown, now)}, changed AS (${changed})${forgive(forgiven)}${told}
      SELECT * FROM changed`;
    return row;
  };
  return {
    async open(t, now) {
      const [row] = await relaxedSql<LoginTransaction>`${openTransaction(t, now)}
        ON CONFLICT (uid) DO UPDATE SET uid = excluded.uid RETURNING *`;
      return row!;
    },
    async byUid(uid) {
      const [row] = await sql<LoginTransaction>`SELECT * FROM login_transaction WHERE uid = ${uid}`;
      return row;
    },
    start(uid, shown, now) {
      const { accountId, proof } = shown;
      const started = fragment`UPDATE login_transaction SET account_id = ${accountId}, auth_time = ${now}, postponed_at = NULL,
          proofs = ${proof}::text || CASE WHEN account_id = ${accountId}
            THEN ARRAY(SELECT unnest(proofs) INTERSECT SELECT unnest(ARRAY['recovery_code', 'temporary_pass'])) ELSE '{}' END
        WHERE EXISTS (SELECT 1 FROM accepted) AND uid = ${uid} AND state = 'open' AND expires_at > ${now} RETURNING *`;
      return change(shown, started, now);
    },
    prove(uid, shown, now) {
      const { accountId, proof } = shown;
      const proven = fragment`UPDATE login_transaction
          SET proofs = CASE WHEN ${proof} = ANY(proofs) THEN proofs ELSE proofs || ${proof}::text END
        WHERE EXISTS (SELECT 1 FROM accepted)
          AND uid = ${uid} AND account_id = ${accountId} AND state = 'open' AND expires_at > ${now} RETURNING *`;
      return change(shown, proven, now);
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
    async finish(uid, { accountId, isStrong, place, event, pause }, now) {
      const held = fragment`replaced`;
      const replaced = pause ? pause(fragment`done`) : fragment`replaced AS (SELECT 1 FROM done)`;
      const [row] = await sql<{ isNew: boolean | null; others: number | null }>`WITH done AS (UPDATE login_transaction
          SET state = 'finished' WHERE uid = ${uid} AND state <> 'ended' RETURNING uid),
        ${replaced},
        strong AS (UPDATE account SET last_strong_at = ${now} WHERE id = ${accountId} AND ${isStrong} AND EXISTS (SELECT 1 FROM replaced)),
        ${knownPlaces.see(accountId, place, now, held)}, ${eventOf(event, now, held)}
        SELECT * FROM seen`;
      return row && knownPlaces.read(row);
    },
    async end(uid, accountId, reason) {
      const rows = await sql`UPDATE login_transaction SET state = 'ended', end_reason = ${reason}
        WHERE uid = ${uid} AND state = 'open' AND (${accountId ?? null}::uuid IS NULL OR account_id = ${accountId ?? null}) RETURNING uid`;
      return rows.length === 1;
    },
    async endAll(accountId, reason, exceptUid) {
      // Open and finished ones at once: one that is being finished is waited for, and ended all the same.
      await sql`WITH before AS (SELECT uid, state FROM login_transaction
          WHERE account_id = ${accountId} AND state <> 'ended' AND uid IS DISTINCT FROM ${exceptUid ?? null} FOR UPDATE),
        ended AS (UPDATE login_transaction t SET state = 'ended', end_reason = ${reason} FROM before
          WHERE t.uid = before.uid RETURNING t.uid, before.state)
        DELETE FROM oidc_payload WHERE type = 'Interaction'
          AND id_digest IN (SELECT sha256(convert_to(uid, 'UTF8')) FROM ended WHERE state = 'finished')`;
    },
  };
}
