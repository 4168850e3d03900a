import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { unsealable } from '../core/errors.ts';
import type { SecretKey } from './secret-key.ts';

const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Sealer {
  /**
   * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.
   * @param place `table:column:row`, bound in as associated data: what is copied to another row does not open
   * @returns key id (4 bytes), nonce (12), ciphertext, tag (16)
   */
  seal(place: string, plain: string | Uint8Array): Buffer;
  /** @throws Fault `unsealable` for another key, another place, or any changed bit */
  open(place: string, sealed: Uint8Array): Buffer;
  /** In front of all that is sealed now. */
  readonly keyId: Buffer;
}

/** Seals with the first key, opens with any of them. */
export function createSealer(first: SecretKey, ...others: readonly SecretKey[]): Sealer {
  const keyId = Buffer.from(first.id, 'hex');
  const secrets = new Map([first, ...others].map((key) => [key.id, key.derive('seal')]));
  const secret = secrets.get(first.id)!;
  return {
    keyId,
    seal(place, plain) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', secret, nonce);
      cipher.setAAD(Buffer.from(place));
      return Buffer.concat([keyId, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(place, sealed) {
      const bytes = Buffer.from(sealed);
      const nonceEnd = KEY_ID_BYTES + NONCE_BYTES;
      const opening = secrets.get(bytes.subarray(0, KEY_ID_BYTES).toString('hex'));
      if (bytes.length < nonceEnd + TAG_BYTES || !opening) throw unsealable();
      const decipher = createDecipheriv('aes-256-gcm', opening, bytes.subarray(KEY_ID_BYTES, nonceEnd));
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceEnd, -TAG_BYTES)), decipher.final()]);
      } catch (cause) {
        throw unsealable(cause);
      }
    },
  };
}
