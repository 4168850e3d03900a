import type { Authority } from '../core/authority.ts';
import { type Database, whereStatement } from './database.ts';

export type ImportState = 'waiting' | 'running' | 'checked' | 'done' | 'stopped' | 'failed';
export type ImportOutcome = 'added' | 'changed' | 'unchanged' | 'refused';

export interface ImportOptions {
  /** Whoever is added is mailed a link to choose a password, unless the line says otherwise. */
  readonly isInviting: boolean;
  readonly mayGiveRoles: boolean;
  /** How the file is written. */
  readonly layout: { readonly delimiter: string; readonly columns: readonly string[] };
}

/** A file of people on its way in. */
export interface ImportJob {
  readonly id: string;
  /** Of the file. */
  readonly name: string;
  readonly state: ImportState;
  /** Says what would happen, and does nothing. */
  readonly isDryRun: boolean;
  readonly options: ImportOptions;
  readonly actor: string;
  readonly authority: Authority;
  /** In bytes. */
  readonly size: number;
  readonly bytesDone: number;
  /** Lines of people, the first line (the names of the columns) not counted. */
  readonly linesDone: number;
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  /** Why it failed. */
  readonly problem: string | null;
  readonly createdAt: Date;
  /** Counts the workers that took it: only the newest may write. */
  readonly run: number;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export interface ImportLine {
  /** In the file; the first is 1. */
  readonly line: number;
  readonly email: string;
  readonly outcome: ImportOutcome;
  /** Why it was refused. */
  readonly code: string | null;
  /** The column whose cell is the reason, where it is one. */
  readonly field: string | null;
  /** The line itself, where it was refused. */
  readonly record: string | null;
}

/** What a worker holds. */
export type ImportWork = Pick<ImportJob, 'id' | 'run' | 'linesDone'>;

export interface Imports {
  add(
    job: Pick<ImportJob, 'id' | 'name' | 'isDryRun' | 'actor' | 'authority' | 'createdAt'> & {
      options: Omit<ImportOptions, 'layout'>;
    },
  ): Promise<void>;
  addPart(id: string, number: number, body: Buffer): Promise<void>;
  /** The file is whole: it may be worked on, by anybody, after `leaseUntil`. */
  uploaded(id: string, size: number, layout: ImportOptions['layout'], leaseUntil: Date | null): Promise<void>;
  remove(id: string): Promise<void>;
  byId(id: string): Promise<ImportJob | undefined>;
  /** Newest first. */
  list(limit: number): Promise<ImportJob[]>;
  parts(id: string): AsyncGenerator<Buffer>;
  /** Takes one that waits, or whose worker died; or this one, whoever holds it no longer. One worker at a time. */
  take(now: Date, leaseUntil: Date, id?: string): Promise<ImportJob | undefined>;
  /**
   * Writes down what came of some lines, after those that the worker has written down, in one transaction.
   * @returns false where it was stopped, or somebody else went on with it
   */
  report(
    job: ImportWork,
    lines: readonly ImportLine[],
    progress: { bytesDone: number; leaseUntil: Date },
  ): Promise<boolean>;
  /** A worker failed on it. @returns how often, since lines were last written down */
  failed(job: ImportWork): Promise<number>;
  /** The end, and the file with it; a checked file is kept for being imported. @returns whether this worker had it */
  finish(job: ImportWork, state: 'checked' | 'done' | 'failed', problem: string | null, now: Date): Promise<boolean>;
  /** @returns whether there was something to stop */
  stop(id: string, now: Date): Promise<boolean>;
  /** What was checked begins anew, for real, by whoever says so. @returns whether it was checked */
  begin(
    id: string,
    job: Pick<ImportJob, 'actor' | 'authority'> & { options: Omit<ImportOptions, 'layout'> },
    leaseUntil: Date | null,
  ): Promise<boolean>;
  lines(id: string, outcome: ImportOutcome | undefined, limit: number, after?: number): Promise<ImportLine[]>;
  /** Those of these addresses that lines before `line` had. */
  addressesBefore(id: string, emails: readonly string[], line: number): Promise<string[]>;
}

const COLUMNS = `id, name, state, is_dry_run, options, actor, authority, size::float8 AS size, bytes_done::float8 AS bytes_done,
  lines_done, added, changed, unchanged, refused, problem, created_at, run, started_at, finished_at`;
const RETURNED = COLUMNS.replaceAll('\n', ' ');

export function createImports(db: Database): Imports {
  const { sql } = db;
  return {
    async add(j) {
      // Not to be worked on before the file is whole: its lease ends when it is, or when somebody looks a day later.
      await sql`INSERT INTO import_job (id, name, state, is_dry_run, options, actor, authority, size, lease_until, created_at)
        VALUES (${j.id}, ${j.name}, 'waiting', ${j.isDryRun}, ${j.options}, ${j.actor}, ${j.authority}, -1, 'infinity', ${j.createdAt})`;
    },
    async addPart(id, number, body) {
      await sql`INSERT INTO import_part (job_id, number, body) VALUES (${id}, ${number}, ${body})`;
    },
    async uploaded(id, size, layout, leaseUntil) {
      await sql`UPDATE import_job SET size = ${size}, options = options || ${{ layout }}::jsonb, lease_until = ${leaseUntil} WHERE id = ${id}`;
    },
    async remove(id) {
      await sql`DELETE FROM import_job WHERE id = ${id}`;
    },
    async byId(id) {
      return (await db.query<ImportJob>(`SELECT ${COLUMNS} FROM import_job WHERE id = $1 AND size >= 0`, [id]))[0];
    },
    list: (limit) =>
      db.query<ImportJob>(`SELECT ${COLUMNS} FROM import_job WHERE size >= 0 ORDER BY created_at DESC LIMIT $1`, [
        limit,
      ]),
    async *parts(id) {
      for (let number = 0; ; number += 1) {
        const [row] = await sql<{
          body: Buffer;
        }>`SELECT body FROM import_part WHERE job_id = ${id} AND number = ${number}`;
        if (!row) return;
        yield row.body;
      }
    },
    async take(now, leaseUntil, id) {
      const [row] = await db.query<ImportJob>(
        `UPDATE import_job SET state = 'running', run = run + 1, lease_until = $2, started_at = coalesce(started_at, $1)
          WHERE id = (SELECT id FROM import_job WHERE state IN ('waiting', 'running') AND size >= 0
            AND (lease_until IS NULL OR lease_until < $1 OR (id = $3 AND state = 'waiting')) AND ($3::uuid IS NULL OR id = $3)
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ${RETURNED}`,
        [now, leaseUntil, id ?? null],
      );
      return row;
    },
    report: ({ id, run, linesDone }, lines, { bytesDone, leaseUntil }) =>
      db.transaction(async (tx) => {
        const of = (outcome: ImportOutcome): number => lines.filter((line) => line.outcome === outcome).length;
        const rows =
          await tx`UPDATE import_job SET lines_done = lines_done + ${lines.length}, bytes_done = ${bytesDone},
            lease_until = ${leaseUntil}, failures = 0, added = added + ${of('added')}, changed = changed + ${of('changed')},
            unchanged = unchanged + ${of('unchanged')}, refused = refused + ${of('refused')}
          WHERE id = ${id} AND state = 'running' AND run = ${run} AND lines_done = ${linesDone} RETURNING 1`;
        if (rows.length === 0) return false;
        await tx`INSERT INTO import_line (job_id, line, email, outcome, code, field, record)
          SELECT ${id}, * FROM unnest(${lines.map(({ line }) => line)}::int[], ${lines.map(({ email }) => email)}::text[],
            ${lines.map(({ outcome }) => outcome)}::text[], ${lines.map(({ code }) => code)}::text[],
            ${lines.map(({ field }) => field)}::text[], ${lines.map(({ record }) => record)}::text[])`;
        return true;
      }),
    async failed({ id, run }) {
      const [row] = await sql<{ failures: number }>`UPDATE import_job SET failures = failures + 1
        WHERE id = ${id} AND run = ${run} AND state = 'running' RETURNING failures`;
      return row?.failures ?? 0;
    },
    async finish({ id, run }, state, problem, now) {
      const rows = await sql`WITH done AS (UPDATE import_job SET state = ${state}, problem = ${problem},
            finished_at = ${now}, lease_until = NULL WHERE id = ${id} AND state = 'running' AND run = ${run} RETURNING id),
          gone AS (DELETE FROM import_part WHERE ${state} <> 'checked' AND job_id IN (SELECT id FROM done))
        SELECT 1 FROM done`;
      return rows.length === 1;
    },
    async stop(id, now) {
      const rows =
        await sql`WITH done AS (UPDATE import_job SET state = 'stopped', finished_at = ${now}, lease_until = NULL
            WHERE id = ${id} AND state IN ('waiting', 'running', 'checked') RETURNING id),
          gone AS (DELETE FROM import_part WHERE job_id IN (SELECT id FROM done))
        SELECT 1 FROM done`;
      return rows.length === 1;
    },
    begin: (id, { actor, authority, options }, leaseUntil) =>
      db.transaction(async (tx) => {
        const rows =
          await tx`UPDATE import_job SET state = 'waiting', is_dry_run = false, run = run + 1, failures = 0, actor = ${actor},
            authority = ${authority}, options = options || ${options}::jsonb, bytes_done = 0, lines_done = 0, added = 0, changed = 0,
            unchanged = 0, refused = 0, started_at = NULL, finished_at = NULL, lease_until = ${leaseUntil}
          WHERE id = ${id} AND state = 'checked' RETURNING 1`;
        if (rows.length === 0) return false;
        await tx`DELETE FROM import_line WHERE job_id = ${id}`;
        return true;
      }),
    lines: (id, outcome, limit, after) =>
      db.query<ImportLine>(
        ...whereStatement(
          'SELECT line, email, outcome, code, field, record FROM import_line',
          [
            ['job_id = ?', id],
            ['outcome = ?', outcome],
            ['line > ?', after],
          ],
          `ORDER BY line LIMIT ${Number(limit)}`,
        ),
      ),
    async addressesBefore(id, emails, line) {
      // One look into the index for each address: a file that is long must not be read again for every batch.
      const rows = await sql<{
        email: string;
      }>`SELECT DISTINCT asked.email FROM unnest(${emails}::text[]) AS asked (email),
        LATERAL (SELECT 1 FROM import_line l WHERE l.job_id = ${id} AND l.email = asked.email AND l.line < ${line} LIMIT 1) AS found`;
      return rows.map(({ email }) => email);
    },
  };
}
