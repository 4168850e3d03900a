import type { JWK } from 'jose';
import type { Sealer } from '../crypto/seal.ts';
import { generateSigningKey, SIGNING_ALGORITHMS } from '../crypto/signing-key.ts';
import type { Database } from './database.ts';

export interface SigningKeys {
  /** All keys in use, private parts opened, ES256 first; made on first use. `made`: the ids of those made now. */
  all(now: Date): Promise<{ keys: JWK[]; made: string[] }>;
}

const SIGNING_KEY_LOCK = 7_238_003;
const place = (kid: string): string => `signing_key:private:${kid}`;

export function createSigningKeys(db: Database, sealer: Sealer): SigningKeys {
  return {
    all: (now) =>
      db.transaction(async (sql) => {
        await sql`SELECT pg_advisory_xact_lock(${SIGNING_KEY_LOCK})`;
        const rows = await sql<{
          kid: string;
          alg: string;
          privateSealed: Buffer;
        }>`SELECT kid, alg, private_sealed FROM signing_key
          WHERE retired_at IS NULL ORDER BY created_at`;
        const keys = rows.map((row) => JSON.parse(sealer.open(place(row.kid), row.privateSealed).toString()) as JWK);
        const ids: string[] = [];
        for (const alg of SIGNING_ALGORITHMS) {
          if (keys.some((key) => key.alg === alg)) continue;
          const made = await generateSigningKey(alg);
          const sealed = sealer.seal(place(made.kid), JSON.stringify(made.privateJwk));
          await sql`INSERT INTO signing_key (kid, alg, private_sealed, created_at) VALUES (${made.kid}, ${alg}, ${sealed}, ${now})`;
          keys.push(made.privateJwk);
          ids.push(made.kid);
        }
        const order = (key: JWK): number => SIGNING_ALGORITHMS.indexOf(key.alg as (typeof SIGNING_ALGORITHMS)[number]);
        return { keys: keys.sort((a, b) => order(a) - order(b)), made: ids };
      }),
  };
}
