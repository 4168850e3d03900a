import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a random value of at least 128 bits: enough to look it up, useless to a thief. */
export const digest = (value: string | Uint8Array): Buffer => hash('sha256', value, 'buffer');

/**
 * HMAC-SHA256, for values that could be guessed (an e-mail address): without the key the digest tells nothing.
 * @param key an object of Node's: a key in a Buffer takes it ten times as long, for an error thrown and caught within
 */
export const keyedDigest = (key: KeyObject, value: string): Buffer => createHmac('sha256', key).update(value).digest();

/** Compares without telling by time where two values differ. */
export function equalInConstantTime(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return timingSafeEqual(digest(a), digest(b));
}
