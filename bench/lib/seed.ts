import pg from 'pg';

/** How much an installation of some years holds. */
export interface Size {
  readonly accounts: number;
  readonly events: number;
  /** Rows of oidc-provider's that have expired and wait for the sweep. */
  readonly expired: number;
}

const BATCH = 250_000;

/**
 * Fills a database as years of use would, past the server: accounts with a password and a code app that nobody can use, audit
 * events of these accounts (without digests: as if older than the chain), payloads that have expired.
 * @param ownerUrl of the role that owns the tables
 * @param say what was done, of how much
 */
export async function seed(
  ownerUrl: string,
  size: Size,
  say: (what: string, done: number, of: number) => void,
): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  await client.query(`SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'`);

  /** Inserts in batches, without the table's indexes, which are made again afterwards: a third of the time. */
  const fill = async (table: string, count: number, insert: (from: number, to: number) => string): Promise<void> => {
    const { rows: indexes } = await client.query<{ name: string; definition: string; constraint: string | null }>(
      `SELECT i.relname AS name, pg_get_indexdef(i.oid) AS definition,
          (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype = 'u') AS constraint
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid = $1::regclass AND NOT x.indisprimary`,
      [table],
    );
    // What another table refers to must stay.
    for (const { name, constraint } of indexes)
      await client.query(constraint ? `ALTER TABLE ${table} DROP CONSTRAINT ${name}` : `DROP INDEX ${name}`);
    for (let done = 0; done < count; done += BATCH) {
      await client.query(insert(done + 1, Math.min(count, done + BATCH)));
      say(table, Math.min(count, done + BATCH), count);
    }
    for (const { name, definition, constraint } of indexes) {
      say(`${table}: index ${name}`, count, count);
      await client.query(constraint ? `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${constraint}` : definition);
    }
  };
  const idOf = (text: string): string => `md5('account ' || ${text})::uuid`;

  await fill(
    'account',
    size.accounts,
    (from, to) => `INSERT INTO account (id, email, display_name, created_at, updated_at)
      SELECT ${idOf('n')}, 'years' || n || '@example.org', 'Years ' || n, now() - interval '3 years', now() - interval '1 year'
        FROM generate_series(${from}, ${to}) n`,
  );
  await fill(
    'authenticator',
    size.accounts,
    (from, to) => `INSERT INTO authenticator (id, account_id, kind, label, state, secret_sealed, created_at, last_step)
      SELECT gen_random_uuid(), ${idOf('n')}, kind, kind, 'active', sha256(n::text::bytea) || sha256(kind::bytea), now() - interval '1 year', 1
        FROM generate_series(${from}, ${to}) n, (VALUES ('password'), ('totp')) k (kind)`,
  );
  const actions = ['password.verified', 'code.verified', 'sign_in.completed', 'token.issued', 'challenge.used'];
  await fill(
    'audit_event',
    size.events,
    (
      from,
      to,
    ) => `INSERT INTO audit_event (at, action, object, result, origin, actor, account_id, request_id, detail, key)
      SELECT now() - interval '3 years' + n * (interval '3 years' / ${size.events}), (ARRAY['${actions.join("','")}'])[1 + n % ${actions.length}],
          'account:' || id, 'success', '192.0.2.' || n % 250, 'account:' || id, id, 'r' || n, '{"kind": "totp", "browser": "Firefox"}', gen_random_uuid()
        FROM (SELECT n, ${idOf(`1 + (n::bigint * 7919) % ${size.accounts}`)} AS id FROM generate_series(${from}, ${to}) n) e`,
  );
  await fill(
    'oidc_payload',
    size.expired,
    (from, to) => `INSERT INTO oidc_payload (type, id_digest, payload, grant_id, account_id, expires_at)
      SELECT 'AccessToken', sha256(n::text::bytea), jsonb_build_object('kind', 'AccessToken', 'scope', 'openid email', 'n', n),
          'grant ' || n % 100000, ${idOf(`1 + n % ${size.accounts}`)}::text, now() - interval '1 day'
        FROM generate_series(${from}, ${to}) n`,
  );
  say('statistics', 1, 1);
  await client.query('VACUUM ANALYZE');
  await client.end();
}
