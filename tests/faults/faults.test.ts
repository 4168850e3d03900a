import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createDependencies, type Dependencies } from '../../src/dependencies.ts';
import { createLog } from '../../src/log.ts';
import { OPERATOR } from '../support/administration.ts';
import { Dice } from '../support/hostile.ts';
import { Laptop } from '../support/laptop.ts';
import { MailServer } from '../support/mail-server.ts';
import { give, OWNER, OwnPostgres, reachableFolder, SERVER, urlAt } from '../support/own-postgres.ts';
import type { Phone } from '../support/phone.ts';
import { freePort } from '../support/ports.ts';
import { PushService } from '../support/push-service.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { approveAndGoOn, type Credentials, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { WireBetween } from '../support/wire-between.ts';

/** In each run of the tests; `FAULTS=200` before a release. */
const FAULTS = Number(process.env.FAULTS ?? 32);
const SEED = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const dice = new Dice(SEED);
const PEOPLE = 60 + FAULTS * 3;

let home: string;
let isMounted = false;
let postgres: OwnPostgres;
let wire: WireBetween;
let mail: MailServer;
let push: PushService;
let server: ChildProcess | undefined;
let environment: Record<string, string>;
let output = '';
let url: string;
let rp: RelyingParty;
/** Beside the wire: for what is arranged before, and looked at afterwards. */
let d: Dependencies;
const people: Credentials[] = [];

async function launchServer(): Promise<void> {
  server = fork(join(import.meta.dirname, '../support/server-process.ts'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (part: Buffer) => (output += part));
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const isReady = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    // It may have come up while the database was away: a supervisor starts it again.
    if (server.exitCode !== null) return launchServer();
    await wait(50);
  }
  throw new Error(`the server does not start: ${output.slice(-3000)}`);
}

async function killServer(): Promise<void> {
  const old = server!;
  const ended = new Promise((resolve) => old.once('exit', resolve));
  old.kill('SIGKILL');
  await ended;
  await launchServer();
}

beforeAll(async () => {
  home = reachableFolder('faults');
  const small = join(home, 'small');
  mkdirSync(small);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=220m', 'tmpfs', small], { stdio: 'pipe' });
    isMounted = true;
  } catch {
    // Without the right to mount there is no disk to fill; all else is tried.
  }
  give(small);
  postgres = await OwnPostgres.at(small, 'cluster');
  postgres.initialise();
  await postgres.launch(LIMITS);
  await postgres.prepare();
  wire = await WireBetween.to(() => postgres.port);
  mail = await MailServer.start();
  push = await PushService.start();
  const port = await freePort();
  url = `http://localhost:${port}`;
  environment = {
    PATH: process.env.PATH!,
    PORT: String(port),
    DATABASE_URL: urlAt(wire.port, SERVER),
    DATABASE_OWNER_URL: urlAt(wire.port, OWNER),
    DATA_DIR: mkdtempSync(join(tmpdir(), 'dubbelslot-faults-')),
    SECRET_KEY: systemRandom.bytes(32).toString('base64url'),
    SMTP_URL: mail.url,
    LOG_LEVEL: 'error',
    API_CALLS_PER_MINUTE: '1000000',
    TEST_PUSH_ORIGIN: push.origin,
  };
  await launchServer();
  d = await createDependencies({
    config: loadConfig(environment, systemRandom),
    databaseUrl: urlAt(postgres.port, SERVER),
    ownerUrl: urlAt(postgres.port, OWNER),
    log: createLog('silent'),
  });
  const redirectUri = await RelyingParty.redirectUri();
  const app = await d.clientRegistration.register({ id: 'app', name: 'App', redirectUris: [redirectUri] }, OPERATOR);
  if (!app.ok) throw new Error('no app');
  rp = await RelyingParty.discover(url, 'app', app.value ?? '', redirectUri);
  const password = d.administration.madeUpPassword();
  for (let from = 0; from < PEOPLE; from += 20)
    await Promise.all(
      Array.from({ length: Math.min(20, PEOPLE - from) }, async (_, index) => {
        const email = `mens${from + index}@example.org`;
        await d.administration.addAccount({ email, displayName: 'Mens', password }, OPERATOR);
        people.push({ email, password });
      }),
    );
}, 300_000);

afterAll(async () => {
  server?.kill('SIGKILL');
  await d?.close();
  await wire?.close();
  await postgres?.stop('SIGQUIT');
  await mail?.close();
  if (isMounted) execFileSync('umount', ['-l', join(home, 'small')]);
  rmSync(home, { recursive: true, force: true });
});

/** So that a full disk is really full: little room for the log of writes. */
const LIMITS = ['-c', 'max_wal_size=48MB', '-c', 'min_wal_size=32MB', '-c', 'wal_recycle=off'];

async function fillDisk(): Promise<void> {
  const file = join(home, 'small', 'ballast');
  const handle = openSync(file, 'w');
  try {
    for (;;) writeSync(handle, Buffer.alloc(1024 * 1024));
  } catch {
    // Full.
  }
  closeSync(handle);
  await wait(1500);
  rmSync(file);
  if (!postgres.isRunning) await postgres.launch(LIMITS);
}

async function frozen(what: { frozen: Promise<void> | undefined }): Promise<void> {
  what.frozen = wait(2000);
  await what.frozen;
  what.frozen = undefined;
}

const FAULT_KINDS: Readonly<Record<string, () => Promise<void>>> = {
  'the server is killed': killServer,
  'PostgreSQL is killed': async () => {
    await postgres.stop(dice.chance(0.5) ? 'SIGKILL' : 'SIGQUIT');
    wire.cut();
    await wait(300);
    await postgres.launch(LIMITS);
  },
  'connections to the database are cut': async () => wire.cut(),
  'the database says nothing for a while': () => wire.hold(1200),
  'the push service freezes': () => frozen(push),
  'the mail server freezes': () => frozen(mail),
  'the clock moves': async () => {
    server!.send(dice.one([90, -90, 3600, -3600]));
    await wait(700);
    server!.send(0);
  },
  'the disk is full': fillDisk,
  'the server and PostgreSQL are killed at once': async () => {
    const back = killServer();
    await postgres.stop('SIGKILL');
    wire.cut();
    await postgres.launch(LIMITS);
    await back;
  },
};

interface Acknowledged {
  readonly enrolled: { email: string; thumbprint: string }[];
  readonly approved: string[];
  readonly revoked: string[];
  readonly added: { email: string; id: string }[];
  /** Codes that gave tokens twice, and other things that must be once. */
  readonly twice: string[];
}

const done: Acknowledged = { enrolled: [], approved: [], revoked: [], added: [], twice: [] };
let isOver = false;
let failures = 0;

/** Again and again until it is over; what a fault spoils is no acknowledgement. */
async function again(work: () => Promise<void>): Promise<void> {
  while (!isOver)
    await work().catch(async () => {
      failures += 1;
      await wait(100 + Math.random() * 200);
    });
}

async function enrolAndSignIn(): Promise<void> {
  const who = people.pop();
  if (!who) return void (await wait(200));
  const laptop = new Laptop();
  const asked = await givePassword(laptop, rp, who);
  const phone: Phone = await enrolPhone(laptop, url);
  if (!laptop.page.url.endsWith('/mfa/setup/done')) throw new Error('not told');
  done.enrolled.push({ email: who.email, thumbprint: phone.thumbprint });
  const landed = await goOn(laptop, rp);
  await redeemed(asked, landed.url);
  const subscribed = await phone.call('PUT', '/app/api/subscription', push.subscribe(d.vapid.publicKey));
  if (subscribed.status !== 204) throw new Error('not subscribed');
  for (let round = 0; round < 3 && !isOver; round += 1) {
    const next = new Laptop();
    const request = await givePassword(next, rp, who);
    const callback = await approveAndGoOn(next, phone, rp);
    await redeemed(request, callback.url, who.email);
  }
}

/** The tokens, and then once more: a code counts once. */
async function redeemed(
  asked: Awaited<ReturnType<typeof givePassword>>,
  callback: string,
  email?: string,
): Promise<void> {
  const all = await Promise.allSettled([rp.redeem(asked, callback), rp.redeem(asked, callback)]);
  const given = all.filter(({ status }) => status === 'fulfilled').length;
  if (given > 1) done.twice.push(callback);
  if (given === 0) throw new Error('no tokens');
  if (email) done.approved.push(email);
}

async function administer(token: () => Promise<string>): Promise<void> {
  const call = async (method: string, path: string, body?: object, more: Record<string, string> = {}) =>
    fetch(`${url}/api/v1${path}`, {
      method,
      signal: AbortSignal.timeout(15_000),
      headers: {
        authorization: `Bearer ${await token()}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...more,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const email = `nieuw-${randomUUID()}@example.org`;
  const key = randomUUID();
  for (let attempt = 0; attempt < 20 && !isOver; attempt += 1) {
    const made = await call(
      'POST',
      '/accounts',
      { email, displayName: 'Nieuw', invite: true },
      { 'idempotency-key': key },
    ).catch(() => undefined);
    if (made?.status === 201) {
      done.added.push({ email, id: ((await made.json()) as { id: string }).id });
      break;
    }
    await made?.body?.cancel();
    await wait(100);
  }
  const one = done.enrolled[Math.floor(Math.random() * done.enrolled.length)];
  if (!one || dice.chance(0.6)) return;
  const account = (await (await call('GET', `/accounts?q=${encodeURIComponent(one.email)}`)).json()) as {
    items: { id: string }[];
  };
  const id = account.items[0]!.id;
  const { items } = (await (await call('GET', `/accounts/${id}/authenticators`)).json()) as {
    items: { id: string; kind: string }[];
  };
  const phone = items.find(({ kind }) => kind === 'push');
  if (!phone) return;
  const gone = await call(
    'DELETE',
    `/accounts/${id}/authenticators/${phone.id}?reason=${encodeURIComponent('een test')}`,
  );
  if (gone.status === 204) done.revoked.push(phone.id);
}

describe(`faults (FAULTS=${FAULTS} FAULTS_SEED=${SEED}${process.getuid?.() === 0 ? '' : ', no disk to fill without root'})`, () => {
  it('lose nothing that was acknowledged, and do nothing twice', async () => {
    const resource = `${url}/api/v1`;
    const scopes = ['accounts:read', 'accounts:write', 'authenticators:read', 'authenticators:reset'];
    const program = await d.clientRegistration.register(
      { id: 'robot', name: 'Robot', profile: 'machine', resources: [{ uri: resource, scopes, format: 'opaque' }] },
      OPERATOR,
    );
    if (!program.ok) throw new Error('no program');
    let kept: { token: string; until: number } | undefined;
    const token = async (): Promise<string> => {
      if (kept && kept.until > Date.now()) return kept.token;
      const answer = await fetch(`${url}/oidc/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`robot:${program.value}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: scopes.join(' '), resource }),
      });
      const { access_token } = (await answer.json()) as { access_token: string };
      kept = { token: access_token, until: Date.now() + 60_000 };
      return access_token;
    };
    const work = [again(enrolAndSignIn), again(enrolAndSignIn), again(() => administer(token))];
    const kinds = Object.entries(FAULT_KINDS).filter(([kind]) => isMounted || kind !== 'the disk is full');
    const counts: Record<string, number> = {};
    await wait(3000);
    for (let count = 0; count < FAULTS; count += 1) {
      // Each kind in turn, at a moment of its own.
      const [kind, fault] = kinds[count % kinds.length]!;
      await wait(200 + dice.roll() * 900);
      await fault();
      counts[kind] = (counts[kind] ?? 0) + 1;
      await expect
        .poll(
          () =>
            fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(3000) }).then(
              ({ ok }) => ok,
              () => false,
            ),
          {
            timeout: 60_000,
            message: `after ${kind}: ${output.slice(-2000)}`,
          },
        )
        .toBe(true);
    }
    await wait(3000);
    isOver = true;
    await Promise.all(work);
    process.stdout.write(
      `${JSON.stringify({ ...counts, failures, enrolled: done.enrolled.length, approved: done.approved.length, revoked: done.revoked.length, added: done.added.length })}\n`,
    );
    // There was work that could have been lost; a busy machine does less of it.
    expect(push.delivered.length).toBeGreaterThan(0);
    expect(mail.mails.length).toBeGreaterThan(0);
    expect(done.enrolled.length).toBeGreaterThan(FAULTS / 8);
    expect(done.approved.length).toBeGreaterThan(FAULTS / 8);
    expect(done.added.length).toBeGreaterThan(FAULTS / 8);

    const { sql } = d.database;
    expect(done.twice).toEqual([]);
    // Every enrolment that somebody read "done" of: the phone is there, active or revoked since, with one event.
    const phones = await sql<{
      id: string;
      thumbprint: string;
      state: string;
    }>`SELECT id, thumbprint, state FROM authenticator
      WHERE kind = 'push' AND thumbprint = ANY(${done.enrolled.map(({ thumbprint }) => thumbprint)})`;
    expect(phones).toHaveLength(done.enrolled.length);
    for (const { id, state } of phones)
      expect(state).toBe(done.revoked.includes(id) ? 'revoked' : state === 'revoked' ? 'revoked' : 'active');
    const events = async (action: string) =>
      sql<{ object: string; accountId: string; count: number }>`SELECT object, account_id, count(*)::int AS count
        FROM audit_event WHERE action = ${action} AND result = 'success' GROUP BY 1, 2`;
    const activated = new Set((await events('authenticator.activated')).map(({ object }) => object));
    for (const { id } of phones) expect(activated).toContain(`authenticator:${id}`);
    // Every revocation: revoked, and told.
    const revoked = await sql<{
      id: string;
    }>`SELECT id FROM authenticator WHERE state = 'revoked' AND id = ANY(${done.revoked}::uuid[])`;
    expect(revoked).toHaveLength(new Set(done.revoked).size);
    const told = new Set((await events('authenticator.revoked')).map(({ object }) => object));
    for (const id of done.revoked) expect(told).toContain(`authenticator:${id}`);
    // Every approval that led to tokens.
    const approvals = await sql<{ email: string; count: number }>`SELECT a.email, count(DISTINCT e.object)::int AS count
      FROM audit_event e JOIN account a ON a.id = e.account_id WHERE e.action = 'challenge.approved' GROUP BY 1`;
    const byEmail = new Map(approvals.map(({ email, count }) => [email, count]));
    for (const email of new Set(done.approved))
      expect(byEmail.get(email), email).toBeGreaterThanOrEqual(done.approved.filter((each) => each === email).length);
    // Every person who was added, once.
    for (const { email, id } of done.added) expect((await d.accounts.byEmail(email))?.id).toBe(id);
    // Nothing twice: what counts once has one event.
    for (const action of [
      'authenticator.activated',
      'authenticator.revoked',
      'account.added',
      'challenge.approved',
      'challenge.used',
    ]) {
      const repeated = (await events(action)).filter(({ count }) => count > 1);
      expect(repeated, action).toEqual([]);
    }
    await d.linkAudit();
    expect(await d.auditIntegrity.verify()).toMatchObject({ isIntact: true, problemCount: 0 });
    // What failed was told as what it is, with no stack to whoever asked.
    expect(output).not.toContain('unhandledRejection');
  }, 3_600_000);
});
