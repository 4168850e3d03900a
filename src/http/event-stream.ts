import type { FastifyInstance, FastifyReply } from 'fastify';

/** Proxies give up a connection on which nothing comes for a minute. Each waiting laptop costs one write in this time. */
const HEARTBEAT_MS = 45_000;
/** Then the browser connects again, and is checked again. */
const LONGEST_STREAM_MS = 15 * 60_000;
/** More than this for one waiter, and the oldest ends: a few tabs are honest, a thousand are not. */
const MOST_AT_ONCE = 5;

/** Streams that are open, so that the server can end them when it stops. */
export interface EventStreams {
  /**
   * Answers with server-sent events (HTML Living Standard, section 9.2). `start` gets a function that sends an
   * event, and returns how to stop; it stops when the browser goes. `waiter` says who waits.
   */
  open(
    reply: FastifyReply,
    waiter: string,
    start: (send: (event: string, data?: unknown) => void, end: () => void) => () => void,
  ): void;
  /** And every later one, as soon as it has begun. */
  closeAll(): void;
  count(): number;
}

export function createEventStreams(app: FastifyInstance): EventStreams {
  const open = new Set<() => void>();
  const byWaiter = new Map<string, Set<() => void>>();
  let isClosed = false;
  const streams: EventStreams = {
    open(reply, waiter, start) {
      const { raw } = reply;
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) raw.setHeader(name, value);
      }
      reply.hijack();
      // Gone while we asked the database: its `close` has been, and will not come again.
      if (raw.destroyed) return;
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
      raw.write('retry: 1000\n\n');
      if (isClosed) {
        raw.end();
        return;
      }
      const heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS);
      heartbeat.unref();
      const mine = byWaiter.get(waiter) ?? new Set();
      let stop = (): void => {};
      let isEnded = false;
      const end = (): void => {
        if (isEnded) return;
        isEnded = true;
        open.delete(end);
        mine.delete(end);
        if (mine.size === 0) byWaiter.delete(waiter);
        clearInterval(heartbeat);
        clearTimeout(lifetime);
        stop();
        raw.end();
      };
      const lifetime = setTimeout(() => end(), LONGEST_STREAM_MS);
      lifetime.unref();
      open.add(end);
      const [oldest] = mine;
      if (mine.size >= MOST_AT_ONCE) oldest?.();
      byWaiter.set(waiter, mine.add(end));
      raw.on('close', end);
      stop = start((event, data = {}) => {
        if (!isEnded) raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      }, end);
      if (isEnded) stop();
    },
    count: () => open.size,
    closeAll() {
      isClosed = true;
      for (const end of open) end();
    },
  };
  app.addHook('preClose', async () => streams.closeAll());
  return streams;
}
