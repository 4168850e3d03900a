import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { GuardName } from '../types.ts';

/** Lets the request through by filling in what it proves, or answers it. */
export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * Closed unless it says open: a route has a guard or says `public: true`, or the server does not start.
 * Guards run after the body is read, before anything of the route.
 */
export const guards = fp(async (app: FastifyInstance, options: { guards: Readonly<Record<GuardName, Guard>> }) => {
  for (const name of ['signIn', 'binding', 'portal', 'phone', 'caller', 'console'] as const)
    app.decorateRequest(name, null);
  app.decorateRequest('idempotencyKey', undefined);
  app.addHook('onRoute', (route: RouteOptions) => {
    const { config } = route;
    if (config?.guard === 'console' && !config.permission)
      throw new Error(`Route ${String(route.method)} ${route.url} of the console does not say what it takes.`);
    if (config?.guard) {
      const before = route.preHandler ?? [];
      route.preHandler = [options.guards[config.guard], ...(Array.isArray(before) ? before : [before])];
    } else if (config?.public !== true) {
      throw new Error(`Route ${String(route.method)} ${route.url} has no guard and does not say that it is public.`);
    }
  });
});
