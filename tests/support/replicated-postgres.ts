import { appendFileSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { give, OWNER, OwnPostgres, PASSWORD, reachableFolder, SERVER, urlAt } from './own-postgres.ts';
import { WireBetween } from './wire-between.ts';

/**
 * Two real PostgreSQL servers, the second a streaming standby that the first waits for at each commit, and an address
 * that leads to whichever is the primary, as a proxy or a virtual address does in an organisation.
 */
export class ReplicatedPostgres {
  readonly #home: string;
  readonly #first: OwnPostgres;
  readonly #second: OwnPostgres;
  readonly #wire: WireBetween;
  #primary: OwnPostgres;

  private constructor(home: string, first: OwnPostgres, second: OwnPostgres, wire: WireBetween) {
    this.#home = home;
    this.#first = first;
    this.#second = second;
    this.#primary = first;
    this.#wire = wire;
  }

  static async start(): Promise<ReplicatedPostgres> {
    const home = reachableFolder('replicated');
    const [first, second] = [await OwnPostgres.at(home, 'first'), await OwnPostgres.at(home, 'second')];
    first.initialise();
    appendFileSync(join(first.folder, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 scram-sha-256\n');
    await first.launch();
    await first.prepare();
    await first.on((client) => client.query("SELECT pg_create_physical_replication_slot('second')"));
    await first.stop('SIGINT');
    cpSync(first.folder, second.folder, { recursive: true });
    writeFileSync(join(second.folder, 'standby.signal'), '');
    give(second.folder);
    await first.launch(['-c', 'synchronous_standby_names=*']);
    const info = `host=127.0.0.1 port=${first.port} user=${OWNER} password='${PASSWORD}' application_name=second`;
    await second.launch(['-c', `primary_conninfo=${info}`, '-c', 'primary_slot_name=second']);
    const wire = await WireBetween.to(() => both.#primary.port);
    const both = new ReplicatedPostgres(home, first, second, wire);
    return both;
  }

  get url(): string {
    return urlAt(this.#wire.port, SERVER);
  }
  get ownerUrl(): string {
    return urlAt(this.#wire.port, OWNER);
  }

  /** The primary is gone without a word; the standby takes its place. */
  async failOver(): Promise<void> {
    await this.#first.stop('SIGQUIT');
    this.#wire.cut();
    await this.#second.on((client) => client.query('SELECT pg_promote()'));
    this.#primary = this.#second;
  }

  async stop(): Promise<void> {
    await this.#wire.close();
    for (const node of [this.#first, this.#second]) await node.stop('SIGQUIT');
    rmSync(this.#home, { recursive: true, force: true });
  }
}
