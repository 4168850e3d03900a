import type { Database } from './database.ts';

export interface StoredPolicy {
  /** A number that grows; 0 for the default. */
  readonly version: string;
  readonly document: unknown;
  readonly author: string;
  readonly createdAt: Date;
}

/** Every version is kept; the newest counts. */
export interface Policies {
  current(): Promise<StoredPolicy | undefined>;
  /** @returns its version; undefined where the newest is not `expected` any more */
  add(document: unknown, author: string, now: Date, expected?: string): Promise<string | undefined>;
  list(limit: number): Promise<StoredPolicy[]>;
}

const POLICY_LOCK = 7_238_006;

export function createPolicies(db: Database): Policies {
  const { sql } = db;
  const list = (limit: number): Promise<StoredPolicy[]> =>
    sql<StoredPolicy>`SELECT * FROM policy ORDER BY version DESC LIMIT ${limit}`;
  return {
    list,
    async current() {
      return (await list(1))[0];
    },
    add: (document, author, now, expected) =>
      db.transaction(async (tx) => {
        await tx`SELECT pg_advisory_xact_lock(${POLICY_LOCK})`;
        const [newest] = await tx<{ version: string }>`SELECT version FROM policy ORDER BY version DESC LIMIT 1`;
        if (expected !== undefined && (newest?.version ?? '0') !== expected) return undefined;
        const [row] = await tx<{
          version: string;
        }>`INSERT INTO policy (document, author, created_at) VALUES (${document}, ${author}, ${now}) RETURNING version`;
        return row!.version;
      }),
  };
}
