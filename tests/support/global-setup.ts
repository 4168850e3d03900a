import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { openEmbeddedDatabase, SERVER_ROLE } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { findChromium } from './chromium.ts';
import { removeDataDir } from './data-dir.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    adminUrl: string;
    serverUrl: string;
  }
}

/** One real PostgreSQL for the run; `template` is migrated once and every file clones it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Unpacks the Chromium of `npm ci` where that is the one in use, before two files want it at the same time.
  await findChromium().catch(() => {}); // where there is none, the browser tests say so
  // Everything that a test leaves behind goes into one folder, which goes at the end.
  const everything = mkdtempSync(join(tmpdir(), 'dubbelslot-'));
  process.env.TMPDIR = everything;
  const dataDir = join(everything, 'data');
  const cluster = await openEmbeddedDatabase(dataDir);
  const client = new pg.Client({ connectionString: cluster.ownerUrl });
  await client.connect();
  await client.query('CREATE DATABASE template');
  await client.end();
  await migrate(databaseUrl(cluster.ownerUrl, 'template'), join(import.meta.dirname, '../../migrations'), SERVER_ROLE);
  project.provide('adminUrl', cluster.ownerUrl);
  project.provide('serverUrl', cluster.url);
  return async () => {
    await cluster.close();
    removeDataDir(dataDir);
    rmSync(everything, { recursive: true, force: true });
  };
}

export const databaseUrl = (adminUrl: string, name: string): string => adminUrl.replace('/dubbelslot?', `/${name}?`);
