import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { prepareLayout } from '../../src/store/embedded-layout.ts';
import { freePort } from './ports.ts';

export const OWNER = 'dubbelslot';
export const SERVER = 'dubbelslot_server';
export const PASSWORD = 'for a test';

const layout = prepareLayout(mkdtempSync(join(tmpdir(), 'dubbelslot-layout-')));

/** A folder that the account may reach which PostgreSQL runs as. */
export const reachableFolder = (name: string): string => {
  const folder = mkdtempSync(join(layout.runner ? '/var/lib/dubbelslot' : tmpdir(), `${name}-`));
  give(folder);
  return folder;
};

export function give(path: string): void {
  if (layout.runner) execFileSync('chown', ['-R', `${layout.runner.uid}:${layout.runner.gid}`, path]);
}

/** A PostgreSQL server that a test may break, on a port of its own. */
export class OwnPostgres {
  readonly folder: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  /** A place for one below `home`; nothing is in it yet. */
  static async at(home: string, name: string): Promise<OwnPostgres> {
    const folder = join(home, name);
    mkdirSync(folder, { mode: 0o700 });
    give(folder);
    return new OwnPostgres(folder, await freePort());
  }

  /** An empty cluster. */
  initialise(): void {
    const passwordFile = `${this.folder}.password`;
    writeFileSync(passwordFile, PASSWORD);
    give(passwordFile);
    const args = ['-D', this.folder, '-U', OWNER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
    execFileSync(join(layout.native, 'bin/initdb'), [...args, '--encoding', 'UTF8', '--locale', 'C'], {
      ...layout.runner,
      cwd: this.folder,
      stdio: 'pipe',
    });
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async launch(more: readonly string[] = []): Promise<void> {
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100'];
    const args = ['-D', this.folder, '-p', String(this.port), ...settings.flatMap((each) => ['-c', each]), ...more];
    for (let attempt = 0; attempt < 400; attempt += 1) {
      // What was killed may have left its shared memory to children that are still going.
      if (!this.isRunning)
        this.#process = spawn(join(layout.native, 'bin/postgres'), args, {
          ...layout.runner,
          cwd: this.folder,
          stdio: 'ignore',
        });
      const isUp = await this.on((client) => client.query('SELECT 1')).then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('PostgreSQL does not start');
  }

  async stop(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    const process = this.#process;
    if (!process || !this.isRunning) return;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill(signal);
    await ended;
  }

  async on<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.port,
      user: OWNER,
      password: PASSWORD,
      database: 'postgres',
    });
    client.on('error', () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** The database and the role that Dubbelslot needs. */
  async prepare(): Promise<void> {
    await this.on(async (client) => {
      await client.query(`CREATE DATABASE ${OWNER}`);
      await client.query(`CREATE ROLE ${SERVER} LOGIN PASSWORD '${PASSWORD}'`);
    });
  }
}

export const urlAt = (port: number, role: string): string =>
  `postgres://${role}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${OWNER}`;
