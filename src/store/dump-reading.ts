import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { backupDamaged, databaseUnavailable, Fault } from '../core/errors.ts';
import { connected, type DumpHeader, type DumpSummary, HEADER, TRAILER } from './dump.ts';

/** What stands in a dump, part by part; lines keep their ends. */
type Part =
  | { readonly kind: 'header'; readonly header: DumpHeader }
  | { readonly kind: 'copy'; readonly statement: string; readonly table: string; readonly data: AsyncGenerator<Buffer> }
  | { readonly kind: 'statement'; readonly statement: string }
  | { readonly kind: 'end'; readonly rows: Readonly<Record<string, number>> };

const LINE_FEED = 10;

async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const line = chunk.subarray(from, end + 1);
      yield held.length > 0 ? Buffer.concat([...held, line]) : line;
      held = [];
      from = end + 1;
    }
    if (from < chunk.length) held.push(chunk.subarray(from));
  }
  if (held.length > 0) throw backupDamaged();
}

const END_OF_COPY = Buffer.from('\\.\n');
const COPY = /^COPY ([a-z_]+) \([a-z_, "]+\) FROM stdin;\n$/;
const SETVAL = /^SELECT setval\(pg_get_serial_sequence\('[a-z_]+', '[a-z_]+'\), \d+, false\);\n$/;

/** Takes nothing that we do not write ourselves: no other statement is ever run. */
async function* partsOf(source: AsyncIterable<Buffer>): AsyncGenerator<Part> {
  const lines = linesOf(source);
  const data = async function* (): AsyncGenerator<Buffer> {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw backupDamaged();
      if (value.equals(END_OF_COPY)) return;
      yield value;
    }
  };
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return;
    const text = value.subarray(0, 100_000).toString();
    const [, table] = COPY.exec(text) ?? [];
    if (text.startsWith(HEADER)) yield { kind: 'header', header: JSON.parse(text.slice(HEADER.length)) };
    else if (text.startsWith(TRAILER)) yield { kind: 'end', rows: JSON.parse(text.slice(TRAILER.length)) };
    else if (table) yield { kind: 'copy', statement: text.replace(/ stdin;\n$/, ' STDIN'), table, data: data() };
    else if (SETVAL.test(text)) yield { kind: 'statement', statement: text };
    else throw backupDamaged();
  }
}

async function* counted(data: AsyncIterable<Buffer>, count: () => void): AsyncGenerator<Buffer> {
  for await (const line of data) {
    count();
    yield line;
  }
}

/**
 * Reads a dump to its end.
 * @param take what is done with it; nothing only looks whether it is whole
 * @throws Fault `backup_damaged` where a part lacks, or is not what its end says
 */
export async function readDump(
  source: AsyncIterable<Buffer>,
  take: {
    header?(header: DumpHeader): Promise<void>;
    copy?(statement: string, data: AsyncIterable<Buffer>): Promise<void>;
    statement?(statement: string): Promise<void>;
  } = {},
): Promise<DumpSummary> {
  const rows: Record<string, number> = {};
  let header: DumpHeader | undefined;
  let told: Readonly<Record<string, number>> | undefined;
  for await (const part of partsOf(source)) {
    if ((part.kind === 'header') === (header !== undefined) || told) throw backupDamaged();
    if (part.kind === 'header') {
      header = part.header;
      await take.header?.(header);
    } else if (part.kind === 'copy') {
      rows[part.table] = 0;
      const data = counted(part.data, () => {
        rows[part.table]! += 1;
      });
      if (take.copy) await take.copy(part.statement, data);
      else for await (const _line of data);
    } else if (part.kind === 'statement') await take.statement?.(part.statement);
    else told = part.rows;
  }
  if (!header || !told || JSON.stringify(told) !== JSON.stringify(rows)) throw backupDamaged();
  return { ...header, rows };
}

async function isInUse(client: pg.Client): Promise<boolean> {
  const { rows: tables } = await client.query(`SELECT 1 FROM pg_class WHERE oid = to_regclass('public.setting')`);
  if (tables.length === 0) return false;
  const { rows } = await client.query('SELECT 1 FROM setting UNION ALL SELECT 1 FROM account LIMIT 1');
  return rows.length > 0;
}

/**
 * Puts a dump into a database that is empty, all of it or nothing.
 * @param prepare brings the empty tables to these migrations
 * @throws Fault `backup_damaged`; `database_unavailable` where something is there already
 */
export async function restoreDump(
  ownerUrl: string,
  source: AsyncIterable<Buffer>,
  prepare: (migrations: readonly string[]) => Promise<void>,
): Promise<DumpSummary> {
  const client = await connected(ownerUrl);
  try {
    const summary = await readDump(source, {
      async header({ migrations }) {
        if (await isInUse(client))
          throw databaseUnavailable(
            'This database is in use already. Restore into an empty one: another DATA_DIR or DATABASE_URL.',
          );
        await prepare(migrations);
        await client.query('BEGIN');
      },
      async copy(statement, data) {
        await pipeline(data, client.query(copyFrom(statement))).catch((cause: unknown) => {
          throw cause instanceof Fault ? cause : backupDamaged(cause);
        });
      },
      async statement(text) {
        await client.query(text);
      },
    });
    await client.query('COMMIT');
    return summary;
  } finally {
    await client.end();
  }
}
