import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import { passCertificateOn } from './client-certificate.ts';
import { createDocuments } from './documents.ts';

/**
 * Puts oidc-provider under /oidc and /.well-known. In a scope of its own, because it reads the raw body itself.
 * It builds addresses from the Host header and believes any X-Forwarded-*, so both are written here, from the
 * public address and from what Fastify's list of trusted proxies made of the visitor's.
 */
export async function mountProvider(
  app: FastifyInstance,
  options: {
    current: () => Provider;
    publicUrl: string;
    clientCertificates: { header: string | undefined; proxies: readonly string[] };
  },
): Promise<void> {
  const url = new URL(options.publicUrl);
  const callbacks = new WeakMap<Provider, ReturnType<Provider['callback']>>();
  const callbackOf = (provider: Provider): ReturnType<Provider['callback']> => {
    const callback = callbacks.get(provider) ?? provider.callback();
    callbacks.set(provider, callback);
    return callback;
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  const handler = (request: FastifyRequest, reply: FastifyReply): void => {
    const callback = callbackOf(options.current());
    const { headers } = request.raw;
    headers.host = url.host;
    delete headers['x-forwarded-host'];
    headers['x-forwarded-proto'] = url.protocol.slice(0, -1);
    headers['x-forwarded-for'] = request.ip;
    headers['x-request-reference'] = request.id;
    passCertificateOn(headers, request.raw.socket.remoteAddress, options.clientCertificates);
    reply.header('x-request-reference', request.id);
    // A hijacked reply loses the headers that our plugins set.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
    reply.hijack();
    void callback(request.raw, reply.raw);
  };
  app.route({
    method: ['GET', 'POST', 'OPTIONS', 'HEAD'],
    url: '/oidc/*',
    config: { public: true, csp: 'oidc' },
    // Before Fastify would look for a body.
    onRequest: handler,
    handler,
  });
  const documents = createDocuments(callbackOf, options.publicUrl);
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/oidc/jwks']) {
    const config = { public: true as const, ...(path.startsWith('/oidc/') ? ({ csp: 'oidc' } as const) : {}) };
    app.route({ method: ['HEAD', 'OPTIONS'], url: path, config, handler });
    app.get(path, { config, exposeHeadRoute: false }, async (request, reply) => {
      // Of a page elsewhere the library decides what it may read.
      if (request.headers.origin !== undefined) return handler(request, reply);
      const { headers, body } = await documents(options.current(), path);
      return reply.headers(headers).send(body);
    });
  }
}
