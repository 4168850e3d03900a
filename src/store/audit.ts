import type { AuditEvent } from '../core/audit.ts';
import type { Database } from './database.ts';

export interface RecordedEvent extends AuditEvent {
  readonly id: string;
  readonly at: Date;
}

export interface AuditStore {
  append(event: AuditEvent, at: Date): Promise<void>;
  list(options: { action?: string; accountId?: string; limit: number }): Promise<RecordedEvent[]>;
}

export function createAuditStore({ sql }: Database): AuditStore {
  return {
    async append(e, at) {
      await sql`INSERT INTO audit_event (at, action, object, result, origin, actor, account_id, request_id, detail)
        VALUES (${at}, ${e.action}, ${e.object}, ${e.result}, ${e.origin}, ${e.actor}, ${e.accountId ?? null}, ${e.requestId ?? null}, ${e.detail ?? {}})`;
    },
    list: ({ action, accountId, limit }) =>
      sql<RecordedEvent>`SELECT * FROM audit_event
        WHERE (${action ?? null}::text IS NULL OR action = ${action ?? null})
          AND (${accountId ?? null}::uuid IS NULL OR account_id = ${accountId ?? null})
        ORDER BY id DESC LIMIT ${limit}`,
  };
}
