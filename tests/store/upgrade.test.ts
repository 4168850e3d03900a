import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { makeEmptyDatabase } from '../support/database.ts';
import { startInstallation } from '../support/installation.ts';

const MIGRATIONS = join(import.meta.dirname, '../../migrations');
const names = readdirSync(MIGRATIONS)
  .filter((name) => /^\d/.test(name))
  .sort();
const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-migrations-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ACCOUNT = '0b54b9fd-6a4e-4f0e-9d6c-0c3f7b0f7a01';
const PHONE = '0b54b9fd-6a4e-4f0e-9d6c-0c3f7b0f7a02';

/** What an installation of the very first day has: a person, a phone, a web app with a secret, events. */
const FIRST_DAY = `
  INSERT INTO account (id, email, display_name, role, created_at, updated_at)
    VALUES ('${ACCOUNT}', 'eerste@example.org', 'Eerste Persoon', 'owner', now(), now());
  INSERT INTO authenticator (id, account_id, kind, label, state, created_at)
    VALUES ('${PHONE}', '${ACCOUNT}', 'push', 'Pixel', 'active', now());
  INSERT INTO client (id, name, metadata, secret_digest, required_acr, created_at)
    VALUES ('app', 'App', '{"redirect_uris":["https://app.example.org/"]}', '\\x01', 'urn:dubbelslot:acr:mfa', now());
  INSERT INTO audit_event (at, action, object, result, origin, actor, account_id)
    SELECT now(), 'account.added', 'account:${ACCOUNT}', 'success', 'cli', 'cli', '${ACCOUNT}' FROM generate_series(1, 300);`;

/** As it was after the first `count` migrations; the server runs on it from each. No version was released yet. */
async function upgradedFrom(count: number) {
  const database = await makeEmptyDatabase();
  rmSync(folder, { recursive: true });
  for (const name of names.slice(0, count)) cpSync(join(MIGRATIONS, name), join(folder, name), { recursive: true });
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  for (let at = 1; at <= count; at += 1) {
    await migrate(database.ownerUrl, folder, undefined, names.slice(0, at));
    if (at === 1) await owner.query(FIRST_DAY);
  }
  await owner.end();
  const applied = await migrate(database.ownerUrl, MIGRATIONS, new URL(database.url).username);
  return { database, applied };
}

describe('an installation of an earlier day', () => {
  it.each(names.map((name, index) => [name, index + 1] as const))(
    'of %s is brought up to date, with all it has',
    async (_name, count) => {
      const { database, applied } = await upgradedFrom(count);
      expect(applied).toEqual(names.slice(count));
      const installation = await startInstallation({}, { databaseUrl: database.url });
      try {
        const { d } = installation;
        expect(await d.accounts.byId(ACCOUNT)).toMatchObject({
          email: 'eerste@example.org',
          role: 'owner',
          groups: [],
        });
        expect(await d.accounts.count({ words: 'Eerst' })).toBe(1);
        expect(await d.authenticators.ofAccount(ACCOUNT)).toMatchObject([{ id: PHONE, state: 'active' }]);
        expect((await d.clients.byId('app'))?.metadata.redirect_uris).toEqual(['https://app.example.org/']);
        expect(await d.database.sql`SELECT client_id FROM client_secret`).toEqual([{ clientId: 'app' }]);
        // Events of before the chain get their place in it.
        await expect.poll(async () => (await d.auditIntegrity.verify()).checked).toBeGreaterThanOrEqual(300);
        expect((await d.auditIntegrity.verify()).isIntact).toBe(true);
      } finally {
        await installation.close();
        await database.drop();
      }
    },
  );
});
