import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

/** Where a phone's browser wants to be woken (Push API). The endpoint is a capability: sealed, logged as a digest. */
export interface PushSubscription {
  readonly authenticatorId: string;
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

export interface PushSubscriptions {
  put(subscription: PushSubscription, now: Date): Promise<void>;
  of(authenticatorIds: readonly string[]): Promise<PushSubscription[]>;
  remove(authenticatorId: string): Promise<void>;
  /** Removes it only if it is still this endpoint: the phone may have sent a new one meanwhile. */
  removeDead(subscription: PushSubscription): Promise<boolean>;
  accepted(authenticatorId: string, now: Date): Promise<void>;
}

export const place = (id: string): string => `push_subscription:subscription:${id}`;

export function createPushSubscriptions({ sql }: Database, sealer: Sealer): PushSubscriptions {
  return {
    async put(s, now) {
      const sealed = sealer.seal(place(s.authenticatorId), JSON.stringify([s.endpoint, s.p256dh, s.auth]));
      await sql`INSERT INTO push_subscription (authenticator_id, endpoint_digest, subscription_sealed, created_at)
        VALUES (${s.authenticatorId}, ${digest(s.endpoint)}, ${sealed}, ${now})
        ON CONFLICT (authenticator_id) DO UPDATE SET endpoint_digest = excluded.endpoint_digest,
          subscription_sealed = excluded.subscription_sealed, created_at = excluded.created_at, last_accepted_at = NULL`;
    },
    async of(authenticatorIds) {
      const rows = await sql<{
        authenticatorId: string;
        subscriptionSealed: Buffer;
      }>`SELECT authenticator_id, subscription_sealed
        FROM push_subscription WHERE authenticator_id = ANY(${authenticatorIds})`;
      return rows.map(({ authenticatorId, subscriptionSealed }) => {
        const text = sealer.open(place(authenticatorId), subscriptionSealed).toString();
        const [endpoint, p256dh, auth] = JSON.parse(text) as [string, string, string];
        return { authenticatorId, endpoint, p256dh, auth };
      });
    },
    async remove(authenticatorId) {
      await sql`DELETE FROM push_subscription WHERE authenticator_id = ${authenticatorId}`;
    },
    async removeDead(s) {
      const rows = await sql`DELETE FROM push_subscription
        WHERE authenticator_id = ${s.authenticatorId} AND endpoint_digest = ${digest(s.endpoint)} RETURNING authenticator_id`;
      return rows.length === 1;
    },
    async accepted(authenticatorId, now) {
      await sql`UPDATE push_subscription SET last_accepted_at = ${now} WHERE authenticator_id = ${authenticatorId}`;
    },
  };
}
