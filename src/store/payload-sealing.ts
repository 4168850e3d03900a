import type { Sealer } from '../crypto/seal.ts';

/**
 * oidc-provider's stored object. `jti`, which is the bearer token itself, is left out and put back by the reader; where
 * it is needed without the token having been shown (a device code, found by its user code), it is sealed.
 */
export type OidcPayload = Record<string, unknown>;

/** A payload as its row has it. */
export interface PayloadRow {
  idDigest: Buffer;
  payload: OidcPayload;
  consumedAt: Date | null;
}

/** What else in a payload is a bearer token, and must be read again: sealed where it stands. */
export const SEALED: Readonly<Record<string, string>> = { DeviceCode: 'jti', Interaction: 'deviceCode' };
export const place = (type: string, idDigest: Uint8Array): string =>
  `oidc_payload:${type}:${Buffer.from(idDigest).toString('base64url')}`;

export const createPayloadSealing = (sealer: Sealer) => ({
  /** As it is written. */
  closed(type: string, idDigest: Uint8Array, payload: OidcPayload): OidcPayload {
    const field = SEALED[type];
    const secret = field && payload[field];
    if (typeof secret !== 'string') return payload;
    return { ...payload, [field!]: sealer.seal(place(type, idDigest), secret).toString('base64url') };
  },
  /** As the library knows it: with `consumed`, in seconds since 1970, where it was used. */
  opened(type: string, { idDigest, payload, consumedAt }: PayloadRow): OidcPayload {
    const field = SEALED[type];
    const sealed = field && payload[field];
    const secret =
      typeof sealed === 'string' && sealer.open(place(type, idDigest), Buffer.from(sealed, 'base64url')).toString();
    return {
      ...payload,
      ...(secret ? { [field!]: secret } : {}),
      ...(consumedAt ? { consumed: Math.floor(consumedAt.getTime() / 1000) } : {}),
    };
  },
});
