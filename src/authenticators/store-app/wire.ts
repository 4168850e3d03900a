import { constants, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { Secret } from 'otpauth';
import { digest } from '../../crypto/digest.ts';

/**
 * The byte rules of the store app: RSASSA-PKCS1-v1_5 with SHA-256 over UTF-8 text, as padded base 32. They were
 * written from its documented protocol; tests/journeys/store-app.test.ts holds us to them.
 */
export const APP_PATH = '/ttype/push';

const padded = (base32: string): string => base32.padEnd(Math.ceil(base32.length / 8) * 8, '=');

export function signText(text: string, privateKey: KeyObject): string {
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, padding: constants.RSA_PKCS1_PADDING });
  return padded(new Secret({ buffer: new Uint8Array(signature).buffer }).base32);
}

export function isSignedBy(text: string, signature: string, publicKey: KeyObject): boolean {
  try {
    const bytes = Buffer.from(Secret.fromBase32(signature.replace(/=+$/, '')).bytes);
    return verify('sha256', Buffer.from(text), { key: publicKey, padding: constants.RSA_PKCS1_PADDING }, bytes);
  } catch {
    return false;
  }
}

const SMALLEST_MODULUS = 2048;
const LARGEST_MODULUS = 8192;

/** The phone's key as the app sends it: SubjectPublicKeyInfo, base 64, perhaps bent by a form. Undefined where it is no such key. */
export function readPhoneKey(text: string): KeyObject | undefined {
  try {
    const der = Buffer.from(text.replaceAll('-', '+').replaceAll('_', '/').replaceAll(' ', '+'), 'base64');
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === 'rsa' && bits >= SMALLEST_MODULUS && bits <= LARGEST_MODULUS ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Our key as the app reads it: PKCS #1, base 64. */
export const ownKeyForApp = (privateKey: KeyObject): string =>
  createPublicKey(privateKey).export({ format: 'der', type: 'pkcs1' }).toString('base64');

/** Whether a time that the app wrote is not further away than this. Seconds. */
export function isTimely(timestamp: string, now: Date, seconds: number): boolean {
  const at = Date.parse(timestamp);
  return !Number.isNaN(at) && Math.abs(now.getTime() - at) <= seconds * 1000;
}

/** Sixteen hexadecimal digits that the enrolment's code stands for, so that each try has its own. */
export const serialOf = (credential: string): string =>
  `DBSL${digest(credential).toString('hex').slice(0, 16).toUpperCase()}`;

/** The address in the QR code: `otpauth://pipush/<account>?...`. */
export function enrolmentAddress(o: {
  publicUrl: string;
  email: string;
  organisation: string;
  credential: string;
  minutes: number;
}): string {
  const query = new URLSearchParams({
    url: o.publicUrl + APP_PATH,
    v: '1',
    serial: serialOf(o.credential),
    enrollment_credential: o.credential,
    // No other way: only the app's maker can wake it.
    poll_only: 'True',
    ttl: String(o.minutes),
    sslverify: '1',
    issuer: o.organisation.replaceAll(':', ' '),
  });
  return `otpauth://pipush/${encodeURIComponent(o.email)}?${query.toString().replaceAll('+', '%20')}`;
}

/** What the app gets to show, signed. */
export function challengeForApp(
  c: { nonce: string; serial: string; title: string; question: string; publicUrl: string },
  privateKey: KeyObject,
): Record<string, string> {
  const { nonce, serial, title, question } = c;
  const url = c.publicUrl + APP_PATH;
  const capabilities = '{"decline_reason":true}';
  return {
    nonce,
    serial,
    title,
    question,
    url,
    sslverify: '1',
    signature: signText([nonce, url, serial, question, title, '1'].join('|'), privateKey),
    capabilities,
    // RFC 8785: the members in this order, without spaces.
    capabilities_signature: signText(`{"capabilities":${capabilities},"nonce":${JSON.stringify(nonce)}}`, privateKey),
  };
}
