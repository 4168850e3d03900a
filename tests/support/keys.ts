import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** A key pair of a web app. */
export interface AppKey {
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function makeAppKey(alg = 'ES256'): Promise<AppKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', kid: randomUUID() };
  return { privateKey, publicJwk };
}

/** A JWT by that key, for now. */
export const signJwt = ({ privateKey, publicJwk }: AppKey, payload: JWTPayload, typ?: string): Promise<string> =>
  new SignJWT({ jti: randomUUID(), ...payload })
    .setProtectedHeader({ alg: publicJwk.alg!, kid: publicJwk.kid!, ...(typ ? { typ } : {}) })
    .setIssuedAt(payload.iat)
    .setExpirationTime(payload.exp ?? '60s')
    .sign(privateKey);
