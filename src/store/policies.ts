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
  /** Read once a second, or after `forget`. */
  current(): Promise<StoredPolicy | undefined>;
  /** Somebody changed it: what was read counts no longer (signal `policy`). */
  forget(): void;
  /** @returns its version; undefined where the newest is not `expected` any more */
  add(document: unknown, author: string, now: Date, expected?: string): Promise<string | undefined>;
  list(limit: number): Promise<StoredPolicy[]>;
}

/** How long what was read is believed. */
const FRESH_MS = 1000;

const POLICY_LOCK = 7_238_006;

export function createPolicies(db: Database): Policies {
  const { sql } = db;
  let known: { readonly policy: Promise<StoredPolicy | undefined>; readonly at: number } | undefined;
  const list = (limit: number): Promise<StoredPolicy[]> =>
    sql<StoredPolicy>`SELECT * FROM policy ORDER BY version DESC LIMIT ${limit}`;
  const forget = (): void => {
    known = undefined;
  };
  return {
    list,
    forget,
    current() {
      if (known && performance.now() - known.at < FRESH_MS) return known.policy;
      const policy = list(1).then(([newest]) => newest);
      const mine = { policy, at: performance.now() };
      policy.catch(() => {
        if (known === mine) known = undefined;
      });
      known = mine;
      return policy;
    },
    async add(document, author, now, expected) {
      const version = await db.transaction(async (tx) => {
        await tx`SELECT pg_advisory_xact_lock(${POLICY_LOCK})`;
        const [newest] = await tx<{ version: string }>`SELECT version FROM policy ORDER BY version DESC LIMIT 1`;
        if (expected !== undefined && (newest?.version ?? '0') !== expected) return undefined;
        const [row] = await tx<{
          version: string;
        }>`INSERT INTO policy (document, author, created_at) VALUES (${document}, ${author}, ${now}) RETURNING version`;
        await tx`SELECT pg_notify('dubbelslot', 'policy')`;
        return row!.version;
      });
      forget();
      return version;
    },
  };
}
