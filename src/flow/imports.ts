import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditAction } from '../core/audit-actions.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Permission } from '../core/permissions.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import { permissionsOf } from '../policy/permissions.ts';
import type { Accounts } from '../store/accounts.ts';
import type { ImportJob, ImportLine, ImportOutcome, Imports as ImportStore } from '../store/imports.ts';
import { type Administrator, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import { type DecideLines, IMPORT_BATCH } from './import-lines.ts';
import { ImportFileError, type ImportLayout, type ImportRecord, readHeader, readImport } from './import-reader.ts';

export interface ImportToStart {
  /** Of the file. */
  readonly name: string;
  readonly isDryRun: boolean;
  readonly isInviting: boolean;
  readonly may: (permission: Permission) => boolean;
  /** Whoever starts it does the work too: the jobs leave it alone. */
  readonly isMine?: boolean;
}

/** Takes over people from a file, line by line: first what would happen, then for real. */
export interface Imports {
  /**
   * Keeps the file; it is worked on from then on. Refusals: `import_too_large` (100 MB), `import_not_text` (UTF-8),
   * `import_columns`, `import_column_unknown` (its field: which).
   */
  upload(source: AsyncIterable<Uint8Array>, what: ImportToStart, by: Administrator): Promise<Result<ImportJob>>;
  look(id: string): Promise<ImportJob | undefined>;
  list(limit: number): Promise<ImportJob[]>;
  lines(id: string, outcome: ImportOutcome | undefined, limit: number, after?: number): Promise<ImportLine[]>;
  /** What was checked, for real. Refusals: `import_unknown`, `import_closed`. */
  begin(
    id: string,
    what: Pick<ImportToStart, 'isInviting' | 'may' | 'isMine'>,
    by: Administrator,
  ): Promise<Result<ImportJob>>;
  /** What is done stays done. Refusals: `import_unknown`, `import_closed`. */
  stop(id: string, by: Administrator): Promise<Result<ImportJob>>;
  /**
   * Works on one that waits, or whose worker died, to its end; on this one, where it is named. Goes on after the last
   * batch that was written down. @returns whether there was one
   */
  work(options?: { id?: string; onProgress?: (job: ImportJob) => void }): Promise<boolean>;
}

export const LARGEST_IMPORT_BYTES = 100 * 1024 * 1024;
const PART_BYTES = 256 * 1024;
/** A worker that has not written anything down for so long is dead. */
const LEASE_SECONDS = 30;
/** In a row, without a line in between. */
const MOST_FAILURES = 5;

export function createImports(n: {
  imports: ImportStore;
  accounts: Accounts;
  decideLines: DecideLines;
  audit: Audit;
  clock: Clock;
  random: Random;
}): Imports {
  const lease = (): Date => addSeconds(n.clock.now(), LEASE_SECONDS);

  /** Cuts what comes in into parts of one size, each of them text. */
  const keep = async (
    id: string,
    source: AsyncIterable<Uint8Array>,
  ): Promise<Result<{ size: number; layout: ImportLayout }>> => {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let waiting: Uint8Array[] = [];
    let held = 0;
    let size = 0;
    let number = 0;
    let layout: ImportLayout | undefined;
    const flush = async (): Promise<void> => {
      const body = Buffer.concat(waiting);
      layout ??= readHeader(body);
      await n.imports.addPart(id, number, body);
      number += 1;
      waiting = [];
      held = 0;
    };
    try {
      for await (const chunk of source) {
        size += chunk.length;
        if (size > LARGEST_IMPORT_BYTES) return refuse('import_too_large');
        decoder.decode(chunk, { stream: true });
        waiting.push(chunk);
        held += chunk.length;
        if (held >= PART_BYTES) await flush();
      }
      decoder.decode();
      if (held > 0 || number === 0) await flush();
    } catch (error) {
      if (error instanceof ImportFileError)
        return error.message === ''
          ? refuse('import_columns')
          : refuse('import_column_unknown', { field: error.message });
      if ((error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
        return refuse('import_not_text');
      throw error;
    }
    return accept({ size, layout: layout! });
  };

  /** With the rights that whoever started it has now, not those of then. */
  const authorityNow = async (job: ImportJob): Promise<Administrator | undefined> => {
    const by = { actor: job.actor, origin: 'import', authority: job.authority };
    if (job.authority.kind !== 'person') return by;
    const account = await n.accounts.byId(job.authority.accountId);
    if (account?.status !== 'active' || !permissionsOf(account.role).includes('imports:write')) return undefined;
    return { ...by, authority: { kind: 'person', accountId: account.id, role: account.role! } };
  };

  const told = (job: ImportJob, action: AuditAction, by: Administrator | { actor: string; origin: string }) =>
    n.audit({
      action,
      object: `import:${job.id}`,
      result: job.state === 'failed' ? 'failure' : 'success',
      ...doneBy(by),
      detail: {
        name: job.name,
        isDryRun: job.isDryRun,
        lines: job.linesDone,
        added: job.added,
        changed: job.changed,
        unchanged: job.unchanged,
        refused: job.refused,
      },
    });

  const optionsOf = (what: Pick<ImportToStart, 'isInviting' | 'may'>) => ({
    isInviting: what.isInviting,
    mayGiveRoles: what.may('roles:write'),
  });

  const finish = async (
    job: ImportJob,
    state: 'checked' | 'done' | 'failed',
    problem: string | null,
  ): Promise<void> => {
    if (!(await n.imports.finish(job, state, problem, n.clock.now()))) return;
    const finished = (await n.imports.byId(job.id))!;
    if (!finished.isDryRun || state === 'failed')
      await told(finished, 'import.finished', { actor: job.actor, origin: 'import' });
  };

  /** @returns undefined where it was stopped, or somebody else went on with it */
  const doBatch = async (job: ImportJob, batch: readonly ImportRecord[]): Promise<ImportJob | undefined> => {
    const by = await authorityNow(job);
    if (!by) {
      await finish(job, 'failed', 'not_allowed');
      return undefined;
    }
    const lines = await n.decideLines(job, batch, by);
    const progress = { bytesDone: batch.at(-1)!.bytes, leaseUntil: lease() };
    return (await n.imports.report(job, lines, progress)) ? n.imports.byId(job.id) : undefined;
  };

  return {
    async upload(source, what, by) {
      const id = n.random.uuid();
      const { isDryRun, name } = what;
      const { actor, authority } = by;
      const createdAt = n.clock.now();
      await n.imports.add({
        id,
        name: cut(name, 200),
        isDryRun,
        options: optionsOf(what),
        actor,
        authority,
        createdAt,
      });
      const kept = await keep(id, source).catch(async (error: unknown) => {
        await n.imports.remove(id);
        throw error;
      });
      if (!kept.ok) {
        await n.imports.remove(id);
        return kept;
      }
      await n.imports.uploaded(id, kept.value.size, kept.value.layout, what.isMine ? lease() : null);
      const job = (await n.imports.byId(id))!;
      await told(job, isDryRun ? 'import.checked' : 'import.started', by);
      return accept(job);
    },

    look: n.imports.byId,
    list: n.imports.list,
    lines: n.imports.lines,

    async begin(id, what, by) {
      if (!(await n.imports.byId(id))) return refuse('import_unknown');
      const { actor, authority } = by;
      const begun = { actor, authority, options: optionsOf(what) };
      if (!(await n.imports.begin(id, begun, what.isMine ? lease() : null))) return refuse('import_closed');
      const job = (await n.imports.byId(id))!;
      await told(job, 'import.started', by);
      return accept(job);
    },

    async stop(id, by) {
      if (!(await n.imports.byId(id))) return refuse('import_unknown');
      if (!(await n.imports.stop(id, n.clock.now()))) return refuse('import_closed');
      const job = (await n.imports.byId(id))!;
      await told(job, 'import.stopped', by);
      return accept(job);
    },

    async work({ id, onProgress } = {}) {
      let job = await n.imports.take(n.clock.now(), lease(), id);
      if (!job) return false;
      const { id: jobId, linesDone, isDryRun } = job;
      let batch: ImportRecord[] = [];
      let seen = 0;
      const next = async (): Promise<boolean> => {
        const reported: ImportJob | undefined = await doBatch(job!, batch);
        batch = [];
        if (!reported) return false;
        job = reported;
        onProgress?.(job);
        // Others that this process serves are let in between.
        await nextTurn();
        return true;
      };
      try {
        for await (const record of readImport(n.imports.parts(jobId))) {
          seen += 1;
          if (seen <= linesDone) continue;
          batch.push(record);
          if (batch.length >= IMPORT_BATCH && !(await next())) return true;
        }
        if (batch.length > 0 && !(await next())) return true;
        await finish(job, isDryRun ? 'checked' : 'done', null);
      } catch (error) {
        if (!(error instanceof ImportFileError)) {
          // Tried again when its lease is over; a mistake of ours that comes back each time has an end too.
          if ((await n.imports.failed(job)) >= MOST_FAILURES) await finish(job, 'failed', 'fault');
          throw error;
        }
        await finish(job, 'failed', error.message);
      }
      return true;
    },
  };
}
