import { createHash } from 'node:crypto';
import pg from 'pg';
import { databaseAway } from '../core/errors.ts';
import type { PrismaClient } from './prisma.ts';

/** A piece of a statement, with its values: what one table's room gives to a statement of another's. */
export class Fragment {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];
  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }
}
export const fragment = (strings: TemplateStringsArray, ...values: unknown[]): Fragment =>
  new Fragment(strings, values);

const constants = new Map<string, Fragment>();

/** Text of our own, in a fragment: the same one for the same text, for a statement is known by its pieces. */
export function constant(text: string): Fragment {
  let made = constants.get(text);
  if (made === undefined) {
    made = new Fragment([text], []);
    constants.set(text, made);
  }
  return made;
}

/** Fragments, with commas between. */
export const listed = (fragments: readonly Fragment[]): Fragment =>
  fragments.reduce((sum, each) => fragment`${sum}, ${each}`);

/**
 * Values, with commas between: for `IN`, of a few. PostgreSQL takes an array that it does not know for ten, finds a plan for
 * the real one cheaper, and makes a new plan each time.
 */
export const these = (values: readonly unknown[]): Fragment => listed(values.map((value) => fragment`${value}`));

/** Runs one prepared statement, fragments put in; column names come back in camelCase. */
export type Sql = <Row = Record<string, unknown>>(text: TemplateStringsArray, ...values: unknown[]) => Promise<Row[]>;

export interface Database {
  readonly sql: Sql;
  /**
   * Like `sql`, without waiting for the disk: a crash may lose the last half second. For rows whose loss undoes nothing
   * (interactions, codes), and for what a statement of `sql` follows before anybody is told: PostgreSQL writes one log in
   * order, so whoever waits for the disk has waited for all that was committed before, on whichever connection.
   */
  readonly relaxedSql: Sql;
  /** A statement whose text was put together from constants (`whereStatement`). */
  query<Row>(text: string, values: unknown[]): Promise<Row[]>;
  /** All or nothing; the function's statements run on one connection. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** For what is asked now and then: it is loaded by the first one who asks. */
  prisma(): Promise<PrismaClient>;
  /** Connections of each pool, and statements that wait for one. */
  pools(): { pool: string; open: number; idle: number; waiting: number }[];
  readonly url: string;
  close(): Promise<void>;
}

/** Opens one pool that Prisma and our own SQL share. Nothing connects before the first statement. */
export function openDatabase(url: string, poolSize = 10): Database {
  const pool = new pg.Pool({ connectionString: url, max: poolSize, application_name: 'dubbelslot' });
  const relaxed = new pg.Pool({
    connectionString: url,
    max: Math.max(1, Math.ceil(poolSize / 2)),
    application_name: 'dubbelslot',
    options: '-c synchronous_commit=off',
  });
  const query = pool.query.bind(pool) as unknown as Queryable['query'];
  // Prisma's statements, which call the pool's own method. Ours go round it: `sqlOn` has cleaned them.
  (pool as unknown as { query: (statement: { values?: unknown[] }) => unknown }).query = (statement) =>
    query((statement.values ? { ...statement, values: statement.values.map(storable) } : statement) as never);
  // A connection that breaks while idle is replaced at its next use; without a listener it would end the process.
  for (const each of [pool, relaxed]) each.on('error', () => {});

  let prisma: Promise<PrismaClient> | undefined;

  return {
    sql: sqlOn({ query }),
    relaxedSql: sqlOn(relaxed),
    async query<Row>(text: string, values: unknown[]) {
      return rowsOf<Row>({ query }, { name: statementName(text), text, values: values.map(storable) });
    },
    async transaction(work) {
      const client = await pool.connect().catch(asFault);
      // A connection that breaks between two statements would end the process; the next statement fails anyhow.
      client.on('error', ignore);
      try {
        await client.query('BEGIN');
        const result = await work(sqlOn(client));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        return asFault(error);
      } finally {
        client.off('error', ignore);
        client.release();
      }
    },
    prisma() {
      prisma ??= import('./prisma.ts').then(({ openPrisma }) => openPrisma(pool, statementName, asFault));
      return prisma;
    },
    pools: () =>
      Object.entries({ durable: pool, relaxed }).map(([name, { totalCount, idleCount, waitingCount }]) => ({
        pool: name,
        open: totalCount,
        idle: idleCount,
        waiting: waitingCount,
      })),
    url,
    async close() {
      await (await prisma)?.$disconnect();
      await Promise.all([pool, relaxed].map((each) => (each.ended ? undefined : each.end())));
    },
  };
}

/** `column = ?` and its value; without a value it asks nothing. */
export type Condition = readonly [text: string, value: unknown];

/** A statement with the conditions that have a value, joined by AND, and their values in order. */
export function whereStatement(
  select: string,
  conditions: readonly Condition[],
  rest: string,
): [text: string, values: unknown[]] {
  const asked = conditions.filter(([, value]) => value !== undefined);
  const where = asked.map(([text], index) => text.replaceAll('?', `$${index + 1}`)).join(' AND ');
  return [`${select}${where ? ` WHERE ${where}` : ''} ${rest}`, asked.map(([, value]) => value)];
}

interface Prepared {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

interface Queryable {
  query(query: Prepared & { rowMode: 'array' }): Promise<{ rows: unknown[][]; fields: { name: string }[] }>;
}

const names = new Map<string, string>();

const statementName = (text: string): string => {
  let name = names.get(text);
  if (name === undefined) {
    name = `d${createHash('sha1').update(text).digest('hex').slice(0, 20)}`;
    names.set(text, name);
  }
  return name;
};

/**
 * A statement is known by the pieces of text that it is made of, in their order, and a hole for each value: its text is put
 * together once. The pieces are those of templates in the source, which are the same objects at each execution.
 */
interface Known {
  readonly next: Map<readonly string[] | typeof HOLE, Known>;
  statement?: Omit<Prepared, 'values'>;
}
const HOLE = Symbol('a value');
const start: Known = { next: new Map() };

function stepFrom(at: Known, by: readonly string[] | typeof HOLE): Known {
  let next = at.next.get(by);
  if (!next) {
    next = { next: new Map() };
    at.next.set(by, next);
  }
  return next;
}

/** Follows the pieces of a template and of the fragments in it; the values go into `into`. */
function follow(from: Known, strings: readonly string[], values: readonly unknown[], into: unknown[]): Known {
  let at = stepFrom(from, strings);
  for (const value of values) {
    if (value instanceof Fragment) at = follow(at, value.strings, value.values, into);
    else {
      at = stepFrom(at, HOLE);
      into.push(storable(value));
    }
  }
  return at;
}

/** @param after how many values came before */
function textOf(strings: readonly string[], values: readonly unknown[], after = { count: 0 }): string {
  const filled = (value: unknown): string =>
    value instanceof Fragment ? textOf(value.strings, value.values, after) : `$${++after.count}`;
  return strings.reduce((text, piece, index) => text + filled(values[index - 1]) + piece);
}

function prepared(strings: TemplateStringsArray, given: readonly unknown[]): Prepared {
  const values: unknown[] = [];
  const known = follow(start, strings, given, values);
  if (!known.statement) {
    const text = textOf(strings, given);
    known.statement = { name: statementName(text), text };
  }
  return { ...known.statement, values };
}

function sqlOn(client: Queryable): Sql {
  return async <Row>(strings: TemplateStringsArray, ...values: unknown[]) =>
    rowsOf<Row>(client, prepared(strings, values));
}

/** The driver gives columns by number: it would name them first, and we would name them again. */
async function rowsOf<Row>(client: Queryable, statement: Prepared): Promise<Row[]> {
  const { rows, fields } = await client.query({ ...statement, rowMode: 'array' }).catch(asFault);
  const columns = fields.map(({ name }) => fieldName(name));
  return rows.map((row) => {
    const named: Record<string, unknown> = {};
    for (const [index, column] of columns.entries()) named[column] = row[index];
    return named as Row;
  });
}

const ignore = (): void => {};

/**
 * PostgreSQL's classes 08 (connection), 57P (shutting down, starting) and 25006 (reads only: a primary that was one), and
 * what the network, the driver and Prisma say where there is no connection at all.
 */
const AWAY =
  /^(08...|57P0.|25006|53300|ECONN.*|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|P1001|P1002|P1008|P1017)$/;
const AWAY_IN_WORDS =
  /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect/;

/** @throws Fault `database_away` for an error that says so, any other as it is */
function asFault(error: unknown): never {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  throw AWAY.test(code) || AWAY_IN_WORDS.test(message) ? databaseAway(error) : error;
}

/** What PostgreSQL keeps in no text and no JSON: NUL, and halves of characters. Nothing honest has them. */
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const REPLACED = '\ufffd';

const cleanText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0') ? text : text.replace(UNSTORABLE, REPLACED);

/**
 * A stranger's text is stored and compared as what it is not: it is found nowhere, and fails nothing. Objects become
 * JSON text.
 */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  return JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each === 'string') return cleanText(each);
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each;
    const isClean = Object.keys(each).every((name) => name === cleanText(name));
    return isClean ? each : Object.fromEntries(Object.entries(each).map(([name, part]) => [cleanText(name), part]));
  });
}

const fieldNames = new Map<string, string>();

/** What a column is called in the rows that `Sql` gives: `display_name` is `displayName`. */
export function fieldName(column: string): string {
  let field = fieldNames.get(column);
  if (field === undefined) {
    field = column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    fieldNames.set(column, field);
  }
  return field;
}

/** Columns of a table beside another's, under names with a prefix; and the same part of a row that has them. */
export function columnsBeside<Row>(table: string, prefix: string, names: string) {
  const columns = names.split(/,\s*/);
  const fields = columns.map((name) => [fieldName(name), fieldName(`${prefix}_${name}`)] as const);
  return {
    select: columns.map((name) => `${table}.${name} AS ${prefix}_${name}`).join(', '),
    read: (row: Record<string, unknown>): Row =>
      Object.fromEntries(fields.map(([field, prefixed]) => [field, row[prefixed]])) as Row,
  };
}

/** Whether an error is PostgreSQL's unique violation (23505) or Prisma's name for it (P2002). */
export const isUniqueViolation = (error: unknown): boolean =>
  ['23505', 'P2002'].includes((error as { code?: string } | null)?.code ?? '');
