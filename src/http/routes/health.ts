import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { sendProblem } from '../problems.ts';

/** For supervisors and load balancers. `live`: the process answers. `ready`: it can do its work. */
export const healthRoutes: FastifyPluginAsyncZod<{ isReady: () => Promise<boolean> }> = async (app, n) => {
  const config = { public: true, kind: 'json' } as const;
  app.get('/health/live', { config, logLevel: 'warn' }, async () => ({ status: 'live' }));
  app.get('/health/ready', { config, logLevel: 'warn' }, async (_request, reply) =>
    (await n.isReady()) ? { status: 'ready' } : sendProblem(reply, 503, 'not_ready', {}),
  );
};
