import { CompactSign, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';

/** Signs what must be believed elsewhere, without our database: JWS with ES256 (RFC 7515, RFC 7518). */
export interface StatementSigner {
  readonly publicJwk: JWK;
  sign(type: string, statement: object): Promise<string>;
  /** The statement, or undefined where it was not signed by us, or is of another type. */
  read(type: string, jws: string): Promise<unknown>;
}

export async function makeStatementKey(): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return JSON.stringify(await exportJWK(privateKey));
}

export async function openStatementKey(text: string): Promise<StatementSigner> {
  const jwk = JSON.parse(text) as JWK;
  const { d, ...publicJwk } = jwk;
  const [privateKey, publicKey] = await Promise.all([importJWK(jwk, 'ES256'), importJWK(publicJwk, 'ES256')]);
  return {
    publicJwk: { ...publicJwk, alg: 'ES256', use: 'sig' },
    sign: (typ, statement) =>
      new CompactSign(Buffer.from(JSON.stringify(statement)))
        .setProtectedHeader({ alg: 'ES256', typ })
        .sign(privateKey),
    async read(type, jws) {
      try {
        const { payload, protectedHeader } = await compactVerify(jws, publicKey, { algorithms: ['ES256'] });
        return protectedHeader.typ === type ? JSON.parse(Buffer.from(payload).toString()) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
