import { createSecretKey } from 'node:crypto';
import { makeVapidKeys, type VapidKeys } from './authenticators/push/deliver.ts';
import { type Random, token256 } from './core/random.ts';
import { createSealer } from './crypto/seal.ts';
import { secretKey } from './crypto/secret-key.ts';
import type { Audit } from './flow/audit.ts';
import { recordKeys } from './flow/signing-keys.ts';
import type { Database } from './store/database.ts';
import { createKeptSettings, type KeptSettings } from './store/settings.ts';

/**
 * What is kept secret with: the sealer, and the keys of single purposes, which stay when the secret key is replaced.
 * @param keys of `SECRET_KEY`: the first seals, all open
 * @throws Fault `wrong_secret_key`
 */
export async function openSecrets(keys: readonly string[], database: Database, random: Random) {
  const [first, ...former] = keys.map(secretKey);
  const sealer = createSealer(first!, ...former);
  const settings = createKeptSettings(database, sealer);
  await settings.checkKey();
  const made = async (): Promise<string> => token256(random);
  const root = secretKey(await settings.rootKey(keys.at(-1)!, () => token256(random)));
  return {
    sealer,
    settings,
    root,
    auditKey: createSecretKey(await settings.secret('audit key', made), 'base64url'),
    /** Of what browsers hold: what was signed with a former key still counts. */
    cookieKeysFor: (purpose: 'cookies' | 'portal session'): string[] =>
      [first!, ...former].map((key) => key.derive(purpose).export().toString('base64url')),
  };
}

/** Our key towards push services (VAPID, RFC 8292), made on first use. */
export const vapidKeys = async (settings: KeptSettings, audit: Audit): Promise<VapidKeys> =>
  JSON.parse(
    await settings.secret('vapid keys', async () => {
      await recordKeys(audit, ['vapid']);
      return JSON.stringify(makeVapidKeys());
    }),
  );
