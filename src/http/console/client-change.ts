import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CLIENT_PROFILES } from '../../flow/client-profiles.ts';
import type { ClientRegistration } from '../../flow/clients.ts';
import type { Client, ClientProfile, Clients } from '../../store/clients.ts';
import { formVersion, text } from '../text.ts';
import { CLIENT_LIST, clientFields, clientForm, clientPath, grantsOf, wishesFrom } from './client-form.ts';
import { goAndSay, showConsole, showUnknown, takeDraft } from './show.ts';

export interface ClientChangeNeeds {
  readonly clients: Clients;
  readonly clientRegistration: ClientRegistration;
  readonly publicUrl: string;
}

const params = z.object({ id: z.string().max(100) });

/** A web app is added, changed, switched off, or gets another secret. */
export const clientChangePages: FastifyPluginAsyncZod<ClientChangeNeeds> = async (app, n) => {
  const write = { guard: 'console', permission: 'clients:write', isDangerous: true } as const;

  const newForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    values: Readonly<Record<string, string>>,
    problems: readonly string[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.add_app'),
      here: 'clients',
      back: { path: CLIENT_LIST, text: t('doctor.list_title') },
      status: problems.length > 0 ? 422 : 200,
      blocks: [
        problems.length > 0 && { type: 'notice', tone: 'bad', text: t('console.app_refused'), items: problems },
        {
          type: 'form',
          action: `${CLIENT_LIST}/new`,
          submit: t('console.add_app'),
          cancel: { path: CLIENT_LIST, text: t('common.cancel') },
          fields: [
            {
              name: 'id',
              label: t('console.id'),
              hint: t('console.id_hint'),
              kind: 'text',
              value: values.id ?? '',
              isRequired: true,
              longest: 100,
            },
            {
              name: 'profile',
              label: t('console.profile'),
              kind: 'radio',
              value: values.profile ?? 'web',
              options: CLIENT_PROFILES.filter((profile) => profile !== 'entra').map((value) => ({
                value,
                text: t(`console.profile_${value as Exclude<ClientProfile, 'entra'>}`),
              })),
            },
            ...clientFields(request, values),
          ],
        },
      ],
    });
  };

  const secretPage = (
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    name: string,
    secret: string | undefined,
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: name,
      here: 'clients',
      back: { path: CLIENT_LIST, text: t('doctor.list_title') },
      blocks: [
        {
          type: 'facts',
          items: [
            { label: t('console.issuer'), value: n.publicUrl },
            { label: t('console.id'), value: id },
          ],
        },
        secret !== undefined && {
          type: 'secret',
          label: t('console.secret'),
          value: secret,
          hint: t('console.shown_once'),
        },
        { type: 'links', items: [{ path: clientPath(id), text: t('console.to_app') }] },
      ],
    });
  };

  app.get(`${CLIENT_LIST}/new`, { config: write }, async (request, reply) =>
    newForm(request, reply, takeDraft(request), []),
  );
  app.post(
    `${CLIENT_LIST}/new`,
    {
      config: write,
      schema: {
        body: clientForm.extend({
          id: text(100).default(''),
          profile: z.enum(CLIENT_PROFILES as [ClientProfile]).default('web' as never),
        }),
      },
    },
    async (request, reply) => {
      const { body, t } = request;
      const id = body.id.trim();
      if (await n.clients.byId(id)) return newForm(request, reply, body as never, [t('console.app_exists')]);
      const { grants, ...wishes } = wishesFrom(body);
      const made = await n.clientRegistration.register(
        { id, profile: body.profile, ...wishes, ...(grants.length > 0 ? { grants } : {}) },
        request.console!.by,
      );
      return made.ok
        ? secretPage(request, reply, id, body.name, made.value)
        : newForm(request, reply, body as never, made.problems);
    },
  );

  const editForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    client: Client,
    values: Readonly<Record<string, string>>,
    problems: readonly string[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.edit_person', { name: client.name }),
      here: 'clients',
      back: { path: clientPath(client.id), text: client.name },
      status: problems.length > 0 ? 422 : 200,
      blocks: [
        problems.length > 0 && { type: 'notice', tone: 'bad', text: t('console.app_refused'), items: problems },
        {
          type: 'form',
          action: `${clientPath(client.id)}/edit`,
          hidden: { version: values.version ?? String(client.version) },
          submit: t('account.save'),
          cancel: { path: clientPath(client.id), text: t('common.cancel') },
          fields: clientFields(request, values),
        },
      ],
    });
  };
  app.get(`${CLIENT_LIST}/:id/edit`, { config: write, schema: { params } }, async (request, reply) => {
    const client = await n.clients.byId(request.params.id);
    if (!client) return showUnknown(request, reply, 'error.not_found_text');
    const { metadata } = client;
    const values = {
      name: client.name,
      redirectUris: metadata.redirect_uris.join('\n'),
      postLogoutRedirectUris: (metadata.post_logout_redirect_uris ?? []).join('\n'),
      logoutUri: metadata.backchannel_logout_uri ?? '',
      startUri: client.settings.startUri ?? '',
      requiredAcr: client.requiredAcr ?? '',
      refresh: grantsOf(client).includes('refresh') ? 'yes' : '',
      ...takeDraft(request),
    };
    return editForm(request, reply, client, values, []);
  });
  app.post(
    `${CLIENT_LIST}/:id/edit`,
    {
      config: write,
      schema: {
        params,
        body: clientForm.extend({
          version: formVersion,
        }),
      },
    },
    async (request, reply) => {
      const { body, t } = request;
      const client = await n.clients.byId(request.params.id);
      if (!client) return showUnknown(request, reply, 'error.not_found_text');
      const changed = await n.clientRegistration.change(
        client.id,
        wishesFrom(body, client),
        request.console!.by,
        body.version,
      );
      if (!changed.ok)
        return editForm(
          request,
          reply,
          client,
          { ...body, refresh: body.refresh ?? '', version: String(client.version) },
          changed.problems,
        );
      return changed.value === undefined
        ? goAndSay(request, reply, clientPath(client.id), t('console.said_changed'))
        : secretPage(request, reply, client.id, body.name, changed.value);
    },
  );

  const asking = (
    verb: 'secret' | 'switch',
    act: (client: Client, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
  ) => {
    app.get(`${CLIENT_LIST}/:id/${verb}`, { config: write, schema: { params } }, async (request, reply) => {
      const { t } = request;
      const client = await n.clients.byId(request.params.id);
      if (!client) return showUnknown(request, reply, 'error.not_found_text');
      const key = verb === 'secret' ? 'new_secret' : client.disabledAt ? 'enable' : 'disable';
      return showConsole(request, reply, {
        title: `${t(`console.${key}`)}: ${client.name}`,
        here: 'clients',
        back: { path: clientPath(client.id), text: client.name },
        blocks: [
          { type: 'text', text: t(`console.${key}_text`) },
          {
            type: 'form',
            action: `${clientPath(client.id)}/${verb}`,
            submit: t(`console.${key}`),
            ...(key === 'disable' ? { tone: 'danger' as const } : {}),
            cancel: { path: clientPath(client.id), text: t('common.cancel') },
            fields: [],
          },
        ],
      });
    });
    app.post(`${CLIENT_LIST}/:id/${verb}`, { config: write, schema: { params } }, async (request, reply) => {
      const client = await n.clients.byId(request.params.id);
      return client ? act(client, request, reply) : showUnknown(request, reply, 'error.not_found_text');
    });
  };
  asking('secret', async (client, request, reply) => {
    const made = await n.clientRegistration.rotateSecret(client.id, request.console!.by);
    return made.ok
      ? secretPage(request, reply, client.id, client.name, made.value)
      : goAndSay(request, reply, clientPath(client.id), made.problems.join(' '), 'bad');
  });
  asking('switch', async (client, request, reply) => {
    await n.clientRegistration.setDisabled(client.id, client.disabledAt === null, request.console!.by);
    return goAndSay(
      request,
      reply,
      clientPath(client.id),
      request.t(client.disabledAt ? 'console.said_enabled' : 'console.said_disabled'),
    );
  });
};
