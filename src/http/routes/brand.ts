import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { type Brand, LOGO_PATH, THEME_PATH } from '../brand.ts';

/** The organisation's logo and colours. Their addresses change with what they are, so a browser may keep them. */
export const brandRoutes: FastifyPluginAsyncZod<{ brand: Brand }> = async (app, { brand }) => {
  const config = { public: true } as const;
  for (const [path, name] of [
    [LOGO_PATH, 'logo'],
    [THEME_PATH, 'theme'],
  ] as const) {
    app.get(path, { config, logLevel: 'warn' }, async (request, reply) => {
      const part = brand[name];
      // The companion keeps the stylesheet for when there is no network, whether there is one or not.
      if (!part && name === 'theme')
        return reply.type('text/css; charset=utf-8').header('cache-control', 'no-store').send('');
      if (!part) return reply.callNotFound();
      return (
        reply
          .type(part.type)
          // Another version than was asked for, while instances are replaced, is not to be kept.
          .header('cache-control', request.url === part.path ? 'public, max-age=31536000, immutable' : 'no-store')
          // A drawing may carry a script: opened by itself it runs none.
          .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
          .send(part.body)
      );
    });
  }
};
