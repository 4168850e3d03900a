import type { IncomingMessage } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Fault } from '../../core/errors.ts';
import type { MessageKey } from '../../i18n/translate.ts';
import { sendProblem } from '../problems.ts';

const PAGES: Readonly<Record<number, { title: MessageKey; text: MessageKey }>> = {
  400: { title: 'common.error_title', text: 'error.bad_request_text' },
  403: { title: 'error.forbidden_title', text: 'error.forbidden_text' },
  404: { title: 'error.not_found_title', text: 'error.not_found_text' },
  405: { title: 'error.not_found_title', text: 'error.not_found_text' },
  413: { title: 'common.error_title', text: 'error.too_large_text' },
  415: { title: 'common.error_title', text: 'error.bad_request_text' },
  503: { title: 'error.busy_title', text: 'error.busy_text' },
};
/** Where the status alone does not say what to do. */
const BY_CODE: Readonly<Record<string, { title: MessageKey; text: MessageKey }>> = {
  directory_unreachable: { title: 'error.directory_title', text: 'error.directory_text' },
};
const SERVER = { title: 'common.error_title', text: 'error.server_text' } as const;

/**
 * For an address whose escapes are none (`/%zz`) Fastify answers before any hook of ours: a language, headers, a reference. Such a
 * one becomes what could be read of it and a NUL, which is refused below.
 */
export function readableUrl({ url = '/' }: { url?: string | undefined }): string {
  const [path = ''] = url.split('?', 1);
  try {
    if (path.includes('%')) decodeURIComponent(path);
    return url;
  } catch {
    return `${path.slice(0, path.indexOf('%'))}%00${url.slice(path.length)}`;
  }
}

/** Every mistake gets the right status, a sentence that says what to do, and a reference that finds the log line. */
export const errors = fp(async (app: FastifyInstance) => {
  // PostgreSQL keeps no NUL character, and nothing honest has one in its address.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url.includes('%00')) answer(request, reply, 400, 'invalid_request');
    // Whoever sent the request on may have read the other one (RFC 9112, section 3.2). Node takes the first.
    else if (isWithTwoHosts(request.raw)) answer(request, reply.header('connection', 'close'), 400, 'invalid_request');
    else done();
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? (error as unknown as Fault).status ?? 500;
    const safeStatus = status >= 400 && status < 600 ? status : 500;
    // A server that is busy has better things to do than to write where it was.
    if (codeOf(error, safeStatus) === 'overloaded') request.log.warn({ code: 'overloaded' }, 'request refused');
    else if (safeStatus >= 500) request.log.error({ err: error }, 'request failed');
    else request.log.info({ code: error.code, status: safeStatus }, 'request refused');
    if (error instanceof Fault && error.retryAfterSeconds) reply.header('retry-after', error.retryAfterSeconds);
    return answer(request, reply, safeStatus, codeOf(error, safeStatus), mistakesIn(error));
  });
  app.setNotFoundHandler((request, reply) => answer(request, reply, 404, 'not_found'));
});

const isWithTwoHosts = ({ rawHeaders }: IncomingMessage): boolean =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host').length > 1;

function codeOf(error: FastifyError, status: number): string {
  if (error instanceof Fault) return error.code;
  if (error.validation) return 'invalid_request';
  return status === 413
    ? 'too_large'
    : status === 415
      ? 'unsupported_media_type'
      : status >= 500
        ? 'server_error'
        : 'invalid_request';
}

/** What was wrong, field by field, for a program. */
function mistakesIn({ validation, code }: FastifyError): object {
  if (/^FST_ERR_CTP_(INVALID|EMPTY)_JSON_BODY$/.test(code ?? '')) return { detail: 'The body is not JSON.' };
  if (!validation) return {};
  const errors = validation.map(({ instancePath, message }) => ({ path: instancePath, message: message ?? '' }));
  return { errors };
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  code: string,
  more: object = {},
): FastifyReply {
  const isJson = request.routeOptions.config?.kind === 'json' || /^\/(app\/api|api|health)\//.test(request.url);
  if (isJson) return sendProblem(reply, status, code, { ...more });
  const page = BY_CODE[code] ?? PAGES[status] ?? (status >= 500 ? SERVER : PAGES[400]!);
  // A sign-in goes on where it was; the code of its address is of no use to anybody else.
  const [signIn] = /^\/interaction\/[\w-]+/.exec(request.url) ?? [];
  if (status === 503 && signIn) {
    const words = { title: request.t(page.title), text: request.t(page.text) };
    return reply.page('busy', { ...words, reference: request.id, againPath: signIn }, status);
  }
  return reply.page(
    'message',
    { title: request.t(page.title), text: request.t(page.text), reference: request.id },
    status,
  );
}
