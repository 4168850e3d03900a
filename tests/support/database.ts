import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { databaseUrl } from './global-setup.ts';

export interface TestDatabase {
  /** As the server connects. */
  readonly url: string;
  /** As the owner of the tables. */
  readonly ownerUrl: string;
  drop(): Promise<void>;
}

async function admin(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('adminUrl') });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

const named = (name: string): TestDatabase => ({
  url: databaseUrl(inject('serverUrl'), name),
  ownerUrl: databaseUrl(inject('adminUrl'), name),
  drop: () => admin(`DROP DATABASE ${name} WITH (FORCE)`),
});

/** A database without a table. */
export async function makeEmptyDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await admin(`CREATE DATABASE ${name}`);
  return named(name);
}

/** A database of one's own, cloned from the migrated template. */
export async function makeDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  // Two clones at the same moment: the template may have one reader at a time.
  for (let attempt = 0; ; attempt += 1) {
    try {
      await admin(`CREATE DATABASE ${name} TEMPLATE template`);
      return named(name);
    } catch (error) {
      if (attempt > 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 100));
    }
  }
}
