import cluster from 'node:cluster';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, Server as Listener, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance, FastifyServerFactory, FastifyServerOptions } from 'fastify';

const HEADERS_TIMEOUT_MS = 30_000;
/** Turns of the event loop without a new connection, after which none waits; the first of them may be half over. */
const QUIET_TURNS = 3;
/** And as long, in milliseconds, where another process takes them in and hands them over. */
const QUIET_MS = cluster.isWorker ? 20 : 0;
const LONGEST_TAKING_IN_MS = 1000;
/** How long a connection without a request may still bring one, while the server stops, in milliseconds. */
const LAST_REQUESTS_MS = 500;
/** Then it is cut, so that a supervisor (30 s) does not have to. */
const LONGEST_DRAIN_MS = 20_000;

interface Running {
  readonly server: Server;
  readonly connections: Set<Socket>;
}

/** The HTTP servers of an app: one for each address that its name has, of which Fastify knows the first. */
export interface Servers {
  readonly make: FastifyServerFactory;
  /**
   * Listens. `localhost` may have two addresses, and whoever calls it by a number means one of them; what is not to be had of the
   * second is left.
   */
  listen(app: FastifyInstance, where: { readonly port: number; readonly host: string }): Promise<void>;
  /**
   * Stops listening and answers what was sent: a new connection is refused, so that a proxy goes to another instance, and
   * none is reset whose request may be on its way, which no proxy sends anew where it is a POST.
   * @returns when no connection is left: how many had to be cut
   */
  drain(): Promise<number>;
}

const addressesByName = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

export function createServers(
  addressesOf = addressesByName,
  { longestDrainMs = LONGEST_DRAIN_MS }: { longestDrainMs?: number } = {},
): Servers {
  const running: Running[] = [];
  let again: () => Server;
  const make = (handler: RequestListener, options: FastifyServerOptions): Server => {
    const { keepAliveTimeout, requestTimeout } = options;
    const server = createServer({ keepAliveTimeout, requestTimeout, headersTimeout: HEADERS_TIMEOUT_MS }, handler);
    const connections = new Set<Socket>();
    server.on('connection', (socket) => {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    });
    running.push({ server, connections });
    again = () => make(handler, options);
    return server;
  };
  return {
    make,
    async listen(app, { port, host }) {
      await app.listen({ port, host });
      if (host !== 'localhost') return;
      const first = app.server.address() as AddressInfo;
      for (const address of await addressesOf(host).catch(() => []))
        if (address !== first.address)
          await new Promise<void>((resolve) => {
            again()
              .once('error', () => resolve())
              .listen(first.port, address, resolve);
          });
    },
    async drain() {
      const cut = await Promise.all(
        running.filter(({ server }) => server.listening).map((each) => drainOne(each, longestDrainMs)),
      );
      return cut.reduce((sum, each) => sum + each, 0);
    },
  };
}

async function drainOne({ server, connections }: Running, longestMs: number): Promise<number> {
  const ended = once(server, 'close');
  const serve = server.listeners('connection') as ((socket: Socket) => void)[];
  const waiting = await takeInAll(server);
  // Not that of HTTP, which at once ends the connections whose next request has not been read.
  Listener.prototype.close.call(server);
  for (const socket of waiting) for (const each of serve) each.call(server, socket);
  const until = performance.now() + longestMs;
  let cut = 0;
  while (!(await Promise.race([ended, wait(LAST_REQUESTS_MS)]))) {
    const isOver = performance.now() > until;
    if (isOver) cut = connections.size;
    // To Node one whose answer is written is idle, also while that is on its way.
    if (![...connections].some(({ writableLength }) => writableLength > 0)) server.closeIdleConnections();
    // Browsers open some in advance. To Node they are busy.
    for (const socket of connections) if (isOver || socket.bytesRead === 0) socket.destroy();
  }
  return cut;
}

/**
 * What the kernel has connected is taken in one a turn, and is reset where the server no longer listens. While one is answered
 * another comes, so none is before all are in.
 */
async function takeInAll(server: Server): Promise<Socket[]> {
  const taken: Socket[] = [];
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    // One that its client resets meanwhile has nobody else to hear of it.
    socket.on('error', () => {});
    taken.push(socket);
  });
  const began = performance.now();
  let last = began;
  for (let quiet = 0; quiet < QUIET_TURNS || performance.now() - last < QUIET_MS; quiet += 1) {
    const before = taken.length;
    await nextTurn();
    if (taken.length === before) continue;
    quiet = 0;
    last = performance.now();
    if (last - began > LONGEST_TAKING_IN_MS) break;
  }
  return taken;
}
