import type { AccountSource } from './accounts.ts';
import type { Database } from './database.ts';

/** What came of reading a directory. */
export interface SyncReport {
  readonly found: number;
  readonly added: number;
  readonly changed: number;
  readonly suspended: number;
  /** Whom the directory no longer names, and who was left because they were too many. */
  readonly missing: number;
  /** Entries without an id or an address. */
  readonly incomplete: number;
  readonly refused: number;
  /** The first of those that were refused, and why. */
  readonly problems: readonly { readonly email: string; readonly code: string }[];
}

export interface DirectorySyncRun {
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly succeededAt: Date | null;
  readonly report: SyncReport | null;
  /** `directory_unreachable`, `too_many_missing`, `fault`. */
  readonly problem: string | null;
}

/** When it is time to read again; without it, it is. */
export interface SyncDue {
  /** One that began before this was long enough ago. */
  readonly before: Date;
  /** The same for one that had a problem. */
  readonly retryBefore: Date;
}

export interface DirectorySyncs {
  /** One at a time. @returns the number of this run, or undefined where it is somebody else's, or not due */
  take(source: AccountSource, now: Date, leaseUntil: Date, due?: SyncDue): Promise<number | undefined>;
  /** @returns false where somebody else has taken it meanwhile */
  renew(source: AccountSource, run: number, leaseUntil: Date): Promise<boolean>;
  finish(
    source: AccountSource,
    run: number,
    report: SyncReport | null,
    problem: string | null,
    now: Date,
  ): Promise<void>;
  last(source: AccountSource): Promise<DirectorySyncRun | undefined>;
}

export const createDirectorySyncs = ({ sql }: Database): DirectorySyncs => ({
  async take(source, now, leaseUntil, due) {
    const { before = null, retryBefore = null } = due ?? {};
    const [row] = await sql<{ run: number }>`INSERT INTO directory_sync (source, started_at, lease_until)
      VALUES (${source}, ${now}, ${leaseUntil})
      ON CONFLICT (source) DO UPDATE SET started_at = excluded.started_at, lease_until = excluded.lease_until,
          run = directory_sync.run + 1
        WHERE (directory_sync.lease_until IS NULL OR directory_sync.lease_until < ${now})
          AND (${before}::timestamptz IS NULL OR directory_sync.started_at <= ${before}
            OR (directory_sync.problem IS NOT NULL AND directory_sync.started_at <= ${retryBefore}))
      RETURNING run`;
    return row?.run;
  },
  async renew(source, run, leaseUntil) {
    const rows = await sql`UPDATE directory_sync SET lease_until = ${leaseUntil}
      WHERE source = ${source} AND run = ${run} AND lease_until IS NOT NULL RETURNING 1`;
    return rows.length === 1;
  },
  async finish(source, run, report, problem, now) {
    await sql`UPDATE directory_sync SET lease_until = NULL, finished_at = ${now}, report = ${report}, problem = ${problem},
        succeeded_at = CASE WHEN ${problem}::text IS NULL THEN ${now} ELSE succeeded_at END
      WHERE source = ${source} AND run = ${run}`;
  },
  async last(source) {
    const [row] = await sql<DirectorySyncRun>`SELECT started_at, finished_at, succeeded_at, report, problem
      FROM directory_sync WHERE source = ${source}`;
    return row;
  },
});
