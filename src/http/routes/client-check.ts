import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ClientDoctor } from '../../flow/client-doctor.ts';
import type { Clients } from '../../store/clients.ts';

export interface ClientCheckNeeds {
  readonly clients: Clients;
  readonly clientDoctor: ClientDoctor;
}

const LIST = '/admin/clients';
const isAddress = (text: string): boolean => /^https?:\/\/[^/]/.test(text) && URL.canParse(text);

const params = z.object({ id: z.string().max(100) });

/** The doctor for web apps: what is wrong, in words, for those who look after this installation. */
export const clientCheckRoutes: FastifyPluginAsyncZod<ClientCheckNeeds> = async (app, n) => {
  const config = { guard: 'administrator' } as const;

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    startUri: string | undefined,
  ): Promise<FastifyReply> => {
    const checked = await n.clientDoctor.check(id, isAddress(startUri ?? '') ? startUri : undefined);
    if (!checked) {
      const { t } = request;
      const words = { title: t('error.not_found_title'), text: t('error.not_found_text'), reference: null };
      return reply.page('message', words, 404);
    }
    const { client, findings } = checked;
    const start = startUri ?? client.settings.startUri ?? '';
    return reply.page('client-check', {
      name: client.name,
      id,
      action: `${LIST}/${encodeURIComponent(id)}/check`,
      startUri: start,
      openUri: isAddress(start) ? start : null,
      listPath: LIST,
      findings: findings.map(({ level, name, facts }) => ({
        level,
        text: request.t(`doctor.${name}`, facts as never),
      })),
    });
  };

  app.get(LIST, { config }, async (_request, reply) => {
    const clients = (await n.clients.list()).map(({ id, name, disabledAt }) => ({
      path: `${LIST}/${encodeURIComponent(id)}/check`,
      name,
      id,
      isDisabled: disabledAt !== null,
    }));
    return reply.page('client-list', { clients });
  });

  app.get(`${LIST}/:id/check`, { config, schema: { params } }, (request, reply) =>
    show(request, reply, request.params.id, undefined),
  );

  app.post(
    `${LIST}/:id/check`,
    { config, schema: { params, body: z.object({ start: z.string().max(1000).default('') }) } },
    (request, reply) => show(request, reply, request.params.id, request.body.start.trim() || undefined),
  );
};
