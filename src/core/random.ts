import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** Chance comes in by the door, like time. All of it is from the system's cryptographic generator. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Buffer;
  /** A version 4 UUID (RFC 9562, section 5.4). */
  uuid(): string;
  /** A string of exactly `length` decimal digits, evenly distributed. */
  digits(length: number): string;
}

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  digits: (length) => Array.from({ length }, () => randomInt(10)).join(''),
};

/** A random identifier or secret of 128 bits, as 22 base64url characters. */
export const token128 = (random: Random): string => random.bytes(16).toString('base64url');

/** A random secret of 256 bits, as 43 base64url characters. */
export const token256 = (random: Random): string => random.bytes(32).toString('base64url');

/** What a request is called in the log, and by whoever reads it out on the telephone: 16 hexadecimal digits, all random. */
export function requestId(random: Random): string {
  const uuid = random.uuid();
  return uuid.slice(0, 8) + uuid.slice(28);
}
