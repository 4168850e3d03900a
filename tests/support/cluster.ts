import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createDependencies, type Dependencies } from '../../src/dependencies.ts';
import type { ClientToAdd } from '../../src/flow/clients.ts';
import { createLog } from '../../src/log.ts';
import { OPERATOR } from './administration.ts';
import { makeEmptyDatabase, type TestDatabase } from './database.ts';
import { freePort } from './ports.ts';
import { RelyingParty } from './relying-party.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Instance {
  readonly port: number;
  child: ChildProcess;
  /** Requests that it answered. */
  answered: number;
  output: string;
}

/**
 * Server processes on one database, behind a proxy that gives each request to the next one, as a load balancer without
 * memory does. One that refuses the connection is passed by, and one that resets it before it has answered a GET: it stopped
 * listening before it had taken it in. Nothing else is tried twice, as with nginx's `proxy_next_upstream error`.
 */
export class Cluster {
  readonly url: string;
  readonly instances: Instance[] = [];
  readonly #environment: Record<string, string>;
  readonly #dataDir: string;
  readonly database: TestDatabase;
  readonly #proxy: Server;
  /** The same installation, for what a test arranges beside it. */
  d!: Dependencies;
  #next = 0;

  private constructor(url: string, database: TestDatabase, dataDir: string, environment: Record<string, string>) {
    this.url = url;
    this.database = database;
    this.#dataDir = dataDir;
    this.#environment = environment;
    this.#proxy = createServer((request, response) => this.#forward(request, response));
  }

  /** As many at the same moment, on a database without a table. */
  static async start(count: number, more: Record<string, string> = {}, given?: TestDatabase): Promise<Cluster> {
    const database = given ?? (await makeEmptyDatabase());
    const dataDir = mkdtempSync(join(tmpdir(), 'dubbelslot-cluster-'));
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const environment = {
      PATH: process.env.PATH!,
      PUBLIC_URL: url,
      DATABASE_URL: database.url,
      DATABASE_OWNER_URL: database.ownerUrl,
      DATABASE_POOL: '5',
      DATA_DIR: dataDir,
      SECRET_KEY: systemRandom.bytes(32).toString('base64url'),
      TRUST_PROXY: '127.0.0.1,::1',
      ORGANISATION: 'Voorbeeldorganisatie',
      ...more,
    };
    const cluster = new Cluster(url, database, dataDir, environment);
    for (let index = 0; index < count; index += 1) cluster.instances.push(await cluster.#launch());
    await Promise.all(cluster.instances.map((each) => cluster.ready(each)));
    await new Promise<void>((resolve) => cluster.#proxy.listen(port, 'localhost', resolve));
    cluster.d = await createDependencies({
      config: loadConfig(environment, systemRandom),
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      log: createLog('silent'),
    });
    return cluster;
  }

  async #launch(port?: number): Promise<Instance> {
    const own = port ?? (await freePort());
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts'], {
      cwd: ROOT,
      env: { LOG_LEVEL: 'warn', ...this.#environment, PORT: String(own) },
    });
    const instance: Instance = { port: own, child, answered: 0, output: '' };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (instance.output += part));
    return instance;
  }

  async ready({ port, child, ...instance }: Instance): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      const isReady = await fetch(`http://localhost:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      if (child.exitCode !== null) throw new Error(`an instance ended: ${instance.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`an instance does not start: ${instance.output}`);
  }

  /** A web app that is registered here. */
  async addApp(more: Partial<ClientToAdd> = {}): Promise<RelyingParty> {
    const redirectUri = await RelyingParty.redirectUri();
    const app = { id: 'app', name: 'App', redirectUris: [redirectUri], ...more };
    const registered = await this.d.clientRegistration.register(app, OPERATOR);
    if (!registered.ok) throw new Error(registered.mistakes.join());
    return RelyingParty.discover(this.url, 'app', registered.value ?? '', redirectUri);
  }

  /** Stops one as a supervisor does, and starts it anew on its port. */
  async restart(index: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const old = this.instances[index]!;
    const ended = new Promise((resolve) => old.child.once('exit', resolve));
    old.child.kill(signal);
    await ended;
    old.child = (await this.#launch(old.port)).child;
    await this.ready(old);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#proxy.close(() => resolve());
      this.#proxy.closeAllConnections();
    });
    await Promise.all(
      this.instances.map(({ child }) => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        return child.exitCode === null ? ended : undefined;
      }),
    );
    await this.d?.close();
    await this.database.drop();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const wanted = request.headers['x-instance'];
      const count = this.instances.length;
      const first = wanted === undefined ? this.#next++ % count : Number(wanted);
      const order = Array.from(
        { length: wanted === undefined ? count : 1 },
        (_, step) => this.instances[(first + step) % count]!,
      );
      this.#send(request, Buffer.concat(parts), response, order);
    });
  }

  #send(request: IncomingMessage, body: Buffer, response: ServerResponse, [instance, ...others]: Instance[]): void {
    const onward = ask(
      {
        port: instance!.port,
        host: 'localhost',
        method: request.method,
        path: request.url,
        headers: {
          ...request.headers,
          connection: 'close',
          'x-forwarded-for': String(request.headers['x-from'] ?? '192.0.2.1'),
          'x-forwarded-proto': 'http',
        },
      },
      (answer) => {
        instance!.answered += 1;
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    onward.on('error', (error: NodeJS.ErrnoException) => {
      const isUnheard =
        error.code === 'ECONNREFUSED' ||
        (error.code === 'ECONNRESET' && request.method === 'GET' && !response.headersSent);
      if (isUnheard && others.length > 0) this.#send(request, body, response, others);
      else if (response.headersSent) response.destroy();
      else response.writeHead(502).end(`proxy: ${error.message}`);
    });
    response.on('close', () => onward.destroy());
    onward.end(body);
  }
}
