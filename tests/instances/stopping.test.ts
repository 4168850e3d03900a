import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.ts';

const MANY = 40;
const BODY = 'grant_type=client_credentials';

/** What the server says on a connection, until it ends it. */
class Line {
  readonly socket: Socket;
  said = '';
  readonly ended: Promise<string>;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (part) => (this.said += part));
    this.ended = new Promise((resolve) => {
      this.socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code!));
      this.socket.on('end', () => resolve(this.said.split('\r\n')[0]!));
    });
  }

  /** A request that no proxy sends a second time. */
  ask(host: string): void {
    this.socket.write(
      `POST /oidc/token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
    );
  }
}

const knock = async (port: number): Promise<string> => {
  const { socket, ended } = new Line(port);
  const met = await Promise.race([once(socket, 'connect').then(() => 'connected'), ended]);
  socket.destroy();
  return met;
};

describe.each(['1', '2'])('a server of %s processes that is told to stop', (processes) => {
  let cluster: Cluster;
  let host: string;

  beforeAll(async () => {
    cluster = await Cluster.start(1, { WEB_CONCURRENCY: processes });
    host = new URL(cluster.url).host;
  });
  afterAll(() => cluster?.close());

  const lines = async (): Promise<Line[]> => {
    const made = Array.from({ length: MANY }, () => new Line(cluster.instances[0]!.port));
    await Promise.all(made.map(({ socket }) => once(socket, 'connect')));
    return made;
  };
  const answers = (from: readonly Line[]): Promise<string[]> => Promise.all(from.map(({ ended }) => ended));
  const bad = Array.from({ length: MANY }, () => 'HTTP/1.1 400 Bad Request');

  it('answers what comes on connections that are open, and takes no new one', async () => {
    const { port } = cluster.instances[0]!;
    const silent = await lines();
    const used = new Line(port);
    used.ask(host);
    await once(used.socket, 'data');
    const stopped = cluster.restart(0);
    await expect.poll(() => knock(port), { interval: 10 }).toBe('ECONNREFUSED');
    for (const line of [...silent, used]) line.ask(host);
    expect(await answers(silent)).toEqual(bad);
    await used.ended;
    expect(used.said.match(/HTTP\/1\.1 400/g)).toHaveLength(2);
    expect(used.said.match(/^connection: close/gim)).toHaveLength(1);
    await stopped;
  });

  it('answers those that the kernel has taken and it has not yet', async () => {
    const { child } = cluster.instances[0]!;
    child.kill('SIGSTOP');
    const waiting = await lines();
    for (const line of waiting) line.ask(host);
    // Some do not wait.
    for (const { socket } of (await lines()).slice(0, 10)) socket.resetAndDestroy();
    const stopped = cluster.restart(0);
    child.kill('SIGCONT');
    expect(await answers(waiting)).toEqual(bad);
    await stopped;
    expect(child.exitCode).toBe(0);
  });

  it('ends connections that bring nothing, and a request that never ends is what holds it', async () => {
    const [line, ...silent] = await lines();
    const started = Date.now();
    line!.socket.write('GET /health/live HTTP/1.1\r\n');
    await wait(100);
    const stopped = cluster.restart(0);
    await Promise.all(silent.map(({ ended }) => ended));
    expect(await Promise.race([stopped, wait(300, 'it goes on')])).toBe('it goes on');
    line!.socket.write(`Host: ${host}\r\n\r\n`);
    expect(await line!.ended).toBe('HTTP/1.1 200 OK');
    await stopped;
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
