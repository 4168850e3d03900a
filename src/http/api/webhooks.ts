import { z } from 'zod';
import type { Webhooks } from '../../flow/webhooks.ts';
import type { Webhook, WebhookDelivery, Webhooks as WebhookStore } from '../../store/webhooks.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { idParams, iso, isoOrNull, nothing, paging, time, timeOrNull, uuid } from './schemas.ts';

const events = z
  .array(z.string().regex(/^(\*|[a-z_]+\.(\*|[a-z_]+))$/))
  .min(1)
  .max(50)
  .describe('Actions of the audit log: `*`, `account.reset`, `account.*`.');
const url = z
  .string()
  .max(1000)
  .describe('https, or http inside the network. Hosts on private addresses must be in CLIENT_HOSTS.');

const webhook = z
  .strictObject({ id: uuid, url, description: z.string(), events, createdAt: time, disabledAt: timeOrNull })
  .meta({ id: 'Webhook' });
const secret = z.string().describe('Shown this once: verifies `webhook-signature` (Standard Webhooks).');
const delivery = z
  .strictObject({
    id: uuid,
    type: z.string(),
    state: z.enum(['due', 'delivered', 'dead']).describe('`dead`: given up after a day of tries.'),
    attempts: z.number().int(),
    nextAt: time,
    lastError: z.string().nullable(),
    createdAt: time,
    settledAt: timeOrNull,
  })
  .meta({ id: 'WebhookDelivery' });

const shown = (w: Webhook): z.infer<typeof webhook> => ({
  id: w.id,
  url: w.url,
  description: w.description,
  events: [...w.events],
  createdAt: iso(w.createdAt),
  disabledAt: isoOrNull(w.disabledAt),
});

const shownDelivery = (d: WebhookDelivery): z.infer<typeof delivery> => ({
  id: d.id,
  type: d.type,
  state: d.state,
  attempts: d.attempts,
  nextAt: iso(d.nextAt),
  lastError: d.lastError,
  createdAt: iso(d.createdAt),
  settledAt: isoOrNull(d.settledAt),
});

export const webhookEndpoints = (n: { webhooks: WebhookStore; webhookCalls: Webhooks }): readonly Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/webhooks',
    id: 'listWebhooks',
    tag: 'webhooks',
    summary: 'Who hears of audit events as they happen',
    permission: 'webhooks:read',
    answers: { 200: z.strictObject({ items: z.array(webhook) }) },
    async run() {
      return { value: { items: (await n.webhooks.list()).map(shown) } };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/webhooks',
    id: 'createWebhook',
    tag: 'webhooks',
    summary: 'Adds a webhook',
    permission: 'webhooks:write',
    isDangerous: true,
    isCreating: true,
    body: z.strictObject({ url, description: text(200).default(''), events }),
    answers: { 201: z.strictObject({ webhook, secret }) },
    async run({ body, by }) {
      const added = await n.webhookCalls.add(body, by);
      if (!added.ok) return added;
      const { webhook: made, secret: shownOnce } = added.value;
      return {
        status: 201,
        value: { webhook: shown(made), secret: shownOnce },
        version: made.version,
        location: `/api/v1/webhooks/${made.id}`,
      };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/webhooks/:id',
    id: 'getWebhook',
    tag: 'webhooks',
    summary: 'One webhook, without its secret',
    permission: 'webhooks:read',
    params: idParams,
    answers: { 200: webhook },
    async run({ params }) {
      const found = await n.webhooks.byId(params.id);
      return found ? { value: shown(found), version: found.version } : { refusal: { code: 'webhook_unknown' } };
    },
  }),
  endpoint({
    method: 'PATCH',
    path: '/webhooks/:id',
    id: 'changeWebhook',
    tag: 'webhooks',
    summary: 'Changes what is mentioned',
    permission: 'webhooks:write',
    isDangerous: true,
    isVersioned: true,
    params: idParams,
    body: z.strictObject({ url, description: text(200), events, isDisabled: z.boolean() }).partial(),
    answers: { 200: webhook },
    async run({ params, body, by, version }) {
      const changes = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
      const changed = await n.webhookCalls.change(params.id, changes, by, version);
      return changed.ok ? { value: shown(changed.value), version: changed.value.version } : changed;
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/webhooks/:id',
    id: 'removeWebhook',
    tag: 'webhooks',
    summary: 'Removes a webhook, with what it was still owed',
    permission: 'webhooks:write',
    isDangerous: true,
    params: idParams,
    answers: { 204: nothing },
    async run({ params, by }) {
      const removed = await n.webhookCalls.remove(params.id, by);
      return removed.ok ? { status: 204, value: null } : removed;
    },
  }),
  endpoint({
    method: 'POST',
    path: '/webhooks/:id/secret',
    id: 'rotateWebhookSecret',
    tag: 'webhooks',
    summary: 'Makes a new secret; the old one ends at once',
    permission: 'webhooks:write',
    isDangerous: true,
    isCreating: true,
    params: idParams,
    answers: { 201: z.strictObject({ secret }) },
    async run({ params, by }) {
      const rotated = await n.webhookCalls.rotateSecret(params.id, by);
      return rotated.ok ? { status: 201, value: { secret: rotated.value } } : rotated;
    },
  }),
  endpoint({
    method: 'POST',
    path: '/webhooks/:id/ping',
    id: 'pingWebhook',
    tag: 'webhooks',
    summary: 'Sends something now, to see whether it arrives',
    permission: 'webhooks:write',
    params: idParams,
    answers: { 202: z.strictObject({ deliveryId: uuid }) },
    async run({ params, by }) {
      const sent = await n.webhookCalls.ping(params.id, by);
      return sent.ok ? { status: 202, value: { deliveryId: sent.value } } : sent;
    },
  }),
  endpoint({
    method: 'GET',
    path: '/webhooks/:id/deliveries',
    id: 'listWebhookDeliveries',
    tag: 'webhooks',
    summary: 'What was sent, is due, or was given up; newest first',
    permission: 'webhooks:read',
    params: idParams,
    query: z.strictObject({ limit: paging.limit, state: z.enum(['due', 'delivered', 'dead']).optional() }),
    answers: { 200: z.strictObject({ items: z.array(delivery) }) },
    async run({ params, query }) {
      if (!(await n.webhooks.byId(params.id))) return { refusal: { code: 'webhook_unknown' } };
      const found = await n.webhooks.deliveries({ webhookId: params.id, state: query.state }, query.limit);
      return { value: { items: found.map(shownDelivery) } };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/webhooks/:id/deliveries/:deliveryId/redeliver',
    id: 'redeliver',
    tag: 'webhooks',
    summary: 'Tries again what was given up',
    permission: 'webhooks:write',
    params: z.strictObject({ id: uuid, deliveryId: uuid }),
    answers: { 202: z.strictObject({ deliveryId: uuid }) },
    async run({ params, by }) {
      const done = await n.webhookCalls.redeliver(params.id, params.deliveryId, by);
      return done.ok ? { status: 202, value: { deliveryId: params.deliveryId } } : done;
    },
  }),
];
