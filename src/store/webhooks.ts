import type { Random } from '../core/random.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { RecordedEvent } from './audit.ts';
import { type Database, type Sql, whereStatement } from './database.ts';

/** Somewhere that hears of audit events as they happen. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  /** `*`, `account.reset`, or `account.*`. */
  readonly events: readonly string[];
  readonly version: number;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

export type DeliveryState = 'due' | 'delivered' | 'dead';

export interface WebhookDelivery {
  readonly id: string;
  readonly webhookId: string;
  readonly type: string;
  readonly payload: object;
  readonly state: DeliveryState;
  /** How often it was tried. */
  readonly attempts: number;
  readonly nextAt: Date;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
}

export interface Webhooks {
  add(webhook: Webhook, secret: string): Promise<void>;
  byId(id: string): Promise<Webhook | undefined>;
  list(): Promise<Webhook[]>;
  secret(id: string): Promise<string | undefined>;
  /** Refusals: `webhook_unknown`, `version_changed`. */
  change(
    id: string,
    changes: Partial<Pick<Webhook, 'url' | 'description' | 'events' | 'disabledAt'>>,
    version?: number,
  ): Promise<Result<Webhook>>;
  setSecret(id: string, secret: string): Promise<void>;
  /** With what it was still owed. @returns whether there was one */
  remove(id: string): Promise<boolean>;
  /** Owes each event to whoever listens for it, within the transaction that links it: once. */
  enqueue(sql: Sql, events: readonly RecordedEvent[], now: Date): Promise<void>;
  /** One message to one webhook, by hand. */
  owe(webhookId: string, type: string, payload: object, now: Date): Promise<string>;
  /** Takes what is due, each by one instance; what is not settled by then is due again at `againAt`. */
  take(now: Date, againAt: Date, most: number): Promise<WebhookDelivery[]>;
  settle(id: string, state: 'delivered' | 'dead', error: string | null, now: Date): Promise<void>;
  retryAt(id: string, at: Date, error: string): Promise<void>;
  /** Newest first. */
  deliveries(
    filter: { webhookId?: string | undefined; state?: DeliveryState | undefined; hasFailed?: boolean | undefined },
    limit: number,
  ): Promise<WebhookDelivery[]>;
  /** A dead one is due again. @returns false for any other */
  revive(webhookId: string, deliveryId: string, now: Date): Promise<boolean>;
}

export const place = (id: string): string => `webhook:secret:${id}`;
const COLUMNS = 'id, url, description, events, version, created_at, disabled_at';

export function createWebhooks(db: Database, sealer: Sealer, random: Random): Webhooks {
  const { sql } = db;
  const byId: Webhooks['byId'] = async (id) =>
    (await db.query<Webhook>(`SELECT ${COLUMNS} FROM webhook WHERE id = $1`, [id]))[0];
  const owe = async (on: Sql, webhookId: string, type: string, payload: object, now: Date): Promise<string> => {
    const id = random.uuid();
    await on`INSERT INTO webhook_delivery (id, webhook_id, type, payload, next_at, created_at)
      VALUES (${id}, ${webhookId}, ${type}, ${payload}, ${now}, ${now})`;
    return id;
  };
  return {
    async add(w, secret) {
      await sql`INSERT INTO webhook (id, url, description, events, secret_sealed, created_at)
        VALUES (${w.id}, ${w.url}, ${w.description}, ${w.events}, ${sealer.seal(place(w.id), secret)}, ${w.createdAt})`;
    },
    byId,
    list: () => db.query<Webhook>(`SELECT ${COLUMNS} FROM webhook ORDER BY created_at`, []),
    async secret(id) {
      const [row] = await sql<{ secretSealed: Buffer }>`SELECT secret_sealed FROM webhook WHERE id = ${id}`;
      return row && sealer.open(place(id), row.secretSealed).toString();
    },
    async change(id, changes, version) {
      const before = await byId(id);
      if (!before) return refuse('webhook_unknown');
      const { url, description, events, disabledAt } = { ...before, ...changes };
      const [row] = await db.query<Webhook>(
        `UPDATE webhook SET url = $3, description = $4, events = $5, disabled_at = $6
          WHERE id = $1 AND version = $2 RETURNING ${COLUMNS}`,
        [id, version ?? before.version, url, description, events, disabledAt],
      );
      return row ? accept(row) : refuse('version_changed');
    },
    async setSecret(id, secret) {
      await sql`UPDATE webhook SET secret_sealed = ${sealer.seal(place(id), secret)} WHERE id = ${id}`;
    },
    async remove(id) {
      const rows = await sql`DELETE FROM webhook WHERE id = ${id} RETURNING 1`;
      return rows.length === 1;
    },
    async enqueue(tx, events, now) {
      const wanted = await tx<{ webhookId: string; eventId: string }>`SELECT w.id AS webhook_id, e.id AS event_id
        FROM webhook w, unnest(${events.map(({ id }) => id)}::bigint[], ${events.map(({ action }) => action)}::text[],
          ${events.map(({ at }) => at)}::timestamptz[]) AS e (id, action, at)
        WHERE w.disabled_at IS NULL AND e.at >= w.created_at AND e.action <> 'webhook.gave_up' AND EXISTS (SELECT 1 FROM unnest(w.events) p
          WHERE p = '*' OR p = e.action OR (right(p, 2) = '.*' AND starts_with(e.action, left(p, -1))))`;
      const byEvent = new Map(events.map((event) => [event.id, event]));
      for (const { webhookId, eventId } of wanted) {
        const e = byEvent.get(eventId)!;
        const { id, at, action, object, result, origin, actor, accountId, requestId, detail } = e;
        const data = { id, at, action, object, result, origin, actor, accountId, requestId, detail };
        await owe(tx, webhookId, e.action, { type: e.action, timestamp: e.at.toISOString(), data }, now);
      }
    },
    owe: (webhookId, type, payload, now) => owe(sql, webhookId, type, payload, now),
    take: (now, againAt, most) =>
      sql<WebhookDelivery>`UPDATE webhook_delivery SET attempts = attempts + 1, next_at = ${againAt}
        WHERE id = ANY(ARRAY(SELECT id FROM webhook_delivery WHERE state = 'due' AND next_at <= ${now}
          ORDER BY next_at LIMIT ${most} FOR UPDATE SKIP LOCKED)) RETURNING *`,
    async settle(id, state, error, now) {
      await sql`UPDATE webhook_delivery SET state = ${state}, last_error = ${error}, settled_at = ${now} WHERE id = ${id}`;
    },
    async retryAt(id, at, error) {
      await sql`UPDATE webhook_delivery SET next_at = ${at}, last_error = ${error} WHERE id = ${id}`;
    },
    deliveries: ({ webhookId, state, hasFailed }, limit) =>
      db.query<WebhookDelivery>(
        ...whereStatement(
          'SELECT * FROM webhook_delivery',
          [
            ['webhook_id = ?', webhookId],
            ['state = ?', state],
            ['(last_error IS NOT NULL) = ?', hasFailed],
          ],
          `ORDER BY created_at DESC LIMIT ${Number(limit)}`,
        ),
      ),
    async revive(webhookId, deliveryId, now) {
      const rows =
        await sql`UPDATE webhook_delivery SET state = 'due', attempts = 0, next_at = ${now}, settled_at = NULL
        WHERE id = ${deliveryId} AND webhook_id = ${webhookId} AND state = 'dead' RETURNING 1`;
      return rows.length === 1;
    },
  };
}
