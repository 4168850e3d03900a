import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { contentSecurityPolicy, OIDC_POLICY, REPORTS_PATH } from '../csp.ts';

const PERMISSIONS = [
  'accelerometer',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'usb',
]
  .map((feature) => `${feature}=()`)
  .concat('camera=(self)')
  .join(', ');

/** Headers of every answer. Pages are personal, so nothing is kept in a cache unless its route says so. */
export const securityHeaders = fp(async (app: FastifyInstance, options: { isSecure: boolean }) => {
  await app.register(helmet, {
    contentSecurityPolicy: false,
    // With COOP and CORP, which helmet sets: no page elsewhere shares a process or a window with ours.
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    // Forms need their Origin header: `no-referrer` would make browsers send `null`.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: options.isSecure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
  });
  app.addHook('onRequest', async (request, reply) => {
    const isOidc = request.routeOptions.config?.csp === 'oidc';
    reply.header('content-security-policy', isOidc ? OIDC_POLICY : contentSecurityPolicy());
    reply.header('reporting-endpoints', `csp="${REPORTS_PATH}"`);
    reply.header('permissions-policy', PERMISSIONS);
    reply.header('cache-control', 'no-store');
  });
});
