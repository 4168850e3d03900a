import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** For the body of a request, when nobody says more. */
const SECONDS = 30;
/** For a file: 100 MB at 1 Mbit/s. */
export const FILE_SECONDS = 900;

/** Whether a body comes with a request (RFC 9112, section 6). */
export const hasBody = (headers: IncomingHttpHeaders): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;

/**
 * A body that comes too slowly is cut off with 408, so that nobody holds connections by sending a byte now and then;
 * after an answer that came early, just cut off. Of every request, also those that reach no route. A route that takes a
 * file gives it more time once it knows who sends it: `request.giveTime(FILE_SECONDS)`.
 */
export const bodyTime = fp(async (app: FastifyInstance, { seconds = SECONDS }: { seconds?: number }) => {
  const timers = new WeakMap<IncomingMessage, (seconds: number) => void>();

  // Before Fastify, which may have reached the route by the end of its own.
  app.server.prependListener('request', (raw: IncomingMessage, answer: ServerResponse) => {
    if (!hasBody(raw.headers)) return;
    let timer: NodeJS.Timeout | undefined;
    const giveTime = (most: number): void => {
      clearTimeout(timer);
      if (raw.complete) return;
      timer = setTimeout(() => {
        if (raw.complete) return;
        app.log.info({ seconds: most }, 'a body came too slowly');
        if (answer.headersSent) raw.destroy();
        else
          raw.socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () =>
            raw.destroy(),
          );
      }, most * 1000);
      timer.unref();
    };
    giveTime(seconds);
    timers.set(raw, giveTime);
    for (const event of ['end', 'close']) raw.once(event, () => clearTimeout(timer));
  });

  app.decorateRequest('giveTime', function (this: FastifyRequest, most) {
    timers.get(this.raw)?.(most);
  });
});
