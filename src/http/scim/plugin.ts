import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import SCIMMY from 'scimmy';
import { Fault } from '../../core/errors.ts';
import type { ApiCallers } from '../../flow/api-callers.ts';
import type { Directory } from '../../flow/directory.ts';
import type { Accounts } from '../../store/accounts.ts';
import type { DirectoryGroups } from '../../store/directory-groups.ts';
import { listEverything, listGroups, listUsers } from './lists.ts';
import { type ScimContext, tieResources } from './resources.ts';
import { declareShapes } from './shapes.ts';

/** How often a change of a part is tried where others change the same at the same moment. */
const MOST_TURNS = 5;

export interface ScimNeeds {
  readonly callers: ApiCallers;
  readonly directory: Directory;
  readonly accounts: Accounts;
  readonly directoryGroups: DirectoryGroups;
  readonly publicUrl: string;
}

/** What directories leave out, or say in another way: a name in parts is understood, and kept whole. */
function filled(path: string, body: unknown): unknown {
  if (path !== '/Users' || typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { name, userName, emails } = body as {
    name?: Record<string, unknown>;
    userName?: unknown;
    emails?: { primary?: unknown }[];
  };
  const parts = [name?.givenName, name?.familyName].filter((part) => typeof part === 'string');
  // One address is kept: the primary one, or the first. Whatever it was for, here it is for work.
  const isList = Array.isArray(emails) && emails.every((each) => typeof each === 'object' && each !== null);
  const kept = isList ? (emails.find(({ primary }) => primary === true) ?? emails[0]) : undefined;
  return {
    displayName: name?.formatted ?? (parts.join(' ') || userName),
    active: true,
    ...body,
    ...(kept ? { emails: [{ ...kept, type: 'work' }] } : {}),
  };
}

/** `schemas` is always sent (RFC 7643, section 3), whatever was asked for. */
const withSchemas = (query: Record<string, unknown>): Record<string, unknown> =>
  typeof query.attributes === 'string' ? { ...query, attributes: `${query.attributes},schemas` } : query;

/** A search that is posted (RFC 7644, section 3.4.3) asks what a query asks. */
function searched(body: unknown): Record<string, unknown> {
  const { schemas: _schemas, attributes, excludedAttributes, ...asked } = (body ?? {}) as Record<string, unknown>;
  const joined = (value: unknown) => (Array.isArray(value) ? value.join(',') : value);
  return withSchemas({
    ...asked,
    ...(attributes === undefined ? {} : { attributes: joined(attributes) }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes: joined(excludedAttributes) }),
  });
}

const TYPE = 'application/scim+json; charset=utf-8';
const { User, Group, Schema, ResourceType, ServiceProviderConfig } = SCIMMY.Resources;

/** A SCIM 2.0 server (RFC 7643, RFC 7644), so that the organisation's directory makes and suspends accounts. */
export async function scim(app: FastifyInstance, n: ScimNeeds): Promise<void> {
  declareShapes();
  tieResources();
  app.addContentTypeParser('application/scim+json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));

  const fail = (reply: FastifyReply, status: number, detail: string, scimType?: string): FastifyReply =>
    reply
      .code(status)
      .type(TYPE)
      .send(
        JSON.stringify({
          schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
          status: String(status),
          ...(scimType ? { scimType } : {}),
          detail,
        }),
      );
  app.setErrorHandler((error: FastifyError & { status?: number; scimType?: string | null }, request, reply) => {
    if (error instanceof SCIMMY.Types.Error)
      return fail(reply, Number(error.status), error.message, error.scimType ?? undefined);
    if (error instanceof TypeError) return fail(reply, 400, error.message, 'invalidValue');
    if (error.statusCode && error.statusCode < 500)
      return fail(reply, error.statusCode, error.message, 'invalidSyntax');
    request.log.error({ err: error }, 'a SCIM call failed');
    if (error instanceof Fault && error.status === 503)
      return fail(reply.header('retry-after', String(error.retryAfterSeconds ?? 5)), 503, error.message);
    return fail(reply, 500, `Something went wrong here; the log says what (${request.id}).`);
  });
  app.setNotFoundHandler((_request, reply) => fail(reply, 404, 'There is no such resource.'));

  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    const { authorization, dpop } = request.headers;
    const found = await n.callers.recognise({
      authorization,
      proof: typeof dpop === 'string' ? dpop : undefined,
      method: request.method,
      path: request.url.split('?')[0] ?? '',
      ip: request.ip,
      requestId: request.id,
    });
    if (!found.ok) {
      if (found.refusal === 'too_many_calls') return fail(reply.header('retry-after', '60'), 429, 'Too many calls.');
      reply.header('www-authenticate', 'Bearer realm="dubbelslot", DPoP algs="ES256"');
      return fail(reply, 401, 'Send an access token of a program for this server’s API.');
    }
    // A person, whatever their role, is no directory.
    if (found.caller.by.authority.kind !== 'machine' || !found.caller.permissions.has('directory:write'))
      return fail(reply, 403, 'This takes a program’s token with the scope directory:write.');
    request.caller = found.caller;
    return undefined;
  };
  const options = { config: { guard: 'api', kind: 'json' }, onRequest } as const;
  const context = (request: FastifyRequest): ScimContext => ({ ...n, by: request.caller!.by });
  const query = (request: FastifyRequest): Record<string, unknown> =>
    withSchemas(
      Object.fromEntries(
        Object.entries(request.query as Record<string, unknown>).map(([name, value]) => [
          name,
          name === 'startIndex' || name === 'count' ? Number(value) : value,
        ]),
      ),
    );
  const id = (request: FastifyRequest): string => (request.params as { id: string }).id;
  const send = (reply: FastifyReply, value: unknown, status = 200): FastifyReply => {
    const location = (value as { meta?: { location?: string } } | undefined)?.meta?.location;
    if (location) reply.header(status === 201 ? 'location' : 'content-location', n.publicUrl + location);
    // Locations are whole addresses (RFC 7643, section 3.1).
    const json = JSON.stringify(value).replaceAll('"/scim/v2/', `"${n.publicUrl}/scim/v2/`);
    return reply.code(status).type(TYPE).send(json);
  };

  for (const [path, Resource, list] of [
    ['/Users', User, listUsers],
    ['/Groups', Group, listGroups],
  ] as const) {
    app.get(path, options, async (request, reply) => send(reply, await list(query(request), context(request))));
    app.post(`${path}/.search`, options, async (request, reply) =>
      send(reply, await list(searched(request.body), context(request))),
    );
    app.post(path, options, async (request, reply) =>
      send(
        reply,
        await new Resource(query(request) as never).write(filled(path, request.body) as never, context(request)),
        201,
      ),
    );
    app.get(`${path}/:id`, options, async (request, reply) =>
      send(reply, await new Resource(id(request), query(request) as never).read(context(request))),
    );
    app.put(`${path}/:id`, options, async (request, reply) => {
      const resource = new Resource(id(request), query(request) as never);
      // What is not there is said before what is wrong with the body.
      await resource.read(context(request));
      return send(reply, await resource.write(filled(path, request.body) as never, context(request)));
    });
    app.patch(`${path}/:id`, options, async (request, reply) => {
      // It reads the whole and writes it back: anew, where somebody changed it in between.
      for (let turn = 1; ; turn += 1) {
        const resource = new Resource(id(request), query(request) as never);
        try {
          const patched = await resource.patch(request.body as never, { ...context(request), patched: {} });
          return send(reply, patched ?? (await resource.read(context(request))));
        } catch (error) {
          if (turn === MOST_TURNS || (error as { status?: number }).status !== 412) throw error;
        }
      }
    });
    app.delete(`${path}/:id`, options, async (request, reply) => {
      await new Resource(id(request)).dispose(context(request));
      return reply.code(204).send();
    });
  }
  app.post('/.search', options, async (request, reply) =>
    send(reply, await listEverything(searched(request.body), context(request))),
  );
  for (const url of ['/Schemas', '/ResourceTypes', '/ServiceProviderConfig'])
    app.route({
      ...options,
      method: ['POST', 'PUT', 'PATCH', 'DELETE'],
      url,
      handler: async (_request, reply) => fail(reply.header('allow', 'GET'), 405, 'This can only be read.'),
    });
  for (const [path, Resource] of [
    ['/Schemas', Schema],
    ['/ResourceTypes', ResourceType],
  ] as const) {
    app.get(path, options, async (_request, reply) => send(reply, await new Resource().read()));
    app.get(`${path}/:id`, options, async (request, reply) => send(reply, await new Resource(id(request)).read()));
  }
  app.get('/ServiceProviderConfig', options, async (_request, reply) =>
    send(reply, await new ServiceProviderConfig().read()),
  );
}
