import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { prepareLayout } from '../../src/store/embedded-layout.ts';
import { freePort } from './ports.ts';

const OWNER = 'dubbelslot';
const SERVER = 'dubbelslot_server';
const PASSWORD = 'for a test';

interface Node {
  readonly folder: string;
  readonly port: number;
  process: ChildProcess | undefined;
}

/**
 * Two real PostgreSQL servers, the second a streaming standby that the first waits for at each commit, and an address
 * that leads to whichever is the primary, as a proxy or a virtual address does in an organisation.
 */
export class ReplicatedPostgres {
  readonly #home: string;
  readonly #layout = prepareLayout(mkdtempSync(join(tmpdir(), 'dubbelslot-replicated-')));
  readonly #nodes: Node[] = [];
  readonly #port: number;
  readonly #proxy: Server;
  readonly #sockets = new Set<Socket>();
  #primary = 0;

  private constructor(home: string, port: number) {
    this.#home = home;
    this.#port = port;
    this.#proxy = createServer((socket) => {
      const onward = connect(this.#nodes[this.#primary]!.port, '127.0.0.1');
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async start(): Promise<ReplicatedPostgres> {
    // Below where the account that PostgreSQL runs as may come.
    const home = mkdtempSync(join(process.getuid?.() === 0 ? '/var/lib/dubbelslot' : tmpdir(), 'replicated-'));
    const both = new ReplicatedPostgres(home, await freePort());
    both.#give(home);
    const [first, second] = [await both.#node('first'), await both.#node('second')];
    both.#nodes.push(first, second);
    const passwordFile = join(home, 'password');
    writeFileSync(passwordFile, PASSWORD);
    both.#give(passwordFile);
    both.#run('initdb', [
      '-D',
      first.folder,
      '-U',
      OWNER,
      '--pwfile',
      passwordFile,
      '--auth',
      'scram-sha-256',
      '--encoding',
      'UTF8',
      '--locale',
      'C',
    ]);
    appendFileSync(join(first.folder, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 scram-sha-256\n');
    await both.#launch(first);
    await both.#on(first, async (client) => {
      await client.query(`CREATE DATABASE ${OWNER}`);
      await client.query(`CREATE ROLE ${SERVER} LOGIN PASSWORD '${PASSWORD}'`);
      await client.query("SELECT pg_create_physical_replication_slot('second')");
    });
    await both.#stop(first, 'SIGINT');
    cpSync(first.folder, second.folder, { recursive: true });
    both.#give(second.folder);
    writeFileSync(join(second.folder, 'standby.signal'), '');
    both.#give(join(second.folder, 'standby.signal'));
    await both.#launch(first, ['-c', 'synchronous_standby_names=*']);
    const info = `host=127.0.0.1 port=${first.port} user=${OWNER} password='${PASSWORD}' application_name=second`;
    await both.#launch(second, ['-c', `primary_conninfo=${info}`, '-c', 'primary_slot_name=second']);
    await new Promise<void>((resolve) => both.#proxy.listen(both.#port, '127.0.0.1', resolve));
    return both;
  }

  get url(): string {
    return `postgres://${SERVER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.#port}/${OWNER}`;
  }
  get ownerUrl(): string {
    return `postgres://${OWNER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.#port}/${OWNER}`;
  }

  /** The primary is gone without a word; the standby takes its place. */
  async failOver(): Promise<void> {
    await this.#stop(this.#nodes[0]!, 'SIGQUIT');
    for (const socket of this.#sockets) socket.destroy();
    await this.#on(this.#nodes[1]!, (client) => client.query('SELECT pg_promote()'));
    this.#primary = 1;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#proxy.close(() => resolve()));
    for (const node of this.#nodes) await this.#stop(node, 'SIGQUIT');
    rmSync(this.#home, { recursive: true, force: true });
  }

  #give(path: string): void {
    const { runner } = this.#layout;
    if (!runner) return;
    chownSync(path, runner.uid, runner.gid);
    execFileSync('chown', ['-R', `${runner.uid}:${runner.gid}`, path]);
  }

  async #node(name: string): Promise<Node> {
    const folder = join(this.#home, name);
    mkdirSync(folder, { mode: 0o700 });
    this.#give(folder);
    return { folder, port: await freePort(), process: undefined };
  }

  #run(program: string, args: string[]): void {
    execFileSync(join(this.#layout.native, 'bin', program), args, {
      ...this.#layout.runner,
      cwd: this.#home,
      stdio: 'pipe',
    });
  }

  async #launch(node: Node, more: string[] = []): Promise<void> {
    const args = [
      '-D',
      node.folder,
      '-p',
      String(node.port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=100',
      ...more,
    ];
    node.process = spawn(join(this.#layout.native, 'bin', 'postgres'), args, {
      ...this.#layout.runner,
      cwd: this.#home,
      stdio: 'ignore',
    });
    for (let attempt = 0; attempt < 400; attempt += 1) {
      const isUp = await this.#on(node, (client) => client.query('SELECT 1')).then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('PostgreSQL does not start');
  }

  async #stop(node: Node, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const { process } = node;
    if (!process || process.exitCode !== null) return;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill(signal);
    await ended;
  }

  async #on<T>(node: Node, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: node.port,
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
}
