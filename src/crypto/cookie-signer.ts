import { createSecretKey } from 'node:crypto';
import { equalInConstantTime, keyedDigest } from './digest.ts';

/** What koa's cookies are signed by: the interface of Keygrip, which makes a random key for each comparison. */
export interface CookieSigner {
  sign(data: string): string;
  /** Which of the keys signed it, the first being today's; -1 for none. */
  index(data: string, signature: string): number;
  verify(data: string, signature: string): boolean;
}

/** HMAC-SHA256, base64url. @param secrets the first signs; what another signed still counts */
export function createCookieSigner(secrets: readonly string[]): CookieSigner {
  const keys = secrets.map((secret) => createSecretKey(secret, 'utf8'));
  const signatures = (data: string): string[] => keys.map((key) => keyedDigest(key, data).toString('base64url'));
  const index = (data: string, signature: string): number =>
    signatures(data).findIndex((right) => equalInConstantTime(right, signature));
  return {
    sign: (data) => keyedDigest(keys[0]!, data).toString('base64url'),
    index,
    verify: (data, signature) => index(data, signature) >= 0,
  };
}
