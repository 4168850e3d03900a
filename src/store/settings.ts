import { wrongSecretKey } from '../core/errors.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Database } from './database.ts';

/** Values that the installation makes for itself, once. */
export interface KeptSettings {
  /** A secret that is made on first use and then kept; of several processes that start together, one makes it. */
  secret(name: string, make: () => Promise<string>): Promise<string>;
  /**
   * What the keys of single purposes are derived from (passwords' pepper, digests, pairwise subjects): stays when the
   * secret key is replaced. @param former of an installation from before it was kept here: its secret key
   */
  rootKey(former: string, make: () => string): Promise<string>;
  /** @throws Fault `wrong_secret_key` where the database was sealed with another key */
  checkKey(): Promise<void>;
}

export const place = (name: string): string => `setting:secret:${name}`;

export function createKeptSettings({ sql }: Database, sealer: Sealer): KeptSettings {
  const secret: KeptSettings['secret'] = async (name, make) => {
    const read = async (): Promise<string | undefined> => {
      const [row] = await sql<{ secretSealed: Buffer }>`SELECT secret_sealed FROM setting WHERE name = ${name}`;
      return row && sealer.open(place(name), row.secretSealed).toString();
    };
    const there = await read();
    if (there !== undefined) return there;
    await sql`INSERT INTO setting (name, secret_sealed) VALUES (${name}, ${sealer.seal(place(name), await make())}) ON CONFLICT DO NOTHING`;
    return (await read())!;
  };
  return {
    secret,
    async rootKey(former, make) {
      const made = await sql`SELECT 1 FROM setting WHERE name = 'audit key'`;
      return secret('root key', async () => (made.length > 0 ? former : make()));
    },
    async checkKey() {
      try {
        await secret('key check', async () => 'right key');
      } catch (error) {
        if ((error as { code?: string }).code === 'unsealable') throw wrongSecretKey();
        throw error;
      }
    },
  };
}
