import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
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
 * after an answer that came early, just cut off. Of every request, also those that reach no route: it comes before every
 * other plugin. A route that takes a file gives it more time once it knows who sends it: `request.giveTime(FILE_SECONDS)`.
 */
export const bodyTime = fp(async (app: FastifyInstance, { seconds = SECONDS }: { seconds?: number }) => {
  app.decorateRequest('giveTime', () => {});
  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    if (!hasBody(raw.headers)) return done();
    let timer: NodeJS.Timeout | undefined;
    request.giveTime = (most) => {
      clearTimeout(timer);
      if (raw.complete) return;
      timer = setTimeout(() => {
        if (raw.complete) return;
        request.log.info({ seconds: most }, 'a body came too slowly');
        if (reply.raw.headersSent) raw.destroy();
        else
          raw.socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () =>
            raw.destroy(),
          );
      }, most * 1000);
      timer.unref();
    };
    request.giveTime(seconds);
    for (const event of ['end', 'close']) raw.once(event, () => clearTimeout(timer));
    done();
  });
});
