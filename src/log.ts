import { type DestinationStream, type Logger, pino } from 'pino';
import { traceIds } from './observe/trace.ts';

/** What must never be read in a log, wherever it turns up. */
const SECRETS = [
  'password',
  'code',
  'secret',
  'token',
  'answer',
  'cookie',
  'authorization',
  'dpop',
  'req.headers',
  'res.headers',
  '*.password',
  '*.code_verifier',
  '*.client_secret',
  '*.cookie',
  '*.authorization',
];

/** JSON lines; a request is logged by its path alone, because queries carry codes and states. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      redact: { paths: SECRETS, censor: '[hidden]' },
      base: null,
      mixin: traceIds,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: {
        req: (request: { method: string; url: string; ip: string }) => ({
          method: request.method,
          path: pathOf(request.url),
          ip: request.ip,
        }),
        res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
      },
    },
    destination as DestinationStream,
  );
}

/** The path without its query, and without the id of a sign-in. */
const pathOf = (url: string): string =>
  (url.split('?')[0] ?? '').replace(/^(\/(?:interaction|oidc\/auth))\/[\w-]+/, '$1/:uid');
