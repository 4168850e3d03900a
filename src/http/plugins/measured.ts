import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** What is known of a request before anything is asked of it; the route as it is registered, never what somebody typed. */
export interface Begun {
  readonly method: string;
  readonly route: string;
  readonly id: string;
}

export interface MeasuredOptions {
  began(request: Begun): void;
  /** @param seconds since it began */
  answered?: ((request: Begun & { code: number; seconds: number }) => void) | undefined;
}

/** oidc-provider's addresses, which are one route here (`oidc/provider.ts`, `routes`). */
const OIDC = /^\/oidc\/(auth|token|userinfo|revoke|introspect|sign-out|par|ciba|device\/authorize|device)(\/|\?|$)/;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Tells of each request which route it is, and how its answer was. A page that waits for an event is no answer. */
export const measured = fp(async (app: FastifyInstance, { began, answered }: MeasuredOptions) => {
  app.addHook('onRequest', (request, _reply, done) => {
    began(begunOf(request));
    done();
  });
  if (!answered) return;
  app.addHook('onResponse', (request, reply, done) => {
    if (reply.raw.getHeader('content-type') !== 'text/event-stream')
      answered({ ...begunOf(request), code: reply.raw.statusCode, seconds: reply.elapsedTime / 1000 });
    done();
  });
});

function begunOf({ method, id, url, routeOptions }: FastifyRequest): Begun {
  const { url: route = 'none' } = routeOptions;
  return {
    method: METHODS.has(method) ? method : 'other',
    route: route === '/oidc/*' ? (OIDC.exec(url)?.[0].replace(/[/?]$/, '') ?? route) : route,
    id,
  };
}
