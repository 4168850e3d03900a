import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

/** Something that a web app must still be told. */
export interface ClientCall {
  readonly id: string;
  readonly kind: 'logout' | 'ping';
  readonly clientId: string;
  readonly accountId: string;
  /** logout: the session, as this web app knows it. */
  readonly sid: string | null;
  /** ping: the authentication request that was answered. */
  readonly requestId: string | null;
  /** How often it was tried, this time included. */
  readonly attempts: number;
}

export type NewClientCall = Omit<ClientCall, 'id' | 'attempts'>;

export interface ClientCalls {
  add(call: NewClientCall, now: Date): Promise<void>;
  /** Takes what is due, each by one instance; what is not `done` by then is due again at `againAt`. */
  take(now: Date, againAt: Date, most: number): Promise<ClientCall[]>;
  /** It arrived, or it is given up. */
  done(id: string): Promise<void>;
  retryAt(id: string, at: Date): Promise<void>;
}

/** Calls that are waiting have no row number yet: the client's id keeps a sealed id in its row. */
export const place = (clientId: string): string => `client_call:request:${clientId}`;

export function createClientCalls({ sql }: Database, sealer: Sealer): ClientCalls {
  /** What does not open is nobody's any more: the call is made without it, and goes. */
  const opened = (clientId: string, sealed: Buffer): string | null => {
    try {
      return sealer.open(place(clientId), sealed).toString();
    } catch {
      return null;
    }
  };
  return {
    async add({ kind, clientId, accountId, sid, requestId }, now) {
      const sealed = requestId === null ? null : sealer.seal(place(clientId), requestId);
      await sql`WITH added AS (INSERT INTO client_call (kind, client_id, account_id, sid, request_sealed, next_at, created_at)
          VALUES (${kind}, ${clientId}, ${accountId}, ${sid}, ${sealed}, ${now}, ${now}) RETURNING 1)
        SELECT pg_notify('dubbelslot', 'client_calls') FROM added`;
    },
    async take(now, againAt, most) {
      const rows = await sql<
        ClientCall & { requestSealed: Buffer | null }
      >`UPDATE client_call SET attempts = attempts + 1, next_at = ${againAt}
        WHERE id = ANY(ARRAY(SELECT id FROM client_call WHERE next_at <= ${now} ORDER BY next_at LIMIT ${most} FOR UPDATE SKIP LOCKED))
        RETURNING id, kind, client_id, account_id, sid, request_sealed, attempts`;
      return rows.map(({ requestSealed, ...call }) => ({
        ...call,
        requestId: requestSealed ? opened(call.clientId, requestSealed) : null,
      }));
    },
    async done(id) {
      await sql`DELETE FROM client_call WHERE id = ${id}`;
    },
    async retryAt(id, at) {
      await sql`UPDATE client_call SET next_at = ${at} WHERE id = ${id}`;
    },
  };
}
