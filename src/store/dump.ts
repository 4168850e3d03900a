import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { databaseUnavailable } from '../core/errors.ts';

/** What a backup says of itself, before its data. */
export interface DumpHeader {
  readonly format: 1;
  readonly version: string;
  readonly createdAt: string;
  /** Which the data fit; newer ones are applied after they are there. */
  readonly migrations: readonly string[];
}

export interface DumpSummary extends DumpHeader {
  /** By table. */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * What is not worth keeping, or must not come back: who is signed in, what is half-way, what counts once, what is owed and
 * may have been delivered since. After a restore people sign in again; nothing of theirs is lost.
 */
export const LEFT_OUT = [
  '_prisma_migrations',
  'binding_session',
  'call_count',
  'challenge',
  'client_call',
  'directory_sync',
  'enrolment_code',
  'idempotent_call',
  'login_transaction',
  'mail',
  'mail_link',
  'oidc_payload',
  'op_session',
  'portal_session',
  'remembered_browser',
  'throttle',
  'used_proof',
  'webhook_delivery',
];

export const HEADER = '-- Dubbelslot backup ';
export const TRAILER = '-- end ';

/** Tables in the order in which their rows refer to each other. */
async function tablesOf(client: pg.Client): Promise<{ table: string; columns: string }[]> {
  const { rows: tables } = await client.query<{ table: string; columns: string }>(
    `SELECT c.relname AS table, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> ALL($1)
      GROUP BY c.relname ORDER BY c.relname`,
    [LEFT_OUT],
  );
  const { rows: references } = await client.query<{ from: string; to: string }>(
    `SELECT DISTINCT conrelid::regclass::text AS from, confrelid::regclass::text AS to FROM pg_constraint
      WHERE contype = 'f' AND conrelid <> confrelid`,
  );
  const sorted: typeof tables = [];
  while (sorted.length < tables.length) {
    const isThere = (name: string): boolean =>
      sorted.some(({ table }) => table === name) || !tables.some(({ table }) => table === name);
    const next = tables.filter(
      ({ table }) => !isThere(table) && references.every(({ from, to }) => from !== table || isThere(to)),
    );
    if (next.length === 0) throw new Error('tables refer to each other in a circle');
    sorted.push(...next);
  }
  return sorted;
}

/** @throws Fault `database_unavailable` */
export async function connected(ownerUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'dubbelslot backup' });
  client.on('error', () => {});
  await client.connect().catch((cause: Error) => {
    throw databaseUnavailable(`The database cannot be used: ${cause.message}`, cause);
  });
  return client;
}

/**
 * Everything as it is at one moment, while others go on. Reads as the owner of the tables.
 * @param onProgress bytes so far, and about how many there are
 */
export async function* dump(
  ownerUrl: string,
  about: Pick<DumpHeader, 'version' | 'createdAt'>,
  onProgress: (done: number, of: number) => void = () => {},
): AsyncGenerator<Buffer, DumpSummary> {
  const client = await connected(ownerUrl);
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows: migrations } = await client.query<{ name: string }>(
      'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1',
    );
    const header: DumpHeader = { format: 1, ...about, migrations: migrations.map(({ name }) => name) };
    yield Buffer.from(`${HEADER}${JSON.stringify(header)}\n`);
    const tables = await tablesOf(client);
    const { rows: sizes } = await client.query<{ size: number }>(
      'SELECT pg_relation_size(name::regclass)::float8 AS size FROM unnest($1::text[]) AS name',
      [tables.map(({ table }) => table)],
    );
    const of = sizes.reduce((sum, { size }) => sum + size, 0);
    const rows: Record<string, number> = {};
    let done = 0;
    for (const { table, columns } of tables) {
      yield Buffer.from(`COPY ${table} (${columns}) FROM stdin;\n`);
      const copy = client.query(copyTo(`COPY ${table} (${columns}) TO STDOUT`));
      for await (const chunk of copy as AsyncIterable<Buffer>) {
        done += chunk.length;
        onProgress(done, Math.max(done, of));
        yield chunk;
      }
      rows[table] = copy.rowCount;
      yield Buffer.from('\\.\n');
    }
    const { rows: counters } = await client.query<{ table: string; column: string; next: string }>(
      `SELECT table_name AS table, column_name AS column,
          coalesce(pg_sequence_last_value(pg_get_serial_sequence(table_name, column_name)::regclass), 0) + 1 AS next
        FROM information_schema.columns WHERE table_schema = 'public' AND is_identity = 'YES' AND table_name <> ALL($1)`,
      [LEFT_OUT],
    );
    for (const { table, column, next } of counters)
      yield Buffer.from(`SELECT setval(pg_get_serial_sequence('${table}', '${column}'), ${next}, false);\n`);
    yield Buffer.from(`${TRAILER}${JSON.stringify(rows)}\n`);
    return { ...header, rows };
  } finally {
    await client.end();
  }
}
