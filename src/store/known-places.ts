import { keyedDigest } from '../crypto/digest.ts';
import type { SecretKey } from '../crypto/secret-key.ts';
import type { Database } from './database.ts';

export interface KnownPlaces {
  /**
   * Keeps where an account signed in from; only keyed digests are stored.
   * @returns `first` for the account's first place ever, `known`, or `new`
   */
  see(accountId: string, place: string, now: Date): Promise<'first' | 'known' | 'new'>;
}

export function createKnownPlaces({ relaxedSql: sql }: Database, secret: SecretKey): KnownPlaces {
  const key = secret.derive('known places');
  return {
    async see(accountId, place, now) {
      const [row] = await sql<{
        isNew: boolean;
        others: number;
      }>`INSERT INTO known_place (account_id, place_digest, first_seen_at, last_seen_at)
        VALUES (${accountId}, ${keyedDigest(key, `${accountId} ${place}`)}, ${now}, ${now})
        ON CONFLICT (account_id, place_digest) DO UPDATE SET last_seen_at = excluded.last_seen_at
        RETURNING first_seen_at = last_seen_at AS is_new,
          (SELECT count(*)::int FROM known_place k WHERE k.account_id = ${accountId}) AS others`;
      if (!row?.isNew) return 'known';
      return row.others === 0 ? 'first' : 'new';
    },
  };
}
