import { stringify } from 'csv-stringify/sync';
import type { Gap } from '../core/gaps.ts';
import { cut } from '../core/text.ts';
import type { Account, AccountFilter } from '../store/accounts.ts';
import type { ImportLine, ImportOptions, ImportOutcome } from '../store/imports.ts';
import type { CoverageReport } from './coverage.ts';
import { cellOf, readCells } from './import-reader.ts';
import type { Imports } from './imports.ts';
import { PAGE, pages } from './pages.ts';
import type { People } from './people.ts';

/** CSV (RFC 4180), UTF-8, written in parts: what it is made from never has to fit in memory. */
export type CsvFile = AsyncGenerator<string>;

/**
 * A cell that a spreadsheet shows as text and never works out (OWASP, CSV injection): a quote in front of whatever could
 * begin a formula. An import takes it off again.
 */
export const csvCell = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

const lines = (rows: readonly (readonly string[])[]): string => stringify(rows.map((row) => row.map(csvCell)));

/** Everybody with a gap. */
export async function* uncoveredCsv(
  report: CoverageReport,
  which: Gap | undefined,
  group: string | undefined,
): CsvFile {
  yield lines([['email', 'name', 'groups', 'gaps', 'last_strong_sign_in', 'created']]);
  for await (const page of pages<Awaited<ReturnType<CoverageReport['people']>>[number]>((after) =>
    report.people(which, group, PAGE, after?.email),
  ))
    yield lines(
      page.map((p) => [
        p.email,
        p.displayName,
        p.groups.join(' '),
        p.gaps.join(' '),
        p.lastStrongAt?.toISOString() ?? '',
        p.createdAt.toISOString(),
      ]),
    );
}

/** People, with the columns that an import reads, but for those who were revoked. */
export async function* peopleCsv(people: People, filter: AccountFilter): CsvFile {
  yield lines([['email', 'name', 'notify_email', 'language', 'groups', 'role', 'status']]);
  for await (const page of pages<Account>((after) =>
    people.search(filter, PAGE, after === undefined ? {} : { after: after.email }),
  ))
    yield lines(
      page
        .filter(({ status }) => status !== 'revoked')
        .map((a) => [
          a.email,
          a.displayName,
          a.notifyEmail ?? '',
          a.locale ?? '',
          a.groups.join('|'),
          a.role ?? '',
          a.status,
        ]),
    );
}

/** Why a line was refused: a code, and where one cell is the reason, which, and what stands in it. */
export interface WhyRefused {
  readonly code: string;
  readonly column?: string | undefined;
  readonly value?: string | undefined;
}

/** Of a line that was refused. */
export const whyRefused = (
  { code, field, record }: ImportLine,
  { layout }: Pick<ImportOptions, 'layout'>,
): WhyRefused => ({
  code: code ?? '',
  ...(field === null ? {} : { column: field, value: cut(cellOf(record ?? '', field, layout), 100) }),
});

/** What came of each line of an import. `inWords` says why a line was refused. */
export async function* importReportCsv(
  imports: Imports,
  id: string,
  outcome: ImportOutcome | undefined,
  inWords: (why: WhyRefused) => string,
): CsvFile {
  const job = await imports.look(id);
  if (!job) return;
  yield lines([['line', 'email', 'outcome', 'code', 'reason']]);
  for await (const page of pages((after: Awaited<ReturnType<Imports['lines']>>[number] | undefined) =>
    imports.lines(id, outcome, PAGE, after?.line),
  ))
    yield lines(
      page.map((l) => [
        String(l.line),
        l.email,
        l.outcome,
        l.code ?? '',
        l.code ? inWords(whyRefused(l, job.options)) : '',
      ]),
    );
}

/** The lines that were refused, as they were, with why: to be put right and imported again as it is. */
export async function* refusedLinesCsv(imports: Imports, id: string, inWords: (why: WhyRefused) => string): CsvFile {
  const job = await imports.look(id);
  if (!job) return;
  const { delimiter, columns } = job.options.layout;
  const width = columns.length;
  const row = (cells: readonly string[]): string => stringify([cells.map(csvCell)], { delimiter });
  yield row([...columns, ...(columns.includes('problem') ? [] : ['problem'])]);
  for await (const page of pages((after: Awaited<ReturnType<Imports['lines']>>[number] | undefined) =>
    imports.lines(id, 'refused', PAGE, after?.line),
  ))
    yield page
      .map((refused) => {
        const cells = readCells(refused.record ?? '', delimiter) ?? [refused.record ?? ''];
        const why = inWords(whyRefused(refused, job.options));
        const own = Array.from({ length: width }, (_, at) => (columns[at] === 'problem' ? why : (cells[at] ?? '')));
        return row(columns.includes('problem') ? own : [...own, why]);
      })
      .join('');
}
