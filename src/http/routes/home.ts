import { join } from 'node:path';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';

/** The front page, and the files that pages need. */
export const homeRoutes: FastifyPluginAsyncZod<{ publicDir: string }> = async (app, n) => {
  const config = { public: true } as const;
  app.get('/', { config }, async (_request, reply) =>
    reply.page('home', { accountPath: '/mfa', companionPath: '/app' }),
  );
  app.get('/favicon.ico', { config }, async (_request, reply) => reply.redirect('/assets/icons/icon.svg', 301));
  app.get(
    '/assets/:folder/:file',
    { config, schema: { params: z.object({ folder: z.enum(['css', 'js', 'icons']), file: z.string().max(100) }) } },
    async (request, reply) => {
      const { folder, file } = request.params;
      return reply
        .header('cache-control', 'public, max-age=0, must-revalidate')
        .sendFile(file, join(n.publicDir, folder));
    },
  );
};
