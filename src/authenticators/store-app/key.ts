import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** Our key for store apps: RSA, because they know no other. Made on first use, kept sealed. */
export async function makeAppKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 3072 });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

export const openAppKey = (pem: string): KeyObject => createPrivateKey(pem);
