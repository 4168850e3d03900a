import type { AuditEvent } from '../core/audit.ts';
import type { Random } from '../core/random.ts';
import { type Database, whereStatement } from './database.ts';

export interface Alert {
  readonly id: string;
  readonly kind: string;
  /** `all`, `account:<id>`, `client:<id>`, `cli`: whom it is about. */
  readonly subject: string;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly raisedAt: Date;
  readonly acknowledgedAt: Date | null;
  readonly acknowledgedBy: string | null;
  readonly note: string | null;
}

/** What is counted: events of these actions and this result. */
export interface Counted {
  readonly actions: readonly string[];
  readonly result: AuditEvent['result'] | undefined;
  /** Over all, for each account that it is about, or for each who did it. */
  readonly per: 'all' | 'account' | 'actor';
}

export interface Peak {
  readonly subject: string;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export interface Alerts {
  /** Who or what reached so many since then, newer than the last time that somebody acknowledged the same. */
  peaks(kind: string, counted: Counted, since: Date, least: number): Promise<Peak[]>;
  /** One open alert for each kind and subject. @returns the new one; undefined where it was open already */
  raise(kind: string, peak: Peak, now: Date): Promise<Alert | undefined>;
  /** Newest first. */
  list(isOpen: boolean | undefined, limit: number): Promise<Alert[]>;
  countOpen(): Promise<number>;
  /** @returns undefined where there is none that is open */
  acknowledge(id: string, by: string, note: string, now: Date): Promise<Alert | undefined>;
  /** Runs by one instance at a time. */
  alone(work: () => Promise<void>): Promise<boolean>;
}

const ALERT_LOCK = 7_238_007;
const SUBJECT = { all: `'all'`, account: `'account:' || e.account_id`, actor: 'e.actor' } as const;

export function createAlerts(db: Database, random: Random): Alerts {
  const { sql } = db;
  return {
    peaks: (kind, { actions, result, per }, since, least) =>
      db.query<Peak>(
        `SELECT subject, count(DISTINCT occasion)::int AS count, min(at) AS first_at, max(at) AS last_at FROM (
            -- A reset and the pass that comes with it are one.
            SELECT ${SUBJECT[per]} AS subject, e.at, coalesce(e.detail->>'case', e.id::text) AS occasion FROM audit_event e
            WHERE e.action = ANY($1) AND e.at > $2 AND ($3::text IS NULL OR e.result = $3)) counted
          WHERE subject IS NOT NULL AND at > coalesce((SELECT max(acknowledged_at) FROM alert
            WHERE kind = $4 AND alert.subject = counted.subject), '-infinity')
          GROUP BY subject HAVING count(DISTINCT occasion) >= $5 ORDER BY count DESC LIMIT 100`,
        [actions, since, result ?? null, kind, least],
      ),
    async raise(kind, { subject, count, firstAt, lastAt }, now) {
      const [row] = await sql<
        Alert & { isNew: boolean }
      >`INSERT INTO alert (id, kind, subject, count, first_at, last_at, raised_at)
          VALUES (${random.uuid()}, ${kind}, ${subject}, ${count}, ${firstAt}, ${lastAt}, ${now})
        ON CONFLICT (kind, subject) WHERE acknowledged_at IS NULL
          DO UPDATE SET count = greatest(alert.count, excluded.count), last_at = greatest(alert.last_at, excluded.last_at)
        RETURNING *, xmax = 0 AS is_new`;
      const { isNew, ...alert } = row!;
      return isNew ? alert : undefined;
    },
    list: (isOpen, limit) =>
      db.query<Alert>(
        ...whereStatement(
          'SELECT * FROM alert',
          [['(acknowledged_at IS NULL) = ?', isOpen]],
          `ORDER BY raised_at DESC, id LIMIT ${Number(limit)}`,
        ),
      ),
    async countOpen() {
      const [row] = await sql<{
        count: number;
      }>`SELECT count(*)::int AS count FROM alert WHERE acknowledged_at IS NULL`;
      return row!.count;
    },
    async acknowledge(id, by, note, now) {
      const [row] = await sql<Alert>`UPDATE alert SET acknowledged_at = ${now}, acknowledged_by = ${by}, note = ${note}
        WHERE id = ${id} AND acknowledged_at IS NULL RETURNING *`;
      return row;
    },
    alone: (work) =>
      db.transaction(async (tx) => {
        const [lock] = await tx<{ isMine: boolean }>`SELECT pg_try_advisory_xact_lock(${ALERT_LOCK}) AS is_mine`;
        if (!lock?.isMine) return false;
        await work();
        return true;
      }),
  };
}
