import { parse } from 'csv-parse/sync';
import { LOCALES, type Locale } from '../core/locales.ts';
import { ROLES } from '../core/roles.ts';
import { cut, isGroupName, LONGEST_NAME } from '../core/text.ts';
import { type EntraGroup, entraColumns, entraGroupOf } from './entra-report.ts';

/** The columns of a file of people; only `email` must be there. A registration report of Microsoft Entra is read by its own names. */
export const IMPORT_COLUMNS = [
  'email',
  'name',
  'notify_email',
  'language',
  'groups',
  'role',
  'status',
  'invite',
  // Of Microsoft Entra's registration report (entra-report.ts).
  'entra_user_type',
  'entra_methods',
  'entra_other',
  // Of a file of refused lines that comes back: read over.
  'problem',
] as const;
export type ImportColumn = (typeof IMPORT_COLUMNS)[number];

/** One line of a file of people, as far as it could be read. */
export interface ImportRecord {
  /** In the file; the first is 1. */
  readonly line: number;
  /** Of the file, with this line. */
  readonly bytes: number;
  readonly record: string;
  /** Undefined where the line has too many or too few cells, a quote too many, or is too long. */
  readonly values: Partial<Readonly<Record<ImportColumn, string>>> | undefined;
}

/** The file as a whole cannot be read. The message: the columns that are not known; empty where `email` lacks, or one is there twice. */
export class ImportFileError extends Error {}

const LONGEST_LINE = 32_768;
const LONGEST_HEADER = 4096;
const LINE_FEED = 10;

/** What separates cells: Excel writes a semicolon where a comma is in numbers (as in Dutch). */
const delimiterOf = (header: string): string =>
  [';', ',', '\t'].reduce((best, each) => (header.split(each).length > header.split(best).length ? each : best), ',');

/** How a file is written. */
export interface ImportLayout {
  readonly delimiter: string;
  readonly columns: readonly ImportColumn[];
}

/** The names of the columns, from the beginning of the file. @throws ImportFileError which says what is wrong with them */
export function readHeader(begin: Buffer): ImportLayout {
  const [first = ''] = begin
    .subarray(0, LONGEST_HEADER)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  const delimiter = delimiterOf(first);
  const names = (readCells(first, delimiter) ?? []).map((name) => name.toLowerCase());
  const ofEntra = entraColumns(names);
  if (ofEntra) return { delimiter, columns: ofEntra };
  const unknown = names.filter((name) => !IMPORT_COLUMNS.some((known) => known === name));
  const known = names.filter((name) => name !== 'entra_other');
  if (!names.includes('email') || new Set(known).size < known.length) throw new ImportFileError('');
  if (unknown.length > 0) throw new ImportFileError(cut(unknown.join(', '), 200));
  return { delimiter, columns: names as ImportColumn[] };
}

/**
 * Reads a file line by line, in bounded memory. A line stands alone: a quote that is never closed spoils that line and no
 * other, so a cell cannot contain a line break. The same file gives the same lines, wherever its chunks begin.
 */
export async function* readImport(source: AsyncIterable<Buffer>): AsyncGenerator<ImportRecord> {
  let header: ImportLayout | undefined;
  let number = 0;
  for await (const { text, bytes, isTooLong } of linesOf(source)) {
    number += 1;
    if (!header) {
      header = readHeader(Buffer.from(text));
      continue;
    }
    if (text.trim() === '') continue;
    yield { line: number, bytes, record: text, values: isTooLong ? undefined : valuesOf(text, header) };
  }
}

function valuesOf(text: string, { delimiter, columns }: ImportLayout): ImportRecord['values'] {
  const cells = readCells(text, delimiter);
  return cells?.length === columns.length
    ? Object.fromEntries(columns.map((column, index) => [column, plain(cells[index]!)]))
    : undefined;
}

/** The quote with which our own exports keep a spreadsheet from working a cell out. */
const plain = (cell: string): string => (/^'[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell);

/** The cells of one line; undefined where its quotes do not fit. */
export function readCells(text: string, delimiter: string): string[] | undefined {
  try {
    return (parse(text, { delimiter, trim: true, relax_column_count: true }) as string[][])[0] ?? [];
  } catch {
    return undefined;
  }
}

/** What stands in one cell of a line that was kept. */
export const cellOf = (
  record: string,
  column: string,
  { delimiter, columns }: { readonly delimiter: string; readonly columns: readonly string[] },
): string => readCells(record, delimiter)?.[columns.indexOf(column)] ?? '';

/** Lines without their ends; of one that is too long, its beginning. */
async function* linesOf(
  source: AsyncIterable<Buffer>,
): AsyncGenerator<{ text: string; bytes: number; isTooLong: boolean }> {
  let held: Buffer[] = [];
  let length = 0;
  let bytes = 0;
  const line = () => ({
    text: Buffer.concat(held).subarray(0, LONGEST_LINE).toString('utf8').replace(/\r$/, ''),
    bytes,
    isTooLong: length > LONGEST_LINE,
  });
  for await (const chunk of source) {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (length <= LONGEST_LINE) held.push(part);
      length += part.length;
      bytes += part.length + (end < 0 ? 0 : 1);
      if (end < 0) break;
      yield line();
      held = [];
      length = 0;
      from = end + 1;
    }
  }
  if (length > 0) yield line();
}

/** What a line asks; a cell that is empty asks nothing, a `-` empties what is there. */
export interface AskedOfImport {
  readonly email: string;
  readonly displayName?: string;
  readonly notifyEmail?: string | null;
  readonly locale?: Locale | null;
  readonly groups?: readonly string[];
  readonly role?: (typeof ROLES)[number] | null;
  readonly status?: 'active' | 'suspended';
  readonly isInvited?: boolean;
  /** By what somebody used at Microsoft Entra. */
  readonly entraGroup?: EntraGroup;
}

const YES = ['yes', 'ja', 'true', '1'];
const NO = ['no', 'nee', 'false', '0'];
const NOTHING = '-';

/** What the cells of a line mean. @returns the name of the column that cannot be understood */
export function askedOf(values: Partial<Readonly<Record<ImportColumn, string>>>): AskedOfImport | ImportColumn {
  const cell = (column: ImportColumn): string => values[column] ?? '';
  const oneOf = <T extends string>(column: ImportColumn, known: readonly T[]): T | null | undefined | false => {
    const value = cell(column).toLowerCase();
    if (value === '') return undefined;
    return value === NOTHING ? null : (known.find((each) => each === value) ?? false);
  };
  const locale = oneOf('language', LOCALES);
  const role = oneOf('role', ROLES);
  const status = oneOf('status', ['active', 'suspended']);
  const invite = cell('invite').toLowerCase();
  if (locale === false) return 'language';
  if (role === false) return 'role';
  if (status === false || status === null) return 'status';
  if (!groupsOf(cell('groups')).every(isGroupName)) return 'groups';
  if (cell('name').length > LONGEST_NAME) return 'name';
  const entraGroup = values.entra_methods === undefined ? null : entraGroupOf(values.entra_methods);
  if (entraGroup === undefined) return 'entra_methods';
  if (invite !== '' && ![...YES, ...NO].includes(invite)) return 'invite';
  const name = cell('name');
  const notify = cell('notify_email');
  const groups = cell('groups');
  return {
    email: cell('email').toLowerCase(),
    ...(name ? { displayName: name } : {}),
    ...(notify ? { notifyEmail: notify === NOTHING ? null : notify.toLowerCase() } : {}),
    ...(locale === undefined ? {} : { locale }),
    ...(groups ? { groups: groups === NOTHING ? [] : groupsOf(groups) } : {}),
    ...(role === undefined ? {} : { role }),
    ...(status ? { status } : {}),
    ...(invite ? { isInvited: YES.includes(invite) } : {}),
    ...(entraGroup ? { entraGroup } : {}),
  };
}

/** Groups stand in one cell with bars between them, as the export writes them. */
const groupsOf = (cell: string): string[] => [
  ...new Set(
    cell
      .split('|')
      .map((group) => group.trim())
      .filter(Boolean),
  ),
];
