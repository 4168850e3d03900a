/**
 * Codes that a person may have to type: Crockford's base 32, which leaves out I, L, O and U,
 * in groups of four. 128 bits are 26 characters.
 */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Bytes to groups, `0A1B-2C3D-...`; the last character carries the bits that are left, padded with zeros. */
export function formatTypedCode(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
      value &= (1 << bits) - 1;
    }
  }
  if (bits > 0) text += ALPHABET[(value << (5 - bits)) & 31];
  return text.match(/.{1,4}/g)?.join('-') ?? '';
}

/** What was typed, as it is stored: upper case, without spaces and dashes, look-alikes read as meant. */
export function normalizeTypedCode(typed: string): string {
  return typed.toUpperCase().replace(/[\s-]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0');
}
