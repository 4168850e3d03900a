import { createSecretKey, hash, hkdfSync, type KeyObject } from 'node:crypto';

/**
 * The one secret of an installation, and the keys derived from it by HKDF-SHA256 (RFC 5869),
 * one for each use, so that no key serves two purposes.
 */
export interface SecretKey {
  /** Eight hexadecimal characters that name the key without telling it; in front of all that is sealed. */
  readonly id: string;
  /** A 32-byte key for one purpose. The same purpose gives the same key. */
  derive(purpose: string): KeyObject;
}

/**
 * @param text at least 43 base64url characters (256 bits)
 * @throws RangeError where the text is too short or not base64url
 */
export function secretKey(text: string): SecretKey {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed, 'base64url');
  if (!/^[\w-]+=*$/.test(trimmed) || bytes.length < 32) {
    throw new RangeError('a secret key is at least 43 base64url characters (256 random bits)');
  }
  const derive = (purpose: string): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync('sha256', bytes, 'dubbelslot', `dubbelslot/v1/${purpose}`, 32)));
  return { id: hash('sha256', derive('key id').export()).slice(0, 8), derive };
}
