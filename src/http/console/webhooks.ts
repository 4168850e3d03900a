import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Webhooks } from '../../flow/webhooks.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Webhook, WebhookDelivery, Webhooks as WebhookStore } from '../../store/webhooks.ts';
import { text } from '../text.ts';
import { type FormMistake, formRefusal } from '../wording.ts';
import { sayOutcome, showConsole, showUnknown, takeDraft } from './show.ts';

export interface WebhookPagesNeeds {
  readonly webhooks: WebhookStore;
  readonly webhookCalls: Webhooks;
}

const MOST = 50;
const LIST = '/admin/webhooks';
const params = z.object({ id: z.uuid() });

/** Who hears of events, and what could not be delivered. */
export const webhookPages: FastifyPluginAsyncZod<WebhookPagesNeeds> = async (app, n) => {
  const read = { guard: 'console', permission: 'webhooks:read' } as const;
  const write = { guard: 'console', permission: 'webhooks:write', isDangerous: true } as const;

  app.get(LIST, { config: read }, async (request, reply) => {
    const { t, times } = request;
    const [webhooks, dead, failing] = await Promise.all([
      n.webhooks.list(),
      n.webhooks.deliveries({ state: 'dead' }, MOST),
      n.webhooks.deliveries({ state: 'due', hasFailed: true }, MOST),
    ]);
    const mayWrite = request.console!.permissions.has('webhooks:write');
    return showConsole(request, reply, {
      title: t('console.part_webhooks'),
      here: 'webhooks',
      blocks: [
        { type: 'text', text: t('console.webhooks_text') },
        mayWrite && { type: 'links', items: [{ path: `${LIST}/new`, text: t('console.add_webhook') }] },
        {
          type: 'table',
          caption: t('console.part_webhooks'),
          isCaptionHidden: true,
          columns: [
            t('console.address'),
            t('console.events'),
            t('console.status'),
            ...(mayWrite ? [t('console.try_it'), t('console.remove')] : []),
          ],
          empty: t('console.webhooks_none'),
          rows: webhooks.map((w) => [
            { text: w.url, hint: w.description },
            { text: w.events.join(', ') },
            statusOf(w, failing, t),
            ...(mayWrite
              ? [
                  {
                    text: '',
                    post: {
                      action: `${LIST}/${w.id}/ping`,
                      text: t('console.ping'),
                      label: `${t('console.ping')}: ${w.url}`,
                    },
                  },
                  {
                    text: t('console.remove'),
                    path: `${LIST}/${w.id}/remove`,
                  },
                ]
              : []),
          ]),
        },
        { type: 'heading', text: t('console.dead_letters') },
        {
          type: 'table',
          caption: t('console.dead_letters'),
          isCaptionHidden: true,
          columns: [
            t('console.when'),
            t('console.event'),
            t('console.address'),
            t('console.why'),
            ...(mayWrite ? [t('console.send_again')] : []),
          ],
          empty: t(failing.length > 0 ? 'console.dead_letters_none_yet' : 'console.dead_letters_none'),
          rows: dead.map((d) => [
            { text: times.dateTime(d.createdAt) },
            { text: d.type },
            { text: webhooks.find(({ id }) => id === d.webhookId)?.url ?? '–' },
            { text: d.lastError ?? '–' },
            ...(mayWrite
              ? [
                  {
                    text: '',
                    post: {
                      action: `${LIST}/${d.webhookId}/again/${d.id}`,
                      text: t('console.send_again'),
                      label: `${t('console.send_again')}: ${d.type}`,
                    },
                  },
                ]
              : []),
          ]),
        },
      ],
    });
  });

  const form = (
    request: FastifyRequest,
    reply: FastifyReply,
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.add_webhook'),
      here: 'webhooks',
      back: { path: LIST, text: t('console.part_webhooks') },
      blocks: [
        {
          type: 'form',
          action: `${LIST}/new`,
          submit: t('console.add_webhook'),
          mistakes,
          fields: [
            {
              name: 'url',
              label: t('console.address'),
              hint: t('console.webhook_address_hint'),
              kind: 'url',
              value: values.url ?? '',
              isRequired: true,
            },
            {
              name: 'events',
              label: t('console.events'),
              hint: t('console.events_hint'),
              kind: 'text',
              value: values.events ?? 'alert.raised, account.*',
              isRequired: true,
            },
            {
              name: 'description',
              label: t('console.description'),
              kind: 'text',
              value: values.description ?? '',
              longest: 200,
            },
          ],
        },
      ],
    });
  };
  app.get(`${LIST}/new`, { config: write }, async (request, reply) => form(request, reply, takeDraft(request), []));
  app.post(
    `${LIST}/new`,
    {
      config: write,
      schema: {
        body: z.object({
          url: text(1000).default(''),
          events: text(2000).default(''),
          description: text(200).default(''),
        }),
      },
    },
    async (request, reply) => {
      const { body, t } = request;
      const events = body.events
        .split(',')
        .map((event) => event.trim())
        .filter(Boolean);
      const added = await n.webhookCalls.add({ ...body, url: body.url.trim(), events }, request.console!.by);
      if (!added.ok) return form(request, reply, body, formRefusal(t, added.refusal));
      return showConsole(request, reply, {
        title: t('console.webhook_added'),
        here: 'webhooks',
        back: { path: LIST, text: t('console.part_webhooks') },
        blocks: [
          {
            type: 'secret',
            label: t('console.webhook_secret'),
            value: added.value.secret,
            hint: t('console.shown_once'),
          },
        ],
      });
    },
  );
  app.post(`${LIST}/:id/ping`, { config: write, schema: { params } }, async (request, reply) => {
    const done = await n.webhookCalls.ping(request.params.id, request.console!.by);
    return sayOutcome(request, reply, LIST, done, request.t('console.said_pinged'));
  });
  app.get(`${LIST}/:id/remove`, { config: write, schema: { params } }, async (request, reply) => {
    const { t } = request;
    const webhook = await n.webhooks.byId(request.params.id);
    if (!webhook) return showUnknown(request, reply, 'error.not_found_text');
    return showConsole(request, reply, {
      title: t('console.remove_webhook'),
      here: 'webhooks',
      back: { path: LIST, text: t('console.part_webhooks') },
      blocks: [
        { type: 'text', text: t('console.remove_webhook_text', { address: webhook.url }) },
        {
          type: 'form',
          action: `${LIST}/${webhook.id}/remove`,
          submit: t('console.remove'),
          tone: 'danger',
          cancel: { path: LIST, text: t('common.cancel') },
          fields: [],
        },
      ],
    });
  });
  app.post(`${LIST}/:id/remove`, { config: write, schema: { params } }, async (request, reply) => {
    const done = await n.webhookCalls.remove(request.params.id, request.console!.by);
    return sayOutcome(request, reply, LIST, done, request.t('console.said_removed'));
  });
  app.post(
    `${LIST}/:id/again/:deliveryId`,
    { config: write, schema: { params: z.object({ id: z.uuid(), deliveryId: z.uuid() }) } },
    async (request, reply) => {
      const { id, deliveryId } = request.params;
      const done = await n.webhookCalls.redeliver(id, deliveryId, request.console!.by);
      return sayOutcome(request, reply, LIST, done, request.t('console.said_again'));
    },
  );
};

/** Whether what it wants arrives: what is tried again says why it did not. */
function statusOf(w: Webhook, failing: readonly WebhookDelivery[], t: Translate) {
  if (w.disabledAt) return { text: t('console.switched_off'), tone: 'bad' as const };
  const last = failing.find(({ webhookId }) => webhookId === w.id);
  return last
    ? { text: t('console.webhook_fails'), tone: 'bad' as const, hint: last.lastError ?? '' }
    : { text: t('console.works'), tone: 'good' as const };
}
