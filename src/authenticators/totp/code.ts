import { Secret, TOTP } from 'otpauth';
import type { Random } from '../../core/random.ts';

/** RFC 6238 with what every app supports: SHA-1, six digits, thirty seconds, a secret of 160 bits (RFC 4226, section 4). */
export const STEP_SECONDS = 30;
const DIGITS = 6;
const SECRET_BYTES = 20;
/** One step back and one forward: clocks differ, and people type slowly (RFC 6238, section 5.2). */
const WINDOW = 1;
/** Names in the address make the QR code larger, and apps cut them off. */
const LONGEST_ISSUER = 60;

/** A new secret, base 32 (RFC 4648): 32 characters. */
export const makeTotpSecret = (random: Random): string =>
  new Secret({ buffer: toArrayBuffer(random.bytes(SECRET_BYTES)) }).base32;

/** The address that code apps read from a QR code: `otpauth://totp/<issuer>:<account>?secret=...`. */
export function totpAddress(secret: string, issuer: string, account: string): string {
  // A colon parts the issuer from the account, escaped or not.
  const name = [...issuer.replaceAll(':', ' ')].slice(0, LONGEST_ISSUER).join('').trim();
  return totp(secret, name, account).toString();
}

/** @returns the time step that this code belongs to, or undefined where it is no code of now */
export function stepOf(secret: string, typed: string, now: Date): number | undefined {
  const token = typed.replace(/\D/g, '');
  if (token.length !== DIGITS) return undefined;
  const delta = totp(secret).validate({ token, timestamp: now.getTime(), window: WINDOW });
  return delta === null ? undefined : Math.floor(now.getTime() / 1000 / STEP_SECONDS) + delta;
}

const totp = (secret: string, issuer = '', label = 'account'): TOTP =>
  new TOTP({
    secret: Secret.fromBase32(secret),
    issuer,
    label,
    algorithm: 'SHA1',
    digits: DIGITS,
    period: STEP_SECONDS,
  });

const toArrayBuffer = (bytes: Buffer): ArrayBuffer => new Uint8Array(bytes).buffer;
