import { type AuditAction, isEventName } from '../core/audit-actions.ts';
import type { Clock } from '../core/clock.ts';
import { addSeconds } from '../core/clock.ts';
import type { OutboundFetch } from '../core/outbound.ts';
import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import type { Webhook, WebhookDelivery, Webhooks as WebhookStore } from '../store/webhooks.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';

export interface WebhookToAdd {
  readonly url: string;
  readonly description: string;
  readonly events: readonly string[];
}

/** Other programs hear of the audit log as it happens, signed by the Standard Webhooks specification. */
export interface Webhooks {
  /** Refusals: `address_invalid`, `event_invalid`. @returns with its secret, shown this once */
  add(webhook: WebhookToAdd, by: Actor): Promise<Result<{ webhook: Webhook; secret: string }>>;
  /** Refusals: `webhook_unknown`, `version_changed`, those of `add`. */
  change(
    id: string,
    changes: Partial<WebhookToAdd> & { isDisabled?: boolean },
    by: Actor,
    version?: number,
  ): Promise<Result<Webhook>>;
  /** Refusal: `webhook_unknown`. */
  rotateSecret(id: string, by: Actor): Promise<Result<string>>;
  remove(id: string, by: Actor): Promise<Result<void>>;
  /** Sends something now, to see whether it arrives. Refusal: `webhook_unknown`. @returns the delivery's id */
  ping(id: string, by: Actor): Promise<Result<string>>;
  /** A delivery that was given up is tried again. Refusals: `webhook_unknown`, `delivery_unknown`. */
  redeliver(id: string, deliveryId: string, by: Actor): Promise<Result<void>>;
  /** Delivers what is due, some at a time. @returns how many were due */
  deliver(): Promise<number>;
}

export interface WebhooksNeeds {
  webhooks: WebhookStore;
  send: OutboundFetch;
  /** HMAC-SHA256, base64. */
  sign(key: Uint8Array, text: string): string;
  audit: Audit;
  clock: Clock;
  random: Random;
}

/** Seconds until the next try, after each; about a day in all. */
const WAITS: readonly number[] = [5, 30, 120, 600, 1800, 3600, 3600 * 3, 3600 * 6, 3600 * 12];
const LEASE_SECONDS = 30;
const AT_ONCE = 20;
const LONGEST_MS = 10_000;
const SECRET_PREFIX = 'whsec_';

export function createWebhooks(n: WebhooksNeeds): Webhooks {
  const newSecret = (): string => SECRET_PREFIX + n.random.bytes(32).toString('base64');

  const problemWith = ({ url, events }: Partial<WebhookToAdd>) => {
    if (url !== undefined && !isAddress(url)) return 'address_invalid' as const;
    if (events !== undefined && (events.length === 0 || !events.every(isEventName))) return 'event_invalid' as const;
    return undefined;
  };

  const record = (action: AuditAction, webhook: Pick<Webhook, 'id'> & Partial<Webhook>, by: Actor): Promise<void> =>
    n.audit({
      action,
      object: `webhook:${webhook.id}`,
      result: 'success',
      ...doneBy(by),
      detail: { url: webhook.url, events: webhook.events, disabledAt: webhook.disabledAt },
    });

  /** @throws Error that says in a few words why it did not arrive; `gone` where nobody wants it any more */
  const post = async (webhook: Webhook, { id, payload }: WebhookDelivery): Promise<void> => {
    const secret = await n.webhooks.secret(webhook.id);
    const key = Buffer.from(secret?.slice(SECRET_PREFIX.length) ?? '', 'base64');
    const body = JSON.stringify(payload);
    const timestamp = Math.floor(n.clock.now().getTime() / 1000);
    const response = await n.send(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Dubbelslot',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${n.sign(key, `${id}.${timestamp}.${body}`)}`,
      },
      body,
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    await response.body?.cancel();
    if (response.status === 410) throw new Error('gone');
    if (!response.ok) throw new Error(`status ${response.status}`);
  };

  const settle = async (delivery: WebhookDelivery): Promise<void> => {
    const webhook = await n.webhooks.byId(delivery.webhookId);
    if (!webhook) return;
    const now = n.clock.now();
    try {
      await post(webhook, delivery);
      await n.webhooks.settle(delivery.id, 'delivered', null, now);
    } catch (error) {
      const why = cut((error as Error).message, 300);
      const wait = WAITS[delivery.attempts - 1];
      // Whoever says so wants to hear nothing any more (Standard Webhooks, “status codes”).
      if (why === 'gone' && webhook.disabledAt === null) await n.webhooks.change(webhook.id, { disabledAt: now });
      if (wait !== undefined && why !== 'gone') return n.webhooks.retryAt(delivery.id, addSeconds(now, wait), why);
      await n.webhooks.settle(delivery.id, 'dead', why, now);
      await n.audit({
        action: 'webhook.gave_up',
        object: `webhook:${webhook.id}`,
        result: 'failure',
        origin: 'system',
        actor: 'system',
        detail: { delivery: delivery.id, type: delivery.type, attempts: delivery.attempts, why },
      });
    }
  };

  return {
    async add({ url, description, events }, by) {
      const problem = problemWith({ url, events });
      if (problem) return refuse(problem);
      const webhook: Webhook = {
        id: n.random.uuid(),
        url,
        description: cut(description.trim(), 200),
        events,
        version: 1,
        createdAt: n.clock.now(),
        disabledAt: null,
      };
      const secret = newSecret();
      await n.webhooks.add(webhook, secret);
      await record('webhook.added', webhook, by);
      return accept({ webhook, secret });
    },

    async change(id, { isDisabled, ...changes }, by, version) {
      const problem = problemWith(changes);
      if (problem) return refuse(problem);
      const disabled = isDisabled === undefined ? {} : { disabledAt: isDisabled ? n.clock.now() : null };
      const changed = await n.webhooks.change(id, { ...changes, ...disabled }, version);
      if (changed.ok) await record('webhook.changed', changed.value, by);
      return changed;
    },

    async rotateSecret(id, by) {
      const webhook = await n.webhooks.byId(id);
      if (!webhook) return refuse('webhook_unknown');
      const secret = newSecret();
      await n.webhooks.setSecret(id, secret);
      await record('webhook.secret_rotated', webhook, by);
      return accept(secret);
    },

    async remove(id, by) {
      const webhook = await n.webhooks.byId(id);
      if (!webhook || !(await n.webhooks.remove(id))) return refuse('webhook_unknown');
      await record('webhook.removed', webhook, by);
      return accept(undefined);
    },

    async ping(id, by) {
      const webhook = await n.webhooks.byId(id);
      if (!webhook) return refuse('webhook_unknown');
      const now = n.clock.now();
      const payload = {
        type: 'webhook.ping',
        timestamp: now.toISOString(),
        data: { description: webhook.description },
      };
      const delivery = await n.webhooks.owe(id, 'webhook.ping', payload, now);
      await record('webhook.pinged', webhook, by);
      return accept(delivery);
    },

    async redeliver(id, deliveryId, by) {
      const webhook = await n.webhooks.byId(id);
      if (!webhook) return refuse('webhook_unknown');
      if (!(await n.webhooks.revive(id, deliveryId, n.clock.now()))) return refuse('delivery_unknown');
      await record('webhook.redelivered', webhook, by);
      return accept(undefined);
    },

    async deliver() {
      const now = n.clock.now();
      const due = await n.webhooks.take(now, addSeconds(now, LEASE_SECONDS), AT_ONCE);
      await Promise.all(due.map(settle));
      return due.length;
    },
  };
}

/** `https`, or plain http on this machine and inside the network: the signature protects what it says. */
function isAddress(text: string): boolean {
  if (!URL.canParse(text) || text.length > 1000) return false;
  const url = new URL(text);
  return (url.protocol === 'https:' || url.protocol === 'http:') && !url.username && !url.password && !url.hash;
}
