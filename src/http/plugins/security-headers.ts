import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import helmet from 'helmet';
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
  const common = {
    ...helmetHeaders(options.isSecure),
    'reporting-endpoints': `csp="${REPORTS_PATH}"`,
    'permissions-policy': PERMISSIONS,
    'cache-control': 'no-store',
  };
  const ours = { ...common, 'content-security-policy': contentSecurityPolicy() };
  const libraries = { ...common, 'content-security-policy': OIDC_POLICY };
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(request.routeOptions.config?.csp === 'oidc' ? libraries : ours);
    done();
  });
});

/** helmet's, which are the same for every answer: it is asked once. */
function helmetHeaders(isSecure: boolean): Record<string, string> {
  const headers = new Map<string, string>();
  const answer = {
    setHeader: (name: string, value: string) => void headers.set(name.toLowerCase(), value),
    removeHeader: () => {},
  };
  const set = helmet({
    contentSecurityPolicy: false,
    // With COOP and CORP, which helmet sets: no page elsewhere shares a process or a window with ours.
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    // Forms need their Origin header: `no-referrer` would make browsers send `null`.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: isSecure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
  });
  set({} as IncomingMessage, answer as unknown as ServerResponse, () => {});
  return Object.fromEntries(headers);
}
