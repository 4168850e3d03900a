import csrf from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Forms, and their protection against forgery: every route that changes something and is not JSON wants the token
 * that its page was drawn with, and comes from our own origin.
 */
export const forms = fp(async (app: FastifyInstance, options: { publicUrl: string; isSecure: boolean }) => {
  await app.register(formbody);
  await app.register(csrf, {
    cookieKey: options.isSecure ? '__Host-form' : 'form',
    cookieOpts: { path: '/', httpOnly: true, sameSite: 'lax', secure: options.isSecure, signed: true },
    getToken: (request) => (request.body as { _csrf?: string } | null | undefined)?._csrf,
  });

  const isSameOrigin = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { origin } = request.headers;
    const site = request.headers['sec-fetch-site'];
    if ((origin && origin !== options.publicUrl) || (site && site !== 'same-origin' && site !== 'none')) {
      request.log.warn({ origin, site }, 'a form from elsewhere was refused');
      return reply.page(
        'message',
        {
          title: request.t('error.forbidden_title'),
          text: request.t('error.forbidden_text'),
          reference: request.id,
        },
        403,
      );
    }
    return undefined;
  };

  app.addHook('onRoute', (route: RouteOptions) => {
    const methods = [route.method].flat();
    if (
      !methods.some((method) => UNSAFE.includes(method)) ||
      route.config?.kind === 'json' ||
      route.config?.csp === 'oidc'
    )
      return;
    const before = route.preValidation ?? [];
    route.preValidation = [isSameOrigin, app.csrfProtection as never, ...(Array.isArray(before) ? before : [before])];
  });
});
