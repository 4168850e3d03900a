import type { Readable } from 'node:stream';
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Acr } from '../../core/assurance.ts';
import type { Clock } from '../../core/clock.ts';
import type { Organisation } from '../../core/organisation.ts';
import { PERMISSIONS } from '../../core/permissions.ts';
import type { ApiCallers } from '../../flow/api-callers.ts';
import type { IdempotentCalls } from '../../store/idempotent-calls.ts';
import { FILE_SECONDS, hasBody } from '../plugins/body-time.ts';
import { dropUnread } from '../plugins/unread.ts';
import { sendProblem, sendRefusal } from '../problems.ts';
import { refusalInEnglish } from '../wording.ts';
import { createApiGuard } from './authenticate.ts';
import { completed, type OpenApiDocument } from './document.ts';
import type { Answer, Endpoint } from './endpoint.ts';
import { createIdempotency, keptHeaders } from './idempotency.ts';
import { referenceOf } from './reference.ts';
import { problem } from './schemas.ts';

export interface ApiNeeds {
  readonly publicUrl: string;
  readonly organisation: Organisation;
  readonly version: string;
  readonly adminAcr: Acr;
  readonly callers: ApiCallers;
  readonly idempotentCalls: IdempotentCalls;
  readonly clock: Clock;
  readonly endpoints: readonly Endpoint[];
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const PROBLEMS = [400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503] as const;

/** The API of administrators, from one table of endpoints: routes, checks and the OpenAPI document. */
export async function api(app: FastifyInstance, n: ApiNeeds): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Dubbelslot, the API of administrators`,
        version: n.version,
        description:
          'OAuth 2.0: access tokens for this API come from this server’s own token endpoint, with `resource` set to its address and a scope for each resource and verb. Programs use client credentials, people the authorization code flow. DPoP is accepted. Mistakes are problem details (RFC 9457).',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: n.publicUrl, description: n.organisation.name }],
      components: {
        securitySchemes: {
          oauth2: {
            type: 'oauth2',
            flows: {
              clientCredentials: { tokenUrl: `${n.publicUrl}/oidc/token`, scopes: SCOPES },
              authorizationCode: {
                authorizationUrl: `${n.publicUrl}/oidc/auth`,
                tokenUrl: `${n.publicUrl}/oidc/token`,
                scopes: SCOPES,
              },
            },
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });

  // Handed on as it comes: whoever takes it counts.
  dropUnread(app);
  app.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload));
  const guard = createApiGuard(n);
  const idempotency = createIdempotency(n.idempotentCalls, n.clock);
  app.addHook('onSend', async (request, reply, payload) => {
    const key = request.idempotencyKey;
    if (key === undefined) return;
    if (reply.statusCode >= 500) await n.idempotentCalls.forget(key);
    else
      await n.idempotentCalls.finish(key, {
        status: reply.statusCode,
        body: typeof payload === 'string' ? payload : '',
        headers: keptHeaders(reply),
      });
  });
  const problems = Object.fromEntries(PROBLEMS.map((status) => [status, problem]));
  for (const e of n.endpoints) {
    app.route({
      method: e.method,
      url: e.path,
      config: { guard: 'api', kind: 'json' },
      onRequest: [guard(e), takesOnly(e)],
      ...(e.consumes ? { bodyLimit: e.consumes.mostBytes } : {}),
      schema: {
        operationId: e.id,
        tags: [e.tag],
        summary: e.summary,
        ...(describe(e) ? { description: describe(e)! } : {}),
        security: [{ oauth2: [e.permission] }],
        ...(e.params ? { params: e.params } : {}),
        ...(e.query ? { querystring: e.query } : {}),
        ...(e.body ? { body: e.body } : {}),
        ...(e.produces ? { produces: [...e.produces] } : {}),
        response: { ...e.answers, ...problems } as Record<number, z.ZodType>,
      },
      handler: (request, reply) => idempotency(e, request, reply, () => run(e, request, reply)),
    } as Parameters<FastifyInstance['route']>[0]);
  }

  // What is there, but not with this method (RFC 9110, section 15.5.6).
  for (const path of new Set(n.endpoints.map((e) => e.path))) {
    const taken = n.endpoints.filter((e) => e.path === path).map(({ method }) => method);
    app.route({
      method: METHODS.filter((method) => !taken.includes(method)),
      url: path,
      config: { public: true, kind: 'json' },
      schema: { hide: true },
      onRequest: async (_request, reply) =>
        sendProblem(reply.header('allow', taken.join(', ')), 405, 'method_not_allowed', {
          detail: `Here: ${taken.join(', ')}.`,
        }),
      handler: async () => undefined,
    });
  }

  let kept: OpenApiDocument | undefined;
  const document = (): OpenApiDocument => {
    kept ??= completed(app.swagger() as unknown as OpenApiDocument, n.endpoints, app.prefix);
    return kept;
  };
  const open = { config: { public: true }, schema: { hide: true } } as const;
  app.get('/openapi.json', { ...open, config: { public: true, kind: 'json' } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(document())),
  );
  app.get('/', open, async (_request, reply) => reply.page('api-reference', referenceOf(document())));
}

const SCOPES = Object.fromEntries(
  PERMISSIONS.map((permission) => [permission, permission.replace(/(\w+):(\w+)/, '$2: $1')]),
);

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A file where a file is taken, JSON anywhere else. */
const takesOnly =
  ({ consumes }: Endpoint) =>
  async ({ headers }: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
    if (consumes ? type === consumes.type : !hasBody(headers) || type === 'application/json') return undefined;
    return sendProblem(reply, 415, 'unsupported_media_type', {
      detail: `Send ${consumes?.type ?? 'application/json'}.`,
    });
  };

/** What the columns of the table mean, in words. */
function describe(e: Endpoint): string | undefined {
  const notes = [
    e.description,
    e.isDangerous ? 'A person must have signed in within the last ten minutes.' : undefined,
    e.isCreating ? 'Takes an `Idempotency-Key`: sent twice, it is done once.' : undefined,
    e.isVersioned ? 'Wants `If-Match` with the ETag of what was read; `*` takes whatever is there.' : undefined,
  ].filter(Boolean);
  return notes.length > 0 ? notes.join(' ') : undefined;
}

async function run(e: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { by, permissions } = request.caller!;
  const matched = matchedVersion(e, request);
  if (matched === 'missing')
    return sendProblem(reply, 428, 'version_missing', {
      detail: 'Send If-Match with the ETag of what you read, or * to change whatever is there.',
    });
  if (e.consumes) request.giveTime(FILE_SECONDS);
  const answer = await e.run({
    params: request.params as never,
    query: request.query as never,
    body: request.body as never,
    file: e.consumes ? (request.body as Readable).iterator({ destroyOnReturn: false }) : nothing(),
    by,
    may: (permission) => permissions.has(permission),
    version: matched,
    request,
    reply,
  });
  return send(request, reply, answer);
}

/** What `If-Match` names, as a number; undefined where everything matches. */
function matchedVersion(e: Endpoint, { headers }: FastifyRequest): number | undefined | 'missing' {
  if (!e.isVersioned) return undefined;
  const value = headers['if-match'];
  if (value === undefined) return 'missing';
  if (value.trim() === '*') return undefined;
  const [, version] = /^(?:W\/)?"(\d{1,15})"$/.exec(value.trim()) ?? [];
  // What we never gave matches nothing.
  const number = Number(version ?? -1);
  return number < 2 ** 31 ? number : -1;
}

function send(request: FastifyRequest, reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  if (answer === 'sent') return reply;
  if ('refusal' in answer) return sendRefusal(reply, answer.refusal, refusalInEnglish);
  if ('problem' in answer) {
    const { status, code, ...more } = answer.problem;
    return sendProblem(reply, status, code, more);
  }
  const { value, status = 200, version, location, next } = answer;
  if (location !== undefined) reply.header('location', location);
  if (next) {
    const url = new URL(request.url, 'http://localhost');
    url.searchParams.set('cursor', next);
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  if (version !== undefined) {
    const etag = `"${version}"`;
    reply.header('etag', etag);
    if (request.method === 'GET' && request.headers['if-none-match'] === etag) return reply.code(304).send();
  }
  return status === 204 ? reply.code(204).send() : reply.code(status).send(value);
}
