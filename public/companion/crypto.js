// The phone's keys and what they sign. Everything here is WebCrypto; nothing is written by ourselves.
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const encoder = new TextEncoder();

export const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

export const fromBase64url = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

const sha256 = async (text) => base64url(await crypto.subtle.digest('SHA-256', encoder.encode(text)));

/** A key pair whose private half cannot be exported, not by us either. */
export async function makeKeys() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const publicJwk = { crv, kty, x, y };
  // RFC 7638: the members in this order, without spaces.
  return { privateKey: pair.privateKey, publicJwk, thumbprint: await sha256(JSON.stringify(publicJwk)) };
}

async function sign(privateKey, header, payload) {
  const input = `${base64url(encoder.encode(JSON.stringify(header)))}.${base64url(encoder.encode(JSON.stringify(payload)))}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, encoder.encode(input));
  return `${input}.${base64url(signature)}`;
}

/** A proof that this call is made by this key, once, now (RFC 9449). `now` in seconds. */
export const makeProof = ({ privateKey, publicJwk }, method, path, now) =>
  sign(
    privateKey,
    { typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk },
    {
      htm: method,
      htu: location.origin + path,
      iat: now,
      jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
    },
  );

/** What was shown is what is signed; src/authenticators/push/challenge.ts has the twin. */
export const contextDigest = (context) =>
  sha256(
    [
      context.purpose,
      context.client,
      context.browser,
      context.ip,
      context.place ?? '',
      context.at,
      ...(context.about ? [context.about.message, context.about.amount ?? '', context.about.to ?? ''] : []),
    ].join('\n'),
  );

/** The phone's own code secret (base 32) as a key that nobody can read out. */
export function importCodeKey(secret) {
  const bits = [...secret]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  const bytes = Uint8Array.from(bits.match(/.{8}/g), (byte) => Number.parseInt(byte, 2));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-1' }, false, ['sign']);
}

export const CODE_SECONDS = 30;

/** The six digits of this moment (RFC 6238); `now` in seconds. */
export async function codeAt(key, now) {
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(now / CODE_SECONDS)));
  const mac = new DataView(await crypto.subtle.sign('HMAC', key, counter.buffer));
  const part = mac.getUint32(mac.getUint8(19) & 15) & 0x7fffffff;
  return String(part % 1_000_000).padStart(6, '0');
}

/** Hands this account over to the phone with the key `key` (a thumbprint). */
export const makeTransfer = ({ keys, id }, transfer, key, now) =>
  sign(
    keys.privateKey,
    { typ: 'dubbelslot-transfer+jws', alg: 'ES256', kid: id },
    { aud: location.origin, transfer, key, iat: now },
  );

/** The signed answer to a challenge. `match` is `{ number }` or `{ code }` for an approval. */
export async function makeAnswer({ keys, id }, challenge, decision, match, now) {
  return sign(
    keys.privateKey,
    { typ: 'dubbelslot-answer+jws', alg: 'ES256', kid: id },
    {
      aud: location.origin,
      challenge: challenge.id,
      context: await contextDigest(challenge.context),
      decision,
      iat: now,
      ...match,
    },
  );
}
