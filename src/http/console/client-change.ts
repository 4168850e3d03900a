import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Mistake } from '../../core/mistakes.ts';
import type { ClientRegistration } from '../../flow/clients.ts';
import { mistakeInWords } from '../../i18n/mistakes.ts';
import type { Client, Clients } from '../../store/clients.ts';
import { formVersion, text } from '../text.ts';
import { type FormMistake, formMistakes } from '../wording.ts';
import { CLIENT_LIST, clientFields, clientForm, clientPath, typedValues, valuesOf, wishesFrom } from './client-form.ts';
import { goAndSay, showConsole, showUnknown, takeDraft } from './show.ts';

export interface ClientChangeNeeds {
  readonly clients: Clients;
  readonly clientRegistration: ClientRegistration;
  readonly publicUrl: string;
}

/** Kinds of client that somebody registers here; Microsoft Entra's is made on the command line. */
const KINDS = ['web', 'app', 'machine', 'nl_gov', 'fapi2'] as const;
type Kind = (typeof KINDS)[number];

const params = z.object({ id: z.string().max(100) });

/** A web app is added, changed, switched off, or gets another secret. */
export const clientChangePages: FastifyPluginAsyncZod<ClientChangeNeeds> = async (app, n) => {
  const write = { guard: 'console', permission: 'clients:write', isDangerous: true } as const;

  const chooseKind = (request: FastifyRequest, reply: FastifyReply) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.add_app'),
      here: 'clients',
      back: { path: CLIENT_LIST, text: t('doctor.list_title') },
      blocks: [
        { type: 'text', text: t('console.kind_text') },
        {
          type: 'form',
          method: 'get',
          action: `${CLIENT_LIST}/new`,
          submit: t('common.next'),
          cancel: { path: CLIENT_LIST, text: t('common.cancel') },
          fields: [
            {
              name: 'profile',
              label: t('console.profile'),
              kind: 'radio',
              value: 'web',
              options: KINDS.map((value) => ({ value, text: t(`console.profile_${value}`) })),
            },
          ],
        },
      ],
    });
  };

  const newForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    profile: Kind,
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.add_app'),
      here: 'clients',
      back: { path: `${CLIENT_LIST}/new`, text: t('console.profile') },
      blocks: [
        { type: 'text', text: t(`console.profile_${profile}`) },
        {
          type: 'form',
          action: `${CLIENT_LIST}/new`,
          hidden: { profile },
          submit: t('console.add_app'),
          mistakes,
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
            ...clientFields(request, profile, values),
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

  app.get(
    `${CLIENT_LIST}/new`,
    { config: write, schema: { querystring: z.object({ profile: z.enum(KINDS).optional().catch(undefined) }) } },
    async (request, reply) => {
      const draft = takeDraft(request);
      const profile = request.query.profile ?? KINDS.find((kind) => kind === draft.profile);
      return profile ? newForm(request, reply, profile, draft, []) : chooseKind(request, reply);
    },
  );
  app.post(
    `${CLIENT_LIST}/new`,
    {
      config: write,
      schema: { body: clientForm.extend({ id: text(100).default(''), profile: z.enum(KINDS).default('web') }) },
    },
    async (request, reply) => {
      const { body, t } = request;
      const { profile } = body;
      const id = body.id.trim();
      const again = (mistakes: readonly FormMistake[]) => newForm(request, reply, profile, typedValues(body), mistakes);
      if (await n.clients.byId(id)) return again([{ text: t('console.app_exists'), field: 'id' }]);
      const { wishes, mistakes } = wishesFrom(body, profile);
      if (mistakes.length > 0) return again(formMistakes(t, mistakes));
      const made = await n.clientRegistration.register({ id, profile, ...wishes }, request.console!.by);
      return made.ok ? secretPage(request, reply, id, body.name, made.value) : again(formMistakes(t, made.mistakes));
    },
  );

  const editForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    client: Client,
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.edit_person', { name: client.name }),
      here: 'clients',
      back: { path: clientPath(client.id), text: client.name },
      blocks: [
        {
          type: 'form',
          action: `${clientPath(client.id)}/edit`,
          hidden: { version: values.version ?? String(client.version) },
          submit: t('account.save'),
          mistakes,
          cancel: { path: clientPath(client.id), text: t('common.cancel') },
          fields: clientFields(request, client.profile, values),
        },
      ],
    });
  };
  app.get(`${CLIENT_LIST}/:id/edit`, { config: write, schema: { params } }, async (request, reply) => {
    const client = await n.clients.byId(request.params.id);
    if (!client) return showUnknown(request, reply, 'error.not_found_text');
    const values = { ...valuesOf(client), ...takeDraft(request) };
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
      const again = (mistakes: readonly Mistake[]) =>
        editForm(
          request,
          reply,
          client,
          { ...typedValues(body), version: String(client.version) },
          formMistakes(t, mistakes),
        );
      const { wishes, mistakes } = wishesFrom(body, client.profile, client);
      if (mistakes.length > 0) return again(mistakes);
      const changed = await n.clientRegistration.change(client.id, wishes, request.console!.by, body.version);
      if (!changed.ok) return again(changed.mistakes);
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
      : goAndSay(
          request,
          reply,
          clientPath(client.id),
          made.mistakes.map((each) => mistakeInWords(request.t, each)).join(' '),
          'bad',
        );
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
