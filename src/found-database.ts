import { join } from 'node:path';
import type { Config } from './config/load.ts';
import { openEmbeddedDatabase } from './store/embedded.ts';
import { migrate } from './store/migrate.ts';

const MIGRATIONS = join(import.meta.dirname, '../migrations');

/** A database as it is found. */
export interface FoundDatabase {
  readonly databaseUrl: string;
  /** As the owner of the tables. */
  readonly ownerUrl: string;
  /** Brings it up to date, or to what a backup was made with. @returns the names of the migrations applied now */
  migrate(only?: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

export async function findDatabase(config: Config): Promise<FoundDatabase> {
  const embedded = config.databaseUrl ? undefined : await openEmbeddedDatabase(config.dataDir);
  const databaseUrl = config.databaseUrl ?? embedded!.url;
  const ownerUrl = config.databaseOwnerUrl ?? config.databaseUrl ?? embedded!.ownerUrl;
  const { username: owner } = new URL(ownerUrl);
  const { username: server } = new URL(databaseUrl);
  const role = owner === server ? undefined : decodeURIComponent(server);
  return {
    databaseUrl,
    ownerUrl,
    // Only what is complete is given to the server.
    migrate: (only) => migrate(ownerUrl, MIGRATIONS, only ? undefined : role, only),
    close: async () => embedded?.close(),
  };
}
