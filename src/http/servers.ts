import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { Server as Listener, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { FastifyServerFactory, FastifyServerOptions } from 'fastify';

const HEADERS_TIMEOUT_MS = 30_000;
/** Turns of the event loop without a new connection, after which none waits; the first of them may be half over. */
const QUIET_TURNS = 3;
/** And as long, in milliseconds, where another process takes them in and hands them over. */
const QUIET_MS = cluster.isWorker ? 20 : 0;
const LONGEST_TAKING_IN_MS = 1000;
/** How long a connection without a request may still bring one, while the server stops, in milliseconds. */
const LAST_REQUESTS_MS = 500;

interface Running {
  readonly server: Server;
  readonly connections: Set<Socket>;
}

/**
 * The HTTP servers of an app: Fastify makes one for each address that its name has (`localhost` may have two), and on a stop
 * waits for the first only.
 */
export interface Servers {
  readonly make: FastifyServerFactory;
  /**
   * Stops listening and answers what was sent: a new connection is refused, so that a proxy goes to another instance, and
   * none is reset whose request may be on its way, which no proxy sends anew where it is a POST.
   * @returns when no connection is left
   */
  drain(): Promise<void>;
}

export function createServers(): Servers {
  const running: Running[] = [];
  return {
    make(handler: RequestListener, { keepAliveTimeout, requestTimeout }: FastifyServerOptions) {
      const server = createServer({ keepAliveTimeout, requestTimeout, headersTimeout: HEADERS_TIMEOUT_MS }, handler);
      const connections = new Set<Socket>();
      server.on('connection', (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
      });
      running.push({ server, connections });
      return server;
    },
    async drain() {
      await Promise.all(running.filter(({ server }) => server.listening).map(drainOne));
    },
  };
}

async function drainOne({ server, connections }: Running): Promise<void> {
  const ended = once(server, 'close');
  const serve = server.listeners('connection') as ((socket: Socket) => void)[];
  const waiting = await takeInAll(server);
  // Not that of HTTP, which at once ends the connections whose next request has not been read.
  Listener.prototype.close.call(server);
  for (const socket of waiting) for (const each of serve) each.call(server, socket);
  while (!(await Promise.race([ended, wait(LAST_REQUESTS_MS)]))) {
    server.closeIdleConnections();
    // Browsers open some in advance. To Node they are busy.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  }
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
