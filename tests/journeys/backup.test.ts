import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockBackup, openBackup } from '../../src/crypto/backup-file.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { type DumpSummary, dump, LEFT_OUT } from '../../src/store/dump.ts';
import { readDump, restoreDump } from '../../src/store/dump-reading.ts';
import { migrate } from '../../src/store/migrate.ts';
import { makeEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolCodeApp, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { totpCode } from '../support/totp.ts';

const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname;
const SECRET_KEY = randomBytes(32).toString('base64url');
const key = secretKey(SECRET_KEY);
const ABOUT = { version: '0', createdAt: '2026-11-25T00:00:00.000Z' };

let installation: TestInstallation;
let rp: RelyingParty;
let redirectUri: string;
let clientSecret: string;
let person: { email: string; password: string };
let code: string;

beforeAll(async () => {
  installation = await startInstallation({ SECRET_KEY });
  redirectUri = await RelyingParty.redirectUri();
  clientSecret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', clientSecret, redirectUri);
  person = await installation.addPerson();
  const laptop = new Laptop();
  await givePassword(laptop, rp, person);
  code = await enrolCodeApp(laptop, installation.url, installation.clock.now());
  await goOn(laptop, rp);
  // What a text in a cell may look like.
  const { accounts, clock } = installation.d;
  const account = await accounts.byEmail(person.email);
  await accounts.change(
    account!.id,
    { displayName: 'Tab\tnieuw\nregel \\. "é" \u{1F4F1}', groups: ['a,b', '{c}'] },
    clock.now(),
  );
});
afterAll(() => installation.close());

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
async function* bytes(buffer: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let from = 0; from < buffer.length; from += size) yield buffer.subarray(from, from + size);
}
const made = async (): Promise<Buffer> => all(await lockBackup(dump(installation.ownerUrl, ABOUT), key));
const restored = (into: TestDatabase, file: Buffer, keys = [key]): Promise<DumpSummary> =>
  restoreDump(into.ownerUrl, openBackup(bytes(file), keys), async (migrations) => {
    await migrate(into.ownerUrl, MIGRATIONS, undefined, migrations);
  });

describe('a backup', () => {
  it('is as it was at one moment while people sign in and enrol, and is a whole installation elsewhere', async () => {
    const enrolled: string[] = [];
    let isOver = false;
    const busy = Promise.all(
      [1, 2].map(async () => {
        while (!isOver) {
          const { account, ...who } = await installation.addPerson();
          const laptop = new Laptop();
          await givePassword(laptop, rp, who);
          await enrolPhone(laptop, installation.url);
          enrolled.push(account.id);
        }
      }),
    );
    await expect.poll(() => enrolled.length).toBeGreaterThan(2);
    const before = [...enrolled];
    const file = await made();
    await expect.poll(() => enrolled.length).toBeGreaterThan(before.length);
    isOver = true;
    await busy;

    const elsewhere = await makeEmptyDatabase();
    const { rows } = await restored(elsewhere, file);
    const { username } = new URL(elsewhere.url);
    await migrate(elsewhere.ownerUrl, MIGRATIONS, username);
    const other = await startInstallation({ SECRET_KEY }, { databaseUrl: elsewhere.url });
    try {
      expect(await other.d.accounts.count({})).toBe(rows.account);
      const account = (await other.d.accounts.byEmail(person.email))!;
      expect(account.displayName).toBe('Tab\tnieuw\nregel \\. "é" \u{1F4F1}');
      expect(account.groups).toEqual(['a,b', '{c}']);
      for (const id of before)
        expect((await other.d.authenticators.ofAccount(id)).map(({ kind }) => kind)).toContain('push');
      // As of one moment: what an event says is there, and nothing points nowhere.
      const events = await other.d.auditStore.list({ action: 'authenticator.activated', limit: 1000 });
      for (const { accountId } of events)
        expect((await other.d.authenticators.ofAccount(accountId!)).length).toBeGreaterThan(1);
      expect((await other.d.auditIntegrity.verify()).isIntact).toBe(true);
      // Nobody is signed in, and everybody signs in as ever.
      expect(await other.d.database.sql`SELECT 1 FROM op_session`).toEqual([]);
      const app = await RelyingParty.discover(other.url, 'app', clientSecret, redirectUri);
      const laptop = new Laptop();
      other.clock.advance(120);
      await givePassword(laptop, app, person);
      await laptop.submit('/code', { code: totpCode(code, other.clock.now()) }, redirectUri);
      expect(laptop.page.url).toContain('code=');
      await other.d.audit({
        action: 'backup.restored',
        object: 'installation',
        result: 'success',
        actor: 'cli',
        origin: 'cli',
      });
    } finally {
      await other.close();
      await elsewhere.drop();
    }
  });

  it('opens with the key of its day alone, and neither cut off nor changed; nothing is left behind', async () => {
    const file = await made();
    const elsewhere = await makeEmptyDatabase();
    try {
      const stranger = secretKey(randomBytes(32).toString('base64url'));
      await expect(restored(elsewhere, file, [stranger])).rejects.toThrow('needs the secret key');
      const changed = Buffer.from(file);
      changed[changed.length - 100]! ^= 1;
      await expect(restored(elsewhere, changed)).rejects.toThrow('does not open');
      for (const length of [0, 50, 200, file.length - 1])
        await expect(restored(elsewhere, file.subarray(0, length)), String(length)).rejects.toThrow('does not open');
      expect(await readDump(openBackup(bytes(file), [stranger, key]))).toMatchObject(ABOUT);
      // All that failed left nothing: now it goes in.
      await restored(elsewhere, file);
      await expect(restored(elsewhere, file)).rejects.toThrow('in use already');
    } finally {
      await elsewhere.drop();
    }
  });

  it('runs no statement but our own, and says where a part lacks', async () => {
    const plain = await all(dump(installation.ownerUrl, ABOUT));
    const text = plain.toString();
    const elsewhere = await makeEmptyDatabase();
    const attempt = (changed: string) =>
      restoreDump(elsewhere.ownerUrl, bytes(Buffer.from(changed)), async (migrations) => {
        await migrate(elsewhere.ownerUrl, MIGRATIONS, undefined, migrations);
      });
    try {
      for (const changed of [
        text.replace('-- end ', 'DROP TABLE account;\n-- end '),
        text.replace('COPY account ', 'COPY (SELECT pg_sleep(9)) '),
        text.replace(/-- end .*/, ''),
        text.replace(/^COPY authenticator [\s\S]*?\n\\\.\n/m, ''),
        text.replace(/\n-- end /, '\n-- Dubbelslot backup {}\n-- end '),
        text.slice(0, text.indexOf('COPY audit_event') + 60),
        '',
      ])
        await expect(attempt(changed)).rejects.toThrow('not whole');
      await expect(attempt(text.replace('"20261122000000_first"', '"20991231000000_later"'))).rejects.toThrow(
        'newer version (20991231000000_later)',
      );
      expect((await attempt(text)).rows.account).toBeGreaterThan(0);
    } finally {
      await elsewhere.drop();
    }
  });

  it('leaves out what it says, and nothing else', async () => {
    const { rows } = await readDump(dump(installation.ownerUrl, ABOUT));
    const tables = await installation.d.database.sql<{ name: string }>`SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`;
    expect([...Object.keys(rows), ...LEFT_OUT].sort()).toEqual(tables.map(({ name }) => name).sort());
  });

  it('is a file of others’ formats: age around gzip', async () => {
    const plain = await all(openBackup(bytes(await made()), [key]));
    expect(plain.toString()).toMatch(/^-- Dubbelslot backup /);
    expect((await made()).subarray(0, 22).toString()).toBe('age-encryption.org/v1\n');
  });
});
