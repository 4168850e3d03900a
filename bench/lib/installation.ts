import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { findDatabase } from '../../src/found-database.ts';
import { createLog } from '../../src/log.ts';
import { openInstallation } from '../../src/server.ts';
import { postgresHome, removeDataDir } from '../../tests/support/data-dir.ts';
import { freePort } from '../../tests/support/ports.ts';
import { addPeople, type Person } from './people.ts';
import type { Application } from './relying-party.ts';

const BY = { actor: 'bench', origin: 'bench', authority: { kind: 'operator' } } as const;

/** An installation in a folder of its own, with an embedded PostgreSQL that waits for the disk as any other. */
export interface BenchInstallation {
  readonly environment: Record<string, string>;
  readonly config: Config;
  readonly issuer: string;
  /** A web app, people with a code app and people with a passkey, past the pages. */
  furnish(
    people: number,
    keyHolders?: number,
  ): Promise<{ application: Application; people: Person[]; keyHolders: Person[] }>;
  /** The postmaster's process, once a server has started it. */
  postmaster(): number;
  remove(): void;
}

export async function makeInstallation(): Promise<BenchInstallation> {
  const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-bench-'));
  const port = String(await freePort());
  const issuer = `http://localhost:${port}`;
  const environment = { PORT: port, DATA_DIR: dataDir, PUBLIC_URL: issuer, LOG_LEVEL: 'warn' };
  const config = loadConfig(environment, systemRandom);
  return {
    environment,
    config,
    issuer,
    async furnish(count, keyHolderCount = 0) {
      const { dependencies: d, close } = await openInstallation(config, createLog('error'));
      const redirectUri = `http://localhost:${await freePort()}/callback`;
      const registered = await d.clientRegistration.register({ id: 'web', redirectUris: [redirectUri] }, BY);
      if (!registered.ok) throw new Error(registered.mistakes.join(' '));
      const people = await addPeople(config, d.database.url, count, 'code', (done) =>
        process.stderr.write(`\r${done} of ${count} people`),
      );
      const keyHolders = await addPeople(config, d.database.url, keyHolderCount, 'passkey', () => {});
      process.stderr.write('\r');
      // What autovacuum does within a minute, of what was filled; the server's role may not.
      const found = await findDatabase(config);
      const owner = new pg.Client({ connectionString: found.ownerUrl });
      await owner.connect();
      await owner.query('ANALYZE account, authenticator');
      await owner.end();
      await found.close();
      await close();
      return {
        application: { issuer, clientId: 'web', secret: registered.value ?? '', redirectUri },
        people,
        keyHolders,
      };
    },
    postmaster: () =>
      Number(readFileSync(join(postgresHome(dataDir), 'cluster/postmaster.pid'), 'utf8').split('\n')[0]),
    remove: () => removeDataDir(dataDir),
  };
}
