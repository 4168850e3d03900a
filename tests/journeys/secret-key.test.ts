import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer } from '../../src/crypto/seal.ts';
import { secretKey } from '../../src/crypto/secret-key.ts';
import { SEALED_COLUMNS } from '../../src/store/resealing.ts';
import { createKeptSettings } from '../../src/store/settings.ts';
import { OPERATOR } from '../support/administration.ts';
import { makeDatabase, type TestDatabase } from '../support/database.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { freePort } from '../support/ports.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolCodeApp, givePassword, goOn } from '../support/story.ts';
import { totpCode } from '../support/totp.ts';

const FIRST = randomBytes(32).toString('base64url');
const SECOND = randomBytes(32).toString('base64url');

let database: TestDatabase;
let port: number;
let rp: RelyingParty;
let person: { email: string; password: string };
let secret: string;
let redirectUri: string;
let clientSecret: string;

const start = (keys: string): Promise<TestInstallation> =>
  startInstallation({ PORT: String(port), SECRET_KEY: keys }, { databaseUrl: database.url });

/** Runs with these keys, and stops; the clock goes on where it was. */
let at = 0;
async function running<T>(keys: string, work: (installation: TestInstallation) => Promise<T>): Promise<T> {
  const installation = await start(keys);
  installation.clock.advance(at);
  try {
    rp = await RelyingParty.discover(installation.url, 'app', clientSecret, redirectUri);
    return await work(installation);
  } finally {
    at += 60;
    await installation.close();
  }
}

/** A whole sign-in, by what was sealed: the password's hash and the code app's secret. */
async function signsIn(installation: TestInstallation, laptop = new Laptop()): Promise<void> {
  // A code counts once.
  installation.clock.advance(60);
  at += 60;
  await givePassword(laptop, rp, person);
  await laptop.submit('/code', { code: totpCode(secret, installation.clock.now()) }, rp.redirectUri);
  expect(laptop.page.url).toContain('code=');
}

beforeAll(async () => {
  database = await makeDatabase();
  port = await freePort();
  redirectUri = await RelyingParty.redirectUri();
  const installation = await start(FIRST);
  clientSecret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', clientSecret, redirectUri);
  person = await installation.addPerson();
  const laptop = new Laptop();
  await givePassword(laptop, rp, person);
  secret = await enrolCodeApp(laptop, installation.url, installation.clock.now());
  await goOn(laptop, rp);
  await installation.close();
});
afterAll(() => database.drop());

describe('a secret key', () => {
  it('is replaced while the server runs: both keys open, all is sealed anew, and the former one opens nothing more', async () => {
    const laptop = new Laptop();
    await running(`${SECOND},${FIRST}`, async (installation) => {
      await signsIn(installation, laptop);
      const shares: number[] = [];
      let isOver = false;
      const sealing = installation.d
        .resealSecrets(OPERATOR, (share) => shares.push(share))
        .finally(() => {
          isOver = true;
        });
      await signsIn(installation);
      const outcome = await sealing;
      expect(isOver).toBe(true);
      expect(outcome).toMatchObject({ unopened: [], isComplete: true });
      expect(outcome.resealed).toBeGreaterThan(5);
      expect(Math.max(...shares)).toBe(1);
      await signsIn(installation);
      const [event] = await installation.d.auditStore.list({ action: 'secrets.resealed', limit: 1 });
      expect(event).toMatchObject({ result: 'success', detail: { unopened: 0 } });
    });
    await running(SECOND, async (installation) => {
      await signsIn(installation);
      // Where they signed in from before is known still: what digests are made with stays.
      const places = await installation.d.auditStore.list({ action: 'place.new', limit: 10 });
      expect(places).toEqual([]);
      expect(await installation.d.resealSecrets(OPERATOR, () => {})).toMatchObject({ resealed: 0, isComplete: true });
    });
    await expect(start(FIRST)).rejects.toThrow(/another SECRET_KEY/);
  });

  it('does not sign out a browser of before', async () => {
    const laptop = new Laptop();
    await running(SECOND, (installation) => signsIn(installation, laptop));
    await running(`${FIRST},${SECOND}`, async () => {
      await laptop.open((await rp.request()).url, {}, rp.redirectUri);
      expect(laptop.page.url).toContain('code=');
    });
  });

  it('that is missing is said, with what it is needed for', async () => {
    await running(`${FIRST},${SECOND}`, async (installation) => {
      const stranger = createSealer(secretKey(randomBytes(32).toString('base64url')));
      const { sql } = installation.d.database;
      await sql`INSERT INTO mail (id, sealed, next_at, created_at, expires_at)
        VALUES ('11111111-1111-4111-8111-111111111111', ${stranger.seal('x', 'y')}, 'infinity', now(), 'infinity')`;
      expect(await installation.d.resealSecrets(OPERATOR, () => {})).toMatchObject({
        unopened: ['mail:sealed:11111111-1111-4111-8111-111111111111'],
        isComplete: false,
      });
      await sql`DELETE FROM mail`;
    });
  });

  it('seals no column that would be left out', async () => {
    await running(FIRST, async ({ d }) => {
      const found = await d.database.sql<{ place: string }>`SELECT table_name || '.' || column_name AS place
        FROM information_schema.columns WHERE table_schema = 'public' AND column_name LIKE '%sealed'`;
      expect(found.map(({ place }) => place).sort()).toEqual(
        SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).sort(),
      );
    });
  });

  it('of an installation from before stays what passwords and digests are made with', async () => {
    const other = await makeDatabase();
    const installation = await startInstallation({ SECRET_KEY: FIRST }, { databaseUrl: other.url });
    const settings = createKeptSettings(installation.d.database, createSealer(secretKey(FIRST)));
    const root = await settings.rootKey('never', () => 'never');
    expect(root).not.toBe(FIRST);
    await installation.d.database.sql`DELETE FROM setting WHERE name = 'root key'`;
    expect(await settings.rootKey('the former', () => 'never')).toBe('the former');
    await installation.close();
    await other.drop();
  });
});
