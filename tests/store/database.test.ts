import { execFile } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/core/random.ts';
import { createSealer } from '../../src/crypto/seal.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { createAuditStore, createEventOf } from '../../src/store/audit.ts';
import { constant, type Database, fragment, openDatabase, these } from '../../src/store/database.ts';
import { openEmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createOpSessions } from '../../src/store/op-sessions.ts';
import { createKeptSettings } from '../../src/store/settings.ts';
import { openSignals } from '../../src/store/signals.ts';
import { sweep } from '../../src/store/sweep.ts';
import { removeDataDir } from '../support/data-dir.ts';
import { makeDatabase, type TestDatabase } from '../support/database.ts';
import { together } from '../support/together.ts';

const MIGRATIONS = join(import.meta.dirname, '../../migrations');
let test: TestDatabase;
let db: Database;
let owner: Database;

beforeAll(async () => {
  test = await makeDatabase();
  db = openDatabase(test.url);
  owner = openDatabase(test.ownerUrl, 2);
});
afterAll(async () => {
  await db.close();
  await owner.close();
  await test.drop();
});

describe('migrations', () => {
  it('are applied once, also by several processes at once', async () => {
    const results = await together(4, () => migrate(test.ownerUrl, MIGRATIONS));
    expect(results.every((each) => each.status === 'fulfilled' && each.value.length === 0)).toBe(true);
    const [row] = await db.sql<{ count: number }>`SELECT count(*)::int AS count FROM _prisma_migrations`;
    expect(row!.count).toBe(
      readdirSync(MIGRATIONS, { withFileTypes: true }).filter((each) => each.isDirectory()).length,
    );
  });

  it('that were changed afterwards, or fail, stop the start and leave nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dubbelslot-migrations-'));
    cpSync(MIGRATIONS, folder, { recursive: true });
    mkdirSync(join(folder, '29990101000000_broken'));
    writeFileSync(join(folder, '29990101000000_broken/migration.sql'), 'CREATE TABLE half (id int); SELECT nonsense;');
    await expect(migrate(test.ownerUrl, folder)).rejects.toThrow(/29990101000000_broken failed/);
    expect(await db.sql`SELECT to_regclass('half') AS found`).toEqual([{ found: null }]);
    rmSync(join(folder, '29990101000000_broken'), { recursive: true });
    const first = readdirSync(folder).find((name) => name.endsWith('_first'))!;
    writeFileSync(join(folder, first, 'migration.sql'), 'SELECT 1');
    await expect(migrate(test.ownerUrl, folder)).rejects.toThrow(/was changed after it was applied/);
  });

  it('and schema.prisma describe the same columns', async () => {
    const models = (await db.prisma()) as unknown as Record<string, { findFirst(): Promise<unknown> }>;
    const names = [
      ...readFileSync(join(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8').matchAll(/^model (\w+)/gm),
    ].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) await models[name[0]!.toLowerCase() + name.slice(1)]!.findFirst();
  });
});

describe('a statement', () => {
  it('does not grow with how often the same text of ours is put into one', () => {
    expect(constant('a.id')).toBe(constant('a.id'));
    expect(constant('a.id')).not.toBe(constant('b.id'));
  });

  it('is what its pieces and holes make it, whatever the same template was before', async () => {
    const ask = (first: unknown, second: unknown) =>
      db.sql<{ first: number; theSecond: number }>`SELECT ${first}::int AS first, ${second}::int AS the_second`;
    const two = fragment`(${1}::int + ${1}::int)`;
    for (let time = 0; time < 2; time += 1) {
      expect(await ask(1, 3)).toEqual([{ first: 1, theSecond: 3 }]);
      expect(await ask(two, 3)).toEqual([{ first: 2, theSecond: 3 }]);
      expect(await ask(1, two)).toEqual([{ first: 1, theSecond: 2 }]);
      expect(await ask(two, fragment`(${two} * ${these([5])}::int)`)).toEqual([{ first: 2, theSecond: 10 }]);
      expect(await db.sql`SELECT ${these([1, 2])}`).toHaveLength(1);
      expect(await db.sql`SELECT 1 WHERE 1 IN (${these([2, 3, 1])})`).toHaveLength(1);
    }
  });
});

describe('the audit log', () => {
  it('can be added to, and neither changed nor emptied', async () => {
    const audit = createAuditStore(owner, createEventOf(createSecretKey(systemRandom.bytes(32)), systemRandom));
    await audit.append(
      { action: 'test.done', object: 'test:1', result: 'success', origin: 'system', actor: 'system', detail: { n: 1 } },
      new Date(),
    );
    const [event] = await audit.list({ action: 'test.done', limit: 1 });
    expect(event).toMatchObject({
      action: 'test.done',
      object: 'test:1',
      result: 'success',
      origin: 'system',
      actor: 'system',
      detail: { n: 1 },
    });
    expect(event!.at).toBeInstanceOf(Date);
    for (const [who, refusal] of [
      [owner, /append-only/],
      [db, /permission denied/],
    ] as const) {
      for (const table of ['audit_event', 'audit_chain', 'audit_checkpoint', 'audit_truncation']) {
        await expect(who.query(`TRUNCATE ${table}`, [])).rejects.toThrow(refusal);
      }
      await expect(who.sql`UPDATE audit_event SET result = 'failure'`).rejects.toThrow(refusal);
      await expect(who.sql`DELETE FROM audit_event`).rejects.toThrow(refusal);
    }
    // The server cannot say that it truncates, make itself the owner, or switch the guard off.
    await db.sql`SELECT set_config('dubbelslot.audit_truncation', 'yes', false)`;
    await expect(db.sql`DELETE FROM audit_event`).rejects.toThrow(/permission denied/);
    await expect(db.sql`ALTER TABLE audit_event DISABLE TRIGGER ALL`).rejects.toThrow(/must be owner/);
    await expect(db.sql`SET ROLE dubbelslot`).rejects.toThrow(/permission denied/);
    await expect(db.sql`INSERT INTO audit_truncation VALUES (1, '', now())`).rejects.toThrow(/permission denied/);
  });
});

describe('the secret key', () => {
  it('of another installation is refused with what to do', async () => {
    const settings = (bytes: Buffer) => createKeptSettings(db, createSealer(secretKey(bytes.toString('base64url'))));
    const mine = systemRandom.bytes(32);
    await settings(mine).checkKey();
    await settings(mine).checkKey();
    await expect(settings(systemRandom.bytes(32)).checkKey()).rejects.toThrow(/another SECRET_KEY/);
  });

  it('makes a kept secret once, however many start at once', async () => {
    const settings = createKeptSettings(db, createSealer(secretKey(systemRandom.bytes(32).toString('base64url'))));
    let made = 0;
    const secrets = await Promise.all(
      Array.from({ length: 10 }, () =>
        settings.secret('made once', async () => {
          made += 1;
          return `secret ${made}`;
        }),
      ),
    );
    expect(new Set(secrets).size).toBe(1);
  });
});

describe('an OP session', () => {
  const sessions = () => createOpSessions(db);

  const write = (uid: string, id: string, more: object = {}) => ({
    uid,
    id,
    oldId: undefined,
    signIn: undefined,
    accountId: '00000000-0000-4000-8000-000000000001',
    replaceAuthorizations: false,
    userAgent: '',
    ip: '127.0.0.1',
    expiresAt: new Date(Date.now() + 60_000),
    payload: { uid, acr: 'one' },
    ...more,
  });

  it('keeps the clients of two tabs that write at once, and lets a stale one change nothing else', async () => {
    await sessions().put(
      write('s1', 'a', { payload: { uid: 's1', acr: 'one', authorizations: { x: 1 } } }),
      new Date(),
    );
    await sessions().put(
      write('s1', 'b', { oldId: 'a', payload: { uid: 's1', acr: 'two', authorizations: { x: 1, y: 1 } } }),
      new Date(),
    );
    await sessions().put(
      write('s1', 'a', { payload: { uid: 's1', acr: 'one', authorizations: { z: 1 } } }),
      new Date(),
    );
    expect(await sessions().find('b', new Date())).toMatchObject({ acr: 'two', authorizations: { x: 1, y: 1, z: 1 } });
    expect(await sessions().find('a', new Date())).toBeUndefined();
  });
  it('takes what many tabs write at once', async () => {
    for (let attempt = 0; attempt < 400; attempt += 1) {
      // Another expiry each time: the row gets new entries in its indexes.
      const tabs = await together(10, (tab) =>
        sessions().put(
          write('tabs', 'in all', { expiresAt: new Date(Date.now() + 60_000 + attempt * 10 + tab) }),
          new Date(),
        ),
      );
      expect(tabs.filter(({ status }) => status === 'rejected')).toEqual([]);
    }
  });
  it('is never revived after a sign-out', async () => {
    await sessions().put(write('s2', 'c'), new Date());
    await sessions().revoke({ uid: 's2', id: 'c' }, new Date());
    await sessions().put(write('s2', 'c'), new Date());
    expect(await sessions().findByUid('s2', new Date())).toBeUndefined();
  });
  it('ends a day after it began, however busy', async () => {
    const began = new Date(Date.now() - 23.5 * 3600_000);
    await sessions().put(write('s3', 'd', { expiresAt: new Date() }), began);
    await sessions().put(write('s3', 'd', { expiresAt: new Date(Date.now() + 3600_000) }), new Date());
    const [row] = await db.sql<{ expiresAt: Date }>`SELECT expires_at FROM op_session WHERE uid = 's3'`;
    expect(row!.expiresAt.getTime()).toBe(began.getTime() + 24 * 3600_000);
  });
});

describe('signals', () => {
  it('arrive, also after the connection was cut', async () => {
    const signals = await openSignals(test.url, () => {});
    const heard = () => new Promise<void>((resolve) => signals.on('topic:1', resolve));
    const first = heard();
    await db.sql`SELECT pg_notify('dubbelslot', 'topic:1')`;
    await first;
    await db.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dubbelslot signals' AND datname = current_database()`;
    const caughtUp = heard();
    await caughtUp;
    const again = heard();
    await db.sql`SELECT pg_notify('dubbelslot', 'topic:1')`;
    await again;
    await signals.close();
  });
});

describe('the sweep', () => {
  it('removes what has expired, in batches, and nothing else', async () => {
    await db.sql`INSERT INTO oidc_payload (type, id_digest, payload, expires_at)
      SELECT 'AccessToken', sha256(n::text::bytea), '{}', now() - interval '1 hour' FROM generate_series(1, 500) n`;
    await db.sql`INSERT INTO oidc_payload (type, id_digest, payload, expires_at) VALUES ('AccessToken', 'alive', '{}', now() + interval '1 hour')`;
    // A server that stops leaves the rest for the next time.
    expect(await sweep(db, new Date(), { batch: 100, isStopping: () => true })).toBe(100);
    expect(await sweep(db, new Date(), { batch: 100 })).toBeGreaterThanOrEqual(400);
    const rows = await db.sql`SELECT 1 FROM oidc_payload WHERE type = 'AccessToken'`;
    expect(rows).toHaveLength(1);
  });
});

describe('the embedded PostgreSQL', () => {
  it('is shared by processes, survives a killed one, and is stopped by the last', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-embedded-'));
    const [first, second] = await Promise.all([openEmbeddedDatabase(dataDir), openEmbeddedDatabase(dataDir)]);
    expect(second.pid).toBe(first.pid);
    const isRunning = async () =>
      (await promisify(execFile)('ps', ['-p', String(first.pid)]).catch(() => undefined)) !== undefined;
    await first.close();
    expect(await isRunning()).toBe(true);
    // Killed as a computer that loses power: the next start recovers.
    process.kill(first.pid, 'SIGKILL');
    await second.close().catch(() => {});
    const third = await openEmbeddedDatabase(dataDir);
    expect(third.pid).not.toBe(first.pid);
    const again = openDatabase(third.url, 2);
    expect(await again.sql`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    await again.close();
    await third.close();
    expect(await isRunning()).toBe(false);
    removeDataDir(dataDir);
  });
});
