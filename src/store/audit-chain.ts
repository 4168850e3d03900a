import type { KeyObject } from 'node:crypto';
import { CHAIN_START, isMac, linkHash, linkMac, type ProtectedEvent } from '../crypto/audit-chain.ts';
import { equalInConstantTime } from '../crypto/digest.ts';
import type { RecordedEvent } from './audit.ts';
import type { Database, Sql } from './database.ts';

/** An event as it is protected, with its number and digest. */
export type StoredEvent = ProtectedEvent & { readonly id: string; readonly mac: Buffer | null };

/** A place in the chain, with the event that stands there, where it still does. */
export interface Link {
  readonly position: bigint;
  readonly eventId: string;
  readonly hash: Buffer;
  readonly event: StoredEvent | undefined;
  /** Its hash is the one that follows from the place before it and from its event. */
  readonly follows: boolean;
  /** It was written with the server's key. */
  readonly isAuthentic: boolean;
  /** Its event was; null where that carries no digest, as those that are older than the chain. */
  readonly isEventAuthentic: boolean | null;
}

export interface ChainHead {
  /** 0 where nothing is linked yet. */
  readonly position: bigint;
  readonly hash: Buffer;
}

/** A signed statement about the chain up to a position. */
export interface SignedPosition {
  readonly position: bigint;
  readonly jws: string;
  readonly createdAt: Date;
}

export interface AuditChain {
  /**
   * Gives events that have none a place in the chain, in the order of their numbers; one instance at a time.
   * @param onLinked within the same transaction: what must happen once for each event
   * @returns how many
   */
  link(
    now: Date,
    most: number,
    onLinked: (sql: Sql, events: readonly RecordedEvent[]) => Promise<void>,
  ): Promise<number>;
  head(): Promise<ChainHead>;
  /** Links after a place, in order, each held against the one before it. */
  links(after: ChainHead, limit: number): Promise<Link[]>;
  /** Events that wait for a place, and since when the oldest does. */
  pending(): Promise<{ count: number; since: Date | null }>;
  /** Events that have a number up to the newest linked one, no place in the chain, and do not wait for one. */
  strangers(limit: number): Promise<StoredEvent[]>;
  /** @returns false where another instance was first */
  addCheckpoint(checkpoint: SignedPosition): Promise<boolean>;
  checkpoints(): Promise<SignedPosition[]>;
  lastCheckpoint(): Promise<SignedPosition | undefined>;
  truncations(): Promise<SignedPosition[]>;
  /** Whether the triggers that keep the log from being changed are on. */
  isGuarded(): Promise<boolean>;
}

/** Before the first event. */
export const CHAIN_BEGINNING: ChainHead = { position: 0n, hash: CHAIN_START };

const LINK_LOCK = 7_238_004;
const GUARDED_TABLES = ['audit_event', 'audit_chain', 'audit_checkpoint', 'audit_truncation'];

/** @param key of the digests that links carry */
export function createAuditChain(db: Database, key: KeyObject): AuditChain {
  const { sql } = db;
  const headOn = async (on: Sql): Promise<ChainHead> => {
    const [row] = await on<{
      position: string;
      hash: Buffer;
    }>`SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1`;
    if (row) return { position: BigInt(row.position), hash: row.hash };
    return CHAIN_BEGINNING;
  };
  const signed = (rows: { position: string; jws: string; createdAt: Date }[]): SignedPosition[] =>
    rows.map((row) => ({ ...row, position: BigInt(row.position) }));

  return {
    link: (now, most, onLinked) =>
      db.transaction(async (tx) => {
        const [lock] = await tx<{ isMine: boolean }>`SELECT pg_try_advisory_xact_lock(${LINK_LOCK}) AS is_mine`;
        if (!lock?.isMine) return 0;
        const waiting = await tx<{ eventId: string }>`DELETE FROM audit_pending
          WHERE event_id = ANY(ARRAY(SELECT event_id FROM audit_pending ORDER BY event_id LIMIT ${most})) RETURNING event_id`;
        if (waiting.length === 0) return 0;
        // Somebody may have put what has a place already there again, to stop us.
        const linked = await tx<{ eventId: string }>`SELECT event_id FROM audit_chain
          WHERE event_id = ANY(${waiting.map(({ eventId }) => eventId)}::bigint[])`;
        const known = new Set(linked.map(({ eventId }) => eventId));
        const ids = waiting
          .map(({ eventId }) => eventId)
          .filter((id) => !known.has(id))
          .sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
        const events = await tx<
          StoredEvent & RecordedEvent
        >`SELECT * FROM audit_event WHERE id = ANY(${ids}::bigint[]) ORDER BY id`;
        const byId = new Map(events.map((event) => [event.id, event]));
        let { position, hash } = await headOn(tx);
        const links = ids.map((id) => {
          position += 1n;
          hash = linkHash(position, hash, id, byId.get(id));
          return { position: position.toString(), id, hash, mac: linkMac(key, position, hash) };
        });
        await tx`INSERT INTO audit_chain (position, event_id, hash, mac, linked_at)
          SELECT *, ${now}::timestamptz FROM unnest(${links.map((link) => link.position)}::bigint[], ${links.map(({ id }) => id)}::bigint[],
            ${links.map((link) => link.hash)}::bytea[], ${links.map(({ mac }) => mac)}::bytea[])`;
        await onLinked(tx, events);
        return waiting.length;
      }),
    head: () => headOn(sql),
    async links(after, limit) {
      const rows = await sql<
        StoredEvent & { position: string; eventId: string; hash: Buffer; linkMac: Buffer; id: string | null }
      >`SELECT c.position, c.event_id, c.hash, c.mac AS link_mac, e.* FROM audit_chain c LEFT JOIN audit_event e ON e.id = c.event_id
        WHERE c.position > ${after.position.toString()}::bigint ORDER BY c.position LIMIT ${limit}`;
      let previous = after.hash;
      return rows.map(({ position: at, eventId, hash, linkMac: mac, ...row }) => {
        const position = BigInt(at);
        const event = row.id === null ? undefined : row;
        const follows = linkHash(position, previous, eventId, event).equals(hash);
        previous = hash;
        return {
          position,
          eventId,
          hash,
          event,
          follows,
          isAuthentic: equalInConstantTime(linkMac(key, position, hash), mac),
          isEventAuthentic: event?.mac ? isMac(key, event, event.mac) : null,
        };
      });
    },
    async pending() {
      const [row] = await sql<{ count: number; since: Date | null }>`SELECT count(*)::int AS count, min(at) AS since
        FROM audit_pending LEFT JOIN audit_event ON id = event_id`;
      return row!;
    },
    strangers: (limit) =>
      sql<StoredEvent>`SELECT e.* FROM audit_event e
        WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event_id = e.id)
          AND NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.event_id = e.id) ORDER BY e.id LIMIT ${limit}`,
    async addCheckpoint({ position, jws, createdAt }) {
      const rows = await sql`INSERT INTO audit_checkpoint (position, jws, created_at)
        VALUES (${position.toString()}, ${jws}, ${createdAt}) ON CONFLICT DO NOTHING RETURNING 1`;
      return rows.length === 1;
    },
    checkpoints: async () =>
      signed(await sql`SELECT position, jws, created_at FROM audit_checkpoint ORDER BY position`),
    async lastCheckpoint() {
      return signed(
        await sql`SELECT position, jws, created_at FROM audit_checkpoint ORDER BY position DESC LIMIT 1`,
      )[0];
    },
    truncations: async () =>
      signed(await sql`SELECT position, jws, created_at FROM audit_truncation ORDER BY position`),
    async isGuarded() {
      const rows = await sql<{
        relname: string;
      }>`SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE p.proname = 'refuse_change_of_audit' AND t.tgenabled = 'O' AND c.relname = ANY(${GUARDED_TABLES})`;
      return GUARDED_TABLES.every((table) => rows.some(({ relname }) => relname === table));
    },
  };
}
