import { createHmac, createSecretKey } from 'node:crypto';
import { equalInConstantTime } from './digest.ts';

/** What koa's cookies are signed by: the interface of Keygrip, which makes a random key for each comparison. */
export interface CookieSigner {
  sign(data: string): string;
  /** Which of the keys signed it, the first being today's; -1 for none. */
  index(data: string, signature: string): number;
  verify(data: string, signature: string): boolean;
}

/**
 * HMAC-SHA1, base64url, as Keygrip signs: during an update instances of two versions read each other's cookies.
 * @param secrets the first signs; what another signed still counts
 */
export function createCookieSigner(secrets: readonly string[]): CookieSigner {
  const signers = secrets.map((secret) => {
    const key = createSecretKey(secret, 'utf8');
    return (data: string): string => createHmac('sha1', key).update(data).digest('base64url');
  });
  const index = (data: string, signature: string): number =>
    signers.findIndex((sign) => equalInConstantTime(sign(data), signature));
  return {
    sign: signers[0]!,
    index,
    verify: (data, signature) => index(data, signature) >= 0,
  };
}
