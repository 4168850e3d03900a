import type { AuditEvent } from '../core/audit.ts';
import type { Database } from './database.ts';

export interface RecordedEvent extends AuditEvent {
  readonly id: string;
  readonly at: Date;
}

export interface AuditStore {
  append(event: AuditEvent, at: Date): Promise<void>;
  list(options: { action?: string; accountId?: string; limit: number }): Promise<RecordedEvent[]>;
  /** An account's events of these kinds, newest first, older than `before`. */
  history(accountId: string, actions: readonly string[], limit: number, before?: string): Promise<RecordedEvent[]>;
  /** Events of one kind, oldest first. */
  since(action: string, at: Date, limit: number): Promise<RecordedEvent[]>;
  /** One event of an account. */
  eventOf(accountId: string, id: string): Promise<RecordedEvent | undefined>;
}

export function createAuditStore({ sql }: Database): AuditStore {
  return {
    async append(e, at) {
      await sql`INSERT INTO audit_event (at, action, object, result, origin, actor, account_id, request_id, detail)
        VALUES (${at}, ${e.action}, ${e.object}, ${e.result}, ${e.origin}, ${e.actor}, ${e.accountId ?? null}, ${e.requestId ?? null}, ${e.detail ?? {}})`;
    },
    history: (accountId, actions, limit, before) =>
      sql<RecordedEvent>`SELECT * FROM audit_event WHERE account_id = ${accountId} AND action = ANY(${actions})
          AND (${before ?? null}::bigint IS NULL OR id < ${before ?? null}) ORDER BY id DESC LIMIT ${limit}`,
    since: (action, at, limit) =>
      sql<RecordedEvent>`SELECT * FROM audit_event WHERE action = ${action} AND at >= ${at} ORDER BY id LIMIT ${limit}`,
    async eventOf(accountId, id) {
      const [row] =
        await sql<RecordedEvent>`SELECT * FROM audit_event WHERE id = ${id}::bigint AND account_id = ${accountId}`;
      return row;
    },
    list: ({ action, accountId, limit }) =>
      sql<RecordedEvent>`SELECT * FROM audit_event
        WHERE (${action ?? null}::text IS NULL OR action = ${action ?? null})
          AND (${accountId ?? null}::uuid IS NULL OR account_id = ${accountId ?? null})
        ORDER BY id DESC LIMIT ${limit}`,
  };
}
