import { accept, type Result, refuse } from '../core/refusals.ts';
import type { CaseCause } from '../core/support-causes.ts';
import { UUID } from '../core/uuid.ts';
import { digest } from '../crypto/digest.ts';
import type { AuthenticatorKind } from './authenticators.ts';
import { type Condition, type Database, isUniqueViolation, whereStatement } from './database.ts';

export type CaseKind = 'reset' | 'temporary_pass';
export type CaseState = 'waiting' | 'done' | 'cancelled' | 'undone';

/** How the caller was verified. */
export interface CaseVerification {
  /** A caller check that was approved on a phone. */
  readonly challenge?: string;
  /** How else somebody made sure, in their own words. */
  readonly identity?: string;
}

/** What the helpdesk does for somebody who cannot sign in. */
export interface SupportCase {
  readonly id: string;
  readonly accountId: string;
  readonly kind: CaseKind;
  readonly cause: CaseCause;
  readonly reason: string;
  readonly verification: CaseVerification;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly state: CaseState;
  /** The second person, where one was needed. */
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  readonly undoUntil: Date | null;
  readonly undoneAt: Date | null;
}

export interface SupportCases {
  /** One that has waited since before `waitingSince` waits no longer. Refusals: `case_open` where one waits for this account, `verification_invalid` where that caller check was used. */
  add(added: SupportCase, waitingSince: Date): Promise<Result<void>>;
  byId(id: string): Promise<SupportCase | undefined>;
  /** Newest first. */
  search(
    filter: { accountId?: string | undefined; state?: CaseState | undefined },
    limit: number,
    before?: string,
  ): Promise<SupportCase[]>;
  /** A case that waits is decided once, in one statement; none that was requested before `after`. */
  decide(id: string, state: 'done' | 'cancelled', by: string, now: Date, after: Date): Promise<SupportCase | undefined>;
  /**
   * Takes everything of these kinds away from the account, lifts a freeze, and asks a temporary pass for what is
   * enrolled next: one transaction. What worked until now is kept, to be given back. @returns how many were revoked
   */
  reset(
    c: SupportCase,
    kinds: readonly AuthenticatorKind[],
    undo: { code: string; until: Date } | undefined,
    now: Date,
  ): Promise<number>;
  /** The case that a link in a mail undoes, while it can. */
  undoable(code: string, now: Date): Promise<SupportCase | undefined>;
  /**
   * What was taken away works again, what was set up since does not: one transaction, once.
   * @returns the case, or undefined where it was undone before or it is too late
   */
  undo(code: string, now: Date): Promise<SupportCase | undefined>;
}

const COLUMNS = `id, account_id, kind, cause, reason, verification, requested_by, requested_at, state, decided_by, decided_at,
  undo_until, undone_at`;

export function createSupportCases(db: Database): SupportCases {
  const { sql } = db;
  return {
    async add(c, waitingSince) {
      await sql`UPDATE support_case SET state = 'cancelled', decided_at = ${c.requestedAt}
        WHERE account_id = ${c.accountId} AND state = 'waiting' AND requested_at <= ${waitingSince}`;
      try {
        await sql`INSERT INTO support_case (id, account_id, kind, cause, reason, verification, requested_by, requested_at, state)
          VALUES (${c.id}, ${c.accountId}, ${c.kind}, ${c.cause}, ${c.reason}, ${c.verification}, ${c.requestedBy}, ${c.requestedAt}, ${c.state})`;
        return accept(undefined);
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        const { constraint } = error as { constraint?: string };
        if (constraint === 'support_case_pkey') return refuse('case_repeated');
        return refuse(constraint === 'one_case_per_caller_check' ? 'verification_invalid' : 'case_open');
      }
    },
    async byId(id) {
      if (!UUID.test(id)) return undefined;
      return (await db.query<SupportCase>(`SELECT ${COLUMNS} FROM support_case WHERE id = $1`, [id]))[0];
    },
    search({ accountId, state }, limit, before) {
      const older: Condition[] = before
        ? [['(requested_at, id) < (SELECT requested_at, id FROM support_case WHERE id = ?)', before]]
        : [];
      return db.query<SupportCase>(
        ...whereStatement(
          `SELECT ${COLUMNS} FROM support_case`,
          [['account_id = ?', accountId], ['state = ?', state], ...older],
          `ORDER BY requested_at DESC, id DESC LIMIT ${Number(limit)}`,
        ),
      );
    },
    async decide(id, state, by, now, after) {
      const [row] = await db.query<SupportCase>(
        `UPDATE support_case SET state = $2, decided_by = $3, decided_at = $4
          WHERE id = $1 AND state = 'waiting' AND requested_at > $5 RETURNING ${COLUMNS}`,
        [id, state, by, now, after],
      );
      return row;
    },
    reset: (c, kinds, undo, now) =>
      db.transaction(async (tx) => {
        await tx`SELECT 1 FROM account WHERE id = ${c.accountId} FOR NO KEY UPDATE`;
        const working = await tx<{ id: string }>`SELECT id FROM authenticator
          WHERE account_id = ${c.accountId} AND kind = ANY(${kinds}) AND kind <> 'temporary_pass' AND state = 'active'`;
        const revoked = await tx`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
          WHERE account_id = ${c.accountId} AND kind = ANY(${kinds}) AND state <> 'revoked' RETURNING id`;
        await tx`UPDATE account SET pass_required_at = ${now}, push_frozen_at = NULL, updated_at = ${now} WHERE id = ${c.accountId}`;
        await tx`DELETE FROM entra_account WHERE account_id = ${c.accountId}`;
        // A reset after a theft must not be undone by the mail of one before.
        await tx`UPDATE support_case SET undo_digest = NULL, undo_until = NULL
          WHERE account_id = ${c.accountId} AND id <> ${c.id} AND undo_digest IS NOT NULL`;
        await tx`UPDATE support_case SET revoked = ${working.map(({ id }) => id)}::uuid[],
            undo_digest = ${undo ? digest(undo.code) : null}, undo_until = ${undo?.until ?? null} WHERE id = ${c.id}`;
        return revoked.length;
      }),
    async undoable(code, now) {
      const [row] = await db.query<SupportCase>(
        `SELECT ${COLUMNS} FROM support_case WHERE undo_digest = $1 AND state = 'done' AND undo_until > $2`,
        [digest(code), now],
      );
      return row;
    },
    undo: (code, now) =>
      db.transaction(async (tx) => {
        const [whose] = await tx<{
          accountId: string;
        }>`SELECT account_id FROM support_case WHERE undo_digest = ${digest(code)}`;
        if (!whose) return undefined;
        // Before the case, as a reset does.
        await tx`SELECT 1 FROM account WHERE id = ${whose.accountId} FOR NO KEY UPDATE`;
        const [row] = await tx<SupportCase & { revoked: string[]; undoDigest?: Buffer }>`UPDATE support_case
            SET state = 'undone', undone_at = ${now}
          WHERE undo_digest = ${digest(code)} AND state = 'done' AND undo_until > ${now} RETURNING *`;
        if (!row) return undefined;
        const { revoked, undoDigest, ...shown } = row;
        const since = row.decidedAt ?? row.requestedAt;
        await tx`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
          WHERE account_id = ${row.accountId} AND created_at >= ${since} AND kind <> 'password' AND state <> 'revoked'`;
        const back = await tx`UPDATE authenticator SET state = 'active', ended_at = NULL
          WHERE id = ANY(${revoked}::uuid[]) AND account_id = ${row.accountId} AND state = 'revoked'
            AND kind IN ('push', 'store_app', 'totp', 'webauthn') RETURNING id`;
        await tx`UPDATE authenticator SET state = 'active', ended_at = NULL
          WHERE id = ANY(${revoked}::uuid[]) AND account_id = ${row.accountId} AND state = 'revoked'`;
        // Where nothing strong came back, the mailbox alone must not be enough to set up the next one.
        if (back.length > 0) await tx`UPDATE account SET pass_required_at = NULL WHERE id = ${row.accountId}`;
        return shown;
      }),
  };
}
