import type { FastifyInstance } from 'fastify';

/** How long a sender may go on after its answer before the connection is cut. */
const GRACE_MS = 5_000;

/**
 * Answers may go out before a file is read to its end: it was refused. What is still coming is thrown away for a moment,
 * so that the sender reads why, and then cut off: a connection is not held by whoever keeps sending.
 */
export function dropUnread(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete || raw.destroyed) return;
    raw.unpipe();
    raw.resume();
    setTimeout(() => {
      if (!raw.complete) raw.destroy();
    }, GRACE_MS).unref();
  });
}
