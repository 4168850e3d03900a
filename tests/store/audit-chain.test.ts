import { createSecretKey } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { compactVerify, importJWK } from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuditing } from '../../src/auditing.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { AuditEvent } from '../../src/core/audit.ts';
import { systemRandom } from '../../src/core/random.ts';
import { linkHash } from '../../src/crypto/audit-chain.ts';
import { createSealer } from '../../src/crypto/seal.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { createLog } from '../../src/log.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createKeptSettings } from '../../src/store/settings.ts';
import { openStores } from '../../src/stores.ts';
import { makeDatabase, type TestDatabase } from '../support/database.ts';
import { MovableClock } from '../support/installation.ts';

/** One audit log on a database of its own, and whoever has stolen the database: a superuser past every trigger. */
async function openLog(environment: Record<string, string> = {}) {
  const test = await makeDatabase();
  const db = openDatabase(test.url, 4);
  const attacker = new pg.Client({ connectionString: test.ownerUrl });
  await attacker.connect();
  await attacker.query('SET session_replication_role = replica');
  const secret = secretKey(systemRandom.bytes(32).toString('base64url'));
  const sealer = createSealer(secret);
  const stores = {
    settings: createKeptSettings(db, sealer),
    ...openStores(db, sealer, secret, createSecretKey(systemRandom.bytes(32)), systemRandom),
  };
  const config = loadConfig({ DATA_DIR: mkdtempSync(join(tmpdir(), 'audit-')), ...environment }, systemRandom);
  const clock = new MovableClock();
  const auditing = await openAuditing({
    config,
    stores,
    ownerUrl: test.ownerUrl,
    clock,
    log: createLog('silent'),
    metrics: undefined,
  });
  return { ...auditing, ...stores, db, test, attacker, clock, config, close: () => closeLog(db, attacker, test) };
}
type Log = Awaited<ReturnType<typeof openLog>>;

async function closeLog(db: Database, attacker: pg.Client, test: TestDatabase): Promise<void> {
  await attacker.end();
  await db.close();
  await test.drop();
}

const event = (n: number): AuditEvent => ({
  action: `test.event_${n}` as never,
  object: `test:${n}`,
  result: 'success',
  origin: '127.0.0.1',
  actor: 'test',
  detail: { n, nested: { b: [1.5, 'é', null], a: `text ${n}` } },
});

async function write(log: Log, count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await log.audit(event(n));
  await log.linkAudit();
}

/** What the verification finds, by kind, place and event. */
const findings = async (log: Log, anchors: string[] = []) =>
  (await log.auditIntegrity.verify(anchors)).problems.map(({ kind, position, eventId }) => ({
    kind,
    position,
    eventId,
  }));

let log: Log;
const COUNT = 12;

describe('an audit log that nobody touched', () => {
  beforeAll(async () => {
    log = await openLog();
  });
  afterAll(() => log.close());

  it('is intact, whatever was written and in whichever order it was committed', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const events = fc.array(
      fc.record({
        action: text,
        object: text,
        result: fc.constantFrom('success' as const, 'refused' as const, 'failure' as const),
        origin: text,
        actor: text,
        requestId: fc.option(text, { nil: undefined }),
        accountId: fc.option(fc.uuid(), { nil: undefined }),
        detail: fc.dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 }),
      }),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(events, async (batch) => {
        await Promise.all(batch.map((each) => log.audit(each as AuditEvent)));
        await Promise.all([log.linkAudit(), log.linkAudit(), log.linkAudit()]);
        const found = await log.auditIntegrity.verify();
        expect(found.problems).toEqual([]);
        expect(found.waiting).toBe(0);
      }),
      { numRuns: 60 },
    );
    const [row] = await log.db.sql<{ events: number; links: number }>`SELECT
      (SELECT count(*)::int FROM audit_event) AS events, (SELECT count(*)::int FROM audit_chain) AS links`;
    expect(row!.links).toBe(row!.events);
  });

  it('is signed once an hour, in the database, the log file and for everybody who has the key', async () => {
    expect(await log.auditIntegrity.checkpointIfDue()).toBeDefined();
    await write(log, 1);
    expect(await log.auditIntegrity.checkpointIfDue()).toBeUndefined();
    log.clock.advance(3601);
    const signed = await log.auditIntegrity.checkpointIfDue();
    const kept = readFileSync(join(log.config.dataDir, 'audit-checkpoints.jsonl'), 'utf8').trim().split('\n');
    expect(JSON.parse(kept.at(-1)!)).toMatchObject(signed!);
    expect(await findings(log, [JSON.parse(kept[0]!).jws])).toEqual([]);
    log.clock.reset();
  });

  it('can be verified from its export alone, by somebody else', async () => {
    const lines: Record<string, never>[] = [];
    for await (const line of log.auditExport.lines('jsonl', {}, { actor: 'cli', origin: 'cli' }))
      lines.push(JSON.parse(line));
    const { checkpoint, key } = lines.pop() as unknown as { checkpoint: string; key: object };
    const { payload } = await compactVerify(checkpoint, await importJWK(key, 'ES256'));
    const signed = JSON.parse(Buffer.from(payload).toString()) as { position: string; hash: string };
    const last = lines.find((line) => line.position === signed.position)!;
    expect(last.hash).toBe(signed.hash);
    expect(last.action).toBe('audit.exported');
  });
});

/** One way to tamper, the finding that it must lead to. */
interface Attack {
  readonly does: string;
  readonly sql: (id: number, position: number) => string;
  readonly finds: (id: number, position: number) => { kind: string; position: string | null; eventId: string | null };
}

const ATTACKS: readonly Attack[] = [
  ...['action', 'object', 'origin', 'actor', 'request_id'].map((column) => ({
    does: `changes ${column}`,
    sql: (id: number) => `UPDATE audit_event SET ${column} = 'x' WHERE id = ${id}`,
    finds: (id: number, position: number) => ({ kind: 'changed', position: String(position), eventId: String(id) }),
  })),
  {
    does: 'changes the time by a millisecond',
    sql: (id) => `UPDATE audit_event SET at = at + interval '1 ms' WHERE id = ${id}`,
    finds: (id, position) => ({ kind: 'changed', position: String(position), eventId: String(id) }),
  },
  {
    does: 'changes something deep in the detail',
    sql: (id) => `UPDATE audit_event SET detail = jsonb_set(detail, '{nested,b,0}', '1.25') WHERE id = ${id}`,
    finds: (id, position) => ({ kind: 'changed', position: String(position), eventId: String(id) }),
  },
  {
    does: 'turns a refusal into a success',
    sql: (id) => `UPDATE audit_event SET result = 'refused' WHERE id = ${id}`,
    finds: (id, position) => ({ kind: 'changed', position: String(position), eventId: String(id) }),
  },
  {
    does: 'deletes an event',
    sql: (id) => `DELETE FROM audit_event WHERE id = ${id}`,
    finds: (id, position) => ({ kind: 'deleted', position: String(position), eventId: String(id) }),
  },
  {
    does: 'deletes an event with its place',
    sql: (id) => `DELETE FROM audit_event WHERE id = ${id}; DELETE FROM audit_chain WHERE event_id = ${id}`,
    finds: (_id, position) => ({ kind: 'chain', position: String(position), eventId: null }),
  },
  {
    does: 'takes the place of an event away',
    sql: (id) => `DELETE FROM audit_chain WHERE event_id = ${id}`,
    finds: (id) => ({ kind: 'inserted', position: null, eventId: String(id) }),
  },
  {
    does: 'writes over the hash',
    sql: (_id, position) => `UPDATE audit_chain SET hash = sha256('x') WHERE position = ${position}`,
    finds: (id, position) => ({ kind: 'chain', position: String(position), eventId: String(id) }),
  },
];

describe('whoever has the database', () => {
  beforeAll(async () => {
    log = await openLog();
    await write(log, COUNT);
  });
  afterAll(() => log.close());

  /** Plays an attack, verifies, and puts everything back. */
  const play = async (sql: string): Promise<{ kind: string; position: string | null; eventId: string | null }[]> => {
    await log.attacker.query(`CREATE TABLE IF NOT EXISTS undo_event AS TABLE audit_event;
      CREATE TABLE IF NOT EXISTS undo_chain AS TABLE audit_chain`);
    await log.attacker.query(sql);
    try {
      return await findings(log);
    } finally {
      await log.attacker.query(`DELETE FROM audit_chain; DELETE FROM audit_event; DELETE FROM audit_pending;
        INSERT INTO audit_event OVERRIDING SYSTEM VALUE SELECT * FROM undo_event; INSERT INTO audit_chain SELECT * FROM undo_chain`);
    }
  };

  it.each(ATTACKS)('who $does is found out, wherever in the log', async ({ sql, finds }) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: COUNT - 1 }), async (position) => {
        const { rows } = await log.attacker.query<{ event_id: string }>(
          'SELECT event_id FROM audit_chain WHERE position = $1',
          [position],
        );
        const id = Number(rows[0]!.event_id);
        expect(await play(sql(id, position))).toContainEqual(finds(id, position));
      }),
      { numRuns: 5 },
    );
    expect(await findings(log)).toEqual([]);
  });

  it('who changes the order is found out, and both that changed places are named', async () => {
    const swap = `UPDATE audit_chain SET event_id = -event_id WHERE position IN (3, 7);
      UPDATE audit_chain c SET event_id = -o.event_id FROM audit_chain o WHERE c.position IN (3, 7) AND o.position = 10 - c.position;`;
    const found = await play(swap);
    expect(found.filter(({ kind }) => kind === 'reordered').map(({ position }) => position)).toEqual(['3', '7']);
  });

  it('who inserts an event is found out: past the server, as one that waits, and as a copy', async () => {
    const columns = 'at, action, object, result, origin, actor, detail';
    const row = `now(), 'account.reset', 'account:x', 'success', 'cli', 'cli', '{}'`;
    const past = await play(`INSERT INTO audit_event (${columns}) VALUES (${row})`);
    expect(past).toHaveLength(1);
    expect(past[0]!.kind).toBe('inserted');

    await log.attacker.query(`WITH e AS (INSERT INTO audit_event (${columns}) VALUES (${row}) RETURNING id)
      INSERT INTO audit_pending SELECT id FROM e`);
    await log.linkAudit();
    expect((await findings(log)).map(({ kind }) => kind)).toEqual(['inserted']);
    await expect(
      log.attacker.query(
        `INSERT INTO audit_event (${columns}, key, mac) SELECT ${columns}, key, mac FROM audit_event LIMIT 1`,
      ),
    ).rejects.toThrow(/audit_event_key_key/);
  });
});

describe('whoever has the database, and knows how the chain is made', () => {
  it('cannot write it anew after taking something out', async () => {
    log = await openLog();
    await write(log, COUNT);
    await log.attacker.query(
      `DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_chain WHERE position = 5)`,
    );
    const { rows } = await log.attacker.query('SELECT * FROM audit_event ORDER BY id');
    await log.attacker.query('DELETE FROM audit_chain');
    let hash: Buffer = Buffer.alloc(32);
    for (const [index, row] of rows.entries()) {
      const shaped = { ...row, accountId: row.account_id, requestId: row.request_id };
      hash = linkHash(BigInt(index + 1), hash, row.id, shaped);
      await log.attacker.query('INSERT INTO audit_chain VALUES ($1, $2, $3, $4, now())', [
        index + 1,
        row.id,
        hash,
        Buffer.alloc(32),
      ]);
    }
    const found = await findings(log);
    expect(found.filter(({ kind }) => kind === 'chain')).toHaveLength(COUNT - 1);
    await log.close();
  });

  it('cannot cut off its end below a checkpoint, and with one that is kept elsewhere not even the checkpoint', async () => {
    log = await openLog();
    await write(log, COUNT);
    await log.auditIntegrity.checkpoint();
    const { jws } = (await log.auditChain.lastCheckpoint())!;
    await log.attacker.query(`DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_chain WHERE position > 8);
      DELETE FROM audit_chain WHERE position > 8`);
    expect(await findings(log)).toEqual([{ kind: 'checkpoint', position: String(COUNT), eventId: null }]);
    await log.attacker.query('DELETE FROM audit_checkpoint');
    expect(await findings(log)).toEqual([]);
    expect(await findings(log, [jws])).toEqual([{ kind: 'checkpoint', position: String(COUNT), eventId: null }]);
    await log.attacker.query(`INSERT INTO audit_checkpoint VALUES (8, $1, now())`, [`${jws.slice(0, -4)}AAAA`]);
    expect((await findings(log)).map(({ kind }) => kind)).toEqual(['checkpoint']);
    await log.close();
  });

  it('is noticed when an event goes before it has a place', async () => {
    log = await openLog();
    await log.audit(event(1));
    await log.attacker.query('DELETE FROM audit_event');
    await log.linkAudit();
    expect((await findings(log)).map(({ kind }) => kind)).toEqual(['deleted']);
    await log.close();
  });
});

describe('events at the end of their retention', () => {
  const by = { actor: 'cli', origin: 'cli' };

  it('are removed, which is itself an event, and what is left can be verified', async () => {
    log = await openLog({ AUDIT_RETENTION_DAYS: '30' });
    await write(log, COUNT);
    await log.auditIntegrity.checkpoint();
    log.clock.advance(40 * 86_400);
    await write(log, 3);
    const before = new Date(log.clock.now().getTime() - 35 * 86_400_000);
    const done = await log.auditRetention.truncate(before, by);
    expect(done).toEqual({ ok: true, value: { removed: COUNT } });
    await log.linkAudit();
    const found = await log.auditIntegrity.verify();
    expect(found).toMatchObject({ isIntact: true, from: String(COUNT + 1), checked: 4 });
    const [event] = await log.auditStore.list({ action: 'audit.truncated', limit: 1 });
    expect(event!.detail).toMatchObject({ removed: COUNT, position: String(COUNT) });
    await log.attacker.query(
      `DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_chain WHERE position = ${COUNT + 2})`,
    );
    expect((await findings(log))[0]).toMatchObject({ kind: 'deleted', position: String(COUNT + 2) });
    await log.close();
  });

  it('are not removed too early, twice, or where somebody tampered with the log', async () => {
    log = await openLog({ AUDIT_RETENTION_DAYS: '30' });
    await write(log, 3);
    const code = async (days: number) => {
      const before = new Date(log.clock.now().getTime() - days * 86_400_000);
      const done = await log.auditRetention.truncate(before, by);
      return done.ok ? 'removed' : done.refusal.code;
    };
    expect(await code(29)).toBe('retention_too_short');
    expect(await code(31)).toBe('nothing_to_remove');
    log.clock.advance(40 * 86_400);
    await log.attacker.query(`UPDATE audit_event SET actor = 'x' WHERE action = 'test.event_2'`);
    expect(await code(31)).toBe('log_not_intact');
    await log.close();
  });

  it('that somebody says were removed, were not, unless this server signed that', async () => {
    log = await openLog();
    await write(log, COUNT);
    await log.attacker.query(`DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_chain WHERE position <= 5);
      DELETE FROM audit_chain WHERE position <= 5; INSERT INTO audit_truncation VALUES (5, 'e30.e30.x', now())`);
    expect((await findings(log)).map(({ kind }) => kind)).toEqual(['chain', 'chain']);
    await log.close();
  });
});
