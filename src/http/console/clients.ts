import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ClientDoctor } from '../../flow/client-doctor.ts';
import type { Clients } from '../../store/clients.ts';
import { CLIENT_LIST, clientPath } from './client-form.ts';
import { showConsole, showUnknown } from './show.ts';

export interface ClientPagesNeeds {
  readonly clients: Clients;
  readonly clientDoctor: ClientDoctor;
  readonly publicUrl: string;
}

const isAddress = (value: string): boolean => /^https?:\/\/[^/]/.test(value) && URL.canParse(value);
const params = z.object({ id: z.string().max(100) });

/** Web apps: who may let people sign in here, and what is wrong with them. */
export const clientPages: FastifyPluginAsyncZod<ClientPagesNeeds> = async (app, n) => {
  const read = { guard: 'console', permission: 'clients:read' } as const;

  app.get(CLIENT_LIST, { config: read }, async (request, reply) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('doctor.list_title'),
      here: 'clients',
      blocks: [
        { type: 'text', text: t('doctor.list_text') },
        request.console!.permissions.has('clients:write') && {
          type: 'links',
          items: [{ path: `${CLIENT_LIST}/new`, text: t('console.add_app') }],
        },
        {
          type: 'table',
          caption: t('doctor.list_title'),
          isCaptionHidden: true,
          columns: [t('console.name'), t('console.id'), t('console.profile'), t('console.status')],
          empty: t('doctor.list_empty'),
          rows: (await n.clients.list()).map(({ id, name, profile, disabledAt }) => [
            { text: name, path: clientPath(id) },
            { text: id },
            { text: profile },
            disabledAt
              ? { text: t('doctor.list_disabled'), tone: 'bad' as const }
              : { text: t('console.works'), tone: 'good' as const },
          ]),
        },
      ],
    });
  });

  app.get(`${CLIENT_LIST}/:id`, { config: read, schema: { params } }, async (request, reply) => {
    const { t, times } = request;
    const client = await n.clients.byId(request.params.id);
    if (!client) return showUnknown(request, reply, 'error.not_found_text');
    const { id } = client;
    const mayWrite = request.console!.permissions.has('clients:write');
    return showConsole(request, reply, {
      title: client.name,
      here: 'clients',
      back: { path: CLIENT_LIST, text: t('doctor.list_title') },
      blocks: [
        client.disabledAt !== null && { type: 'notice', tone: 'bad', text: t('console.app_disabled') },
        {
          type: 'links',
          items: [
            { path: `${clientPath(id)}/check`, text: t('console.check_app') },
            ...(mayWrite
              ? [
                  { path: `${clientPath(id)}/edit`, text: t('console.edit') },
                  ...(client.secrets.length > 0
                    ? [{ path: `${clientPath(id)}/secret`, text: t('console.new_secret') }]
                    : []),
                  {
                    path: `${clientPath(id)}/switch`,
                    text: t(client.disabledAt ? 'console.enable' : 'console.disable'),
                    tone: client.disabledAt ? ('quiet' as const) : ('danger' as const),
                  },
                ]
              : []),
          ],
        },
        {
          type: 'facts',
          items: [
            { label: t('console.issuer'), value: client.profile === 'entra' ? `${n.publicUrl}/entra` : n.publicUrl },
            { label: t('console.id'), value: id },
            { label: t('console.profile'), value: client.profile },
            { label: t('console.redirects'), value: client.metadata.redirect_uris.join(' ') || '–' },
            { label: t('console.logout_address'), value: client.metadata.backchannel_logout_uri ?? '–' },
            { label: t('console.asks_at_least'), value: client.requiredAcr ?? t('console.by_policy') },
            {
              label: t('console.secrets'),
              value: client.secrets.map(({ createdAt }) => times.dateTime(createdAt)).join('; ') || '–',
            },
            { label: t('console.since'), value: times.dateTime(client.createdAt) },
          ],
        },
        {
          type: 'pre',
          label: t('console.registration'),
          text: JSON.stringify({ ...client.metadata, ...client.settings }, null, 2),
        },
      ],
    });
  });

  const check = async (
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    startUri: string | undefined,
  ): Promise<FastifyReply> => {
    const { t } = request;
    const checked = await n.clientDoctor.check(id, isAddress(startUri ?? '') ? startUri : undefined);
    if (!checked) return showUnknown(request, reply, 'error.not_found_text');
    const { client, findings } = checked;
    const start = startUri ?? client.settings.startUri ?? '';
    return showConsole(request, reply, {
      title: t('doctor.title'),
      here: 'clients',
      back: { path: clientPath(id), text: client.name },
      blocks: [
        {
          type: 'form',
          action: `${clientPath(id)}/check`,
          submit: t('doctor.submit'),
          mistakes:
            start === '' || isAddress(start)
              ? []
              : [{ text: t('mistake.address_unreadable', { uri: start }), field: 'start' }],
          fields: [
            { name: 'start', label: t('doctor.start_label'), hint: t('doctor.start_hint'), kind: 'url', value: start },
          ],
        },
        isAddress(start) && { type: 'links', items: [{ path: start, text: t('doctor.open') }] },
        isAddress(start) && { type: 'text', text: t('doctor.open_text'), isHint: true },
        {
          type: 'table',
          caption: t('doctor.result'),
          columns: [t('console.result'), t('console.what')],
          empty: '',
          rows: findings.map(({ level, name, facts }) => [
            { text: t(`doctor.${level}`), ...(level === 'hint' ? {} : { tone: level }) },
            { text: t(`doctor.${name}`, facts as never) },
          ]),
        },
      ],
    });
  };
  app.get(`${CLIENT_LIST}/:id/check`, { config: read, schema: { params } }, (request, reply) =>
    check(request, reply, request.params.id, undefined),
  );
  app.post(
    `${CLIENT_LIST}/:id/check`,
    { config: read, schema: { params, body: z.object({ start: z.string().max(1000).default('') }) } },
    (request, reply) => check(request, reply, request.params.id, request.body.start.trim() || undefined),
  );
};
