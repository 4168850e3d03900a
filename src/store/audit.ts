import type { KeyObject } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import type { Random } from '../core/random.ts';
import { macOf } from '../crypto/audit-chain.ts';
import { type Condition, type Database, type Fragment, fragment, storable, whereStatement } from './database.ts';

export interface RecordedEvent extends AuditEvent<string> {
  readonly id: string;
  readonly at: Date;
}

/** With what somebody else needs to verify it. */
export interface ExportedEvent extends RecordedEvent {
  readonly key: string | null;
  /** Its place in the hash chain, where it has one yet. */
  readonly position: string | null;
  readonly hash: Buffer | null;
}

/** What to look for; what is left out matches everything. */
export interface AuditFilter {
  readonly id?: string | undefined;
  readonly action?: string | undefined;
  /** How the action begins: `authenticator.`. */
  readonly actionPrefix?: string | undefined;
  readonly accountId?: string | undefined;
  readonly actor?: string | undefined;
  readonly origin?: string | undefined;
  readonly object?: string | undefined;
  readonly requestId?: string | undefined;
  readonly result?: AuditEvent['result'] | undefined;
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface AuditStore {
  /** @param alongside queries for the WITH list of the same statement: what is kept with the event or not at all */
  append(event: AuditEvent<string>, at: Date, alongside?: Fragment): Promise<void>;
  list(options: { action?: string; accountId?: string; limit: number }): Promise<RecordedEvent[]>;
  /** Newest first, older than the event `before`. */
  search(filter: AuditFilter, limit: number, before?: string): Promise<RecordedEvent[]>;
  /** Oldest first, newer than the event `after`: for an export that is read in pieces. */
  page(filter: AuditFilter, limit: number, after: string): Promise<ExportedEvent[]>;
  /** An account's events of these kinds, newest first, older than `before`. */
  history(accountId: string, actions: readonly string[], limit: number, before?: string): Promise<RecordedEvent[]>;
  /** Events of one kind, oldest first. */
  since(action: string, at: Date, limit: number): Promise<RecordedEvent[]>;
  /** One event of an account. */
  eventOf(accountId: string, id: string): Promise<RecordedEvent | undefined>;
}

/**
 * The part of another table's statement that keeps an event of what it did: with it, or not at all. Two queries for its
 * WITH list.
 * @param of the name of a query in that list: one event where it gives a row, none where it gives none
 */
export type EventOf = (event: AuditEvent<string>, at: Date, of: Fragment) => Fragment;

/** @param key of the digest that an event carries */
export const createEventOf =
  (key: KeyObject, random: Random): EventOf =>
  (event, at, of) => {
    // As the database will give it back: without what JSON does not keep, and without what PostgreSQL does not.
    const text = (value: string): string => storable(value) as string;
    const e = {
      key: random.uuid(),
      at,
      action: text(event.action),
      object: text(event.object),
      result: event.result,
      origin: text(event.origin),
      actor: text(event.actor),
      accountId: event.accountId ?? null,
      requestId: event.requestId === undefined ? null : text(event.requestId),
      detail: JSON.parse(storable(event.detail ?? {}) as string) as object,
    };
    return fragment`added AS (INSERT INTO audit_event (at, action, object, result, origin, actor, account_id, request_id, detail, key, mac)
        SELECT ${e.at}::timestamptz, ${e.action}::text, ${e.object}::text, ${e.result}::text, ${e.origin}::text, ${e.actor}::text,
          ${e.accountId}::uuid, ${e.requestId}::text, ${e.detail}::jsonb, ${e.key}::uuid, ${macOf(key, e)}::bytea FROM ${of} RETURNING id),
      noted AS (INSERT INTO audit_pending SELECT id FROM added)`;
  };

export function createAuditStore(db: Database, eventOf: EventOf): AuditStore {
  const { sql } = db;
  return {
    async append(event, at, alongside) {
      const more = alongside ? fragment`${alongside}, ` : fragment``;
      await sql`WITH ${more}${eventOf(event, at, fragment`(VALUES (1)) one`)} SELECT FROM added`;
    },
    search: (filter, limit, before) =>
      db.query<RecordedEvent>(
        ...statementFor(
          filter,
          before === undefined ? [] : [['e.id < ?::bigint', before]],
          `e.id DESC LIMIT ${Number(limit)}`,
        ),
      ),
    page: (filter, limit, after) =>
      db.query<ExportedEvent>(...statementFor(filter, [['e.id > ?::bigint', after]], `e.id LIMIT ${Number(limit)}`)),
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

/** Only what is asked is in the text, so that PostgreSQL plans for it; all of it from here, values apart. */
function statementFor(f: AuditFilter, more: readonly Condition[], order: string): [text: string, values: unknown[]] {
  const prefix = f.actionPrefix?.replace(/[%_\\]/g, '\\$&');
  return whereStatement(
    `SELECT e.id, e.at, e.action, e.object, e.result, e.origin, e.actor, e.account_id, e.request_id, e.detail, e.key,
      c.position, c.hash FROM audit_event e LEFT JOIN audit_chain c ON c.event_id = e.id`,
    [
      ...more,
      ['e.id = ?::bigint', f.id],
      ['e.action = ?', f.action],
      ['e.action LIKE ?', prefix === undefined ? undefined : `${prefix}%`],
      ['e.account_id = ?', f.accountId],
      ['e.actor = ?', f.actor],
      ['e.origin = ?', f.origin],
      ['e.object = ?', f.object],
      ['e.request_id = ?', f.requestId],
      ['e.result = ?', f.result],
      ['e.at >= ?', f.from],
      ['e.at < ?', f.until],
    ],
    `ORDER BY ${order}`,
  );
}
