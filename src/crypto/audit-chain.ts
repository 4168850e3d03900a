import { createHash, createHmac, type KeyObject } from 'node:crypto';
import canonicalize from 'canonicalize';
import { equalInConstantTime, keyedDigest } from './digest.ts';

/** What of an audit event is protected: all of it. Dates as ISO 8601 in UTC, `detail` as it comes back from JSON. */
export interface ProtectedEvent {
  /** Random: two events are never the same. Null for what was written before there was a chain. */
  readonly key: string | null;
  readonly at: Date;
  readonly action: string;
  readonly object: string;
  readonly result: string;
  readonly origin: string;
  readonly actor: string;
  readonly accountId: string | null;
  readonly requestId: string | null;
  readonly detail: unknown;
}

/** JSON of which there is one way to write it (RFC 8785), whatever order or spacing the database gives back. */
const canonical = (value: unknown): string => canonicalize(value) ?? 'null';

const eventText = (e: ProtectedEvent): string =>
  canonical([
    e.key,
    e.at.toISOString(),
    e.action,
    e.object,
    e.result,
    e.origin,
    e.actor,
    e.accountId,
    e.requestId,
    e.detail,
  ]);

/** HMAC-SHA256: nobody without the key can make an event, or change one. */
export const macOf = (key: KeyObject, event: ProtectedEvent): Buffer => keyedDigest(key, eventText(event));

export const isMac = (key: KeyObject, event: ProtectedEvent, mac: Uint8Array): boolean =>
  equalInConstantTime(macOf(key, event), mac);

/** HMAC-SHA256 over a link: nobody without the key can write the chain anew. */
export const linkMac = (key: KeyObject, position: bigint, hash: Uint8Array): Buffer =>
  createHmac('sha256', key).update(`${position} `).update(hash).digest();

/** What the first event goes on from. */
export const CHAIN_START = Buffer.alloc(32);

/**
 * SHA-256 over the place in the chain, the hash before it, and the event with its number.
 * @param event undefined where it was gone before it got a place, which is kept as such
 */
export function linkHash(
  position: bigint,
  previous: Uint8Array,
  eventId: string,
  event: (ProtectedEvent & { readonly mac: Uint8Array | null }) | undefined,
): Buffer {
  const hash = createHash('sha256')
    .update(previous)
    .update(canonical([position.toString(), eventId]));
  if (!event) return hash.update('missing').digest();
  return hash
    .update(eventText(event))
    .update(event.mac ?? '')
    .digest();
}
