import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Fault } from '../../core/errors.ts';

/** Longer than any sensible request; Node refuses headers of 16 KiB. */
const LONGEST_QUERY = 12_000;

/**
 * OpenID Connect wants both doors open for POST too (Core, section 3.1.2.1; RP-Initiated Logout, section 2). Our cookies
 * do not travel with a form from elsewhere (SameSite=Lax), but they do with the GET that this makes of it.
 */
export const oidcPostRoutes: FastifyPluginAsyncZod = async (app) => {
  const values = z.record(z.string(), z.union([z.string(), z.array(z.string())])).nullish();
  for (const path of ['/oidc/auth', '/oidc/sign-out']) {
    app.post(path, { config: { public: true, csp: 'oidc' }, schema: { body: values } }, async (request, reply) => {
      const query = new URLSearchParams(
        Object.entries(request.body ?? {}).flatMap(([name, value]) => [value].flat().map((each) => [name, each])),
      ).toString();
      if (query.length > LONGEST_QUERY)
        throw new Fault('too_large', 'The request is too long: push it first (RFC 9126).', { status: 413 });
      return reply.redirect(`${path}?${query}`, 303);
    });
  }
};
