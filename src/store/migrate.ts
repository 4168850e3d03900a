import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { databaseUnavailable } from '../core/errors.ts';
import { grantToServer } from './server-role.ts';

/** Any number that is ours: one process migrates, the others wait for it. */
const MIGRATION_LOCK = 7_238_001;

/**
 * Applies what is new in `folder` (`<time>_<name>/migration.sql`, Prisma's layout and table, so that Prisma's own
 * command line agrees), each in a transaction of its own. Forward only.
 * @param serverRole the role that the server runs as, where that is not the owner of the tables
 * @param only these and no others: what a backup was made with
 * @returns the names of the migrations applied now
 * @throws Fault `database_unavailable` where an applied migration was changed afterwards, or one fails
 */
export async function migrate(
  url: string,
  folder: string,
  serverRole?: string,
  only?: readonly string[],
): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect().catch((cause: Error & { code?: string }) => {
    const { hostname, port } = new URL(url);
    const where = `${hostname || 'localhost'}:${port || 5432}`;
    throw databaseUnavailable(
      `The database at ${where} cannot be used (${cause.code ?? cause.message}). Check DATABASE_URL.`,
      cause,
    );
  });
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
      logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`);
    const { rows } = await client.query<{ migration_name: string; checksum: string }>(
      'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL',
    );
    const applied = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const done: string[] = [];
    const names = migrationNames(folder);
    const unknown = only?.find((name) => !names.includes(name));
    if (unknown)
      throw databaseUnavailable(`This was made by a newer version (${unknown}). Update first, then try again.`);
    for (const name of only ?? names) {
      const text = readFileSync(join(folder, name, 'migration.sql'), 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      const known = applied.get(name);
      if (known === checksum) continue;
      if (known !== undefined) throw databaseUnavailable(`Migration ${name} was changed after it was applied.`);
      await apply(client, name, text, checksum);
      done.push(name);
    }
    if (serverRole !== undefined) await grantToServer(client, serverRole);
    return done;
  } finally {
    await client.end();
  }
}

const migrationNames = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();

async function apply(client: pg.Client, name: string, text: string, checksum: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(text);
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)',
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw databaseUnavailable(`Migration ${name} failed: ${(cause as Error).message}`, cause);
  }
}
