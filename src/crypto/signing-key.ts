import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { SigningAlgorithm } from '../core/signing.ts';

export { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../core/signing.ts';

/** What every installation has; the others are made when a web app first asks for one. */
export const USUAL_ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'RS256'];

export interface NewSigningKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** For RS256 with `x5c`: Microsoft Entra reads keys from certificates only. */
  readonly privateJwk: JWK;
}

const CERTIFICATE_YEARS = 10;

export async function generateSigningKey(alg: SigningAlgorithm, now: Date): Promise<NewSigningKey> {
  const keys = await generateKeyPair(alg, { extractable: true, modulusLength: 3072 });
  const jwk = await exportJWK(keys.privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  const x5c = alg === 'RS256' ? { x5c: [await certificateOf(keys, kid, now)] } : {};
  return { kid, alg, privateJwk: { ...jwk, kid, alg, use: 'sig', ...x5c } };
}

/** A certificate that says nothing but the key, signed by that key: base64 of its DER form (RFC 7517, section 4.7). */
async function certificateOf(keys: CryptoKeyPair, kid: string, now: Date): Promise<string> {
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + CERTIFICATE_YEARS);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Dubbelslot ${kid}`] }],
    notBefore: now,
    notAfter,
    signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    keys,
  });
  return certificate.toString('base64');
}
