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
  add(document: unknown, author: string, now: Date): Promise<string>;
  list(limit: number): Promise<StoredPolicy[]>;
}

export function createPolicies({ sql }: Database): Policies {
  const list = (limit: number): Promise<StoredPolicy[]> =>
    sql<StoredPolicy>`SELECT * FROM policy ORDER BY version DESC LIMIT ${limit}`;
  return {
    list,
    async current() {
      return (await list(1))[0];
    },
    async add(document, author, now) {
      const [row] = await sql<{
        version: string;
      }>`INSERT INTO policy (document, author, created_at) VALUES (${document}, ${author}, ${now}) RETURNING version`;
      return row!.version;
    },
  };
}
