import { keyedDigest } from '../crypto/digest.ts';
import type { SecretKey } from '../crypto/secret-key.ts';
import { type Fragment, fragment } from './database.ts';

/** `first` for an account's first place ever. */
export type Seen = 'first' | 'known' | 'new';

/** Where an account signs in from; only keyed digests are stored. */
export interface KnownPlaces {
  /**
   * Keeps a place, as part of another table's statement: a query `seen` for its WITH list.
   * @param of the name of a query in that list: nothing is kept where it gives no row
   */
  see(accountId: string, place: string, now: Date, of: Fragment): Fragment;
  /** What `seen` gave. */
  read(row: { isNew: boolean | null; others: number | null }): Seen;
}

export function createKnownPlaces(secret: SecretKey): KnownPlaces {
  const key = secret.derive('known places');
  return {
    see: (accountId, place, now, of) =>
      fragment`seen AS (INSERT INTO known_place (account_id, place_digest, first_seen_at, last_seen_at)
        SELECT ${accountId}::uuid, ${keyedDigest(key, `${accountId} ${place}`)}::bytea, ${now}::timestamptz, ${now}::timestamptz FROM ${of}
        ON CONFLICT (account_id, place_digest) DO UPDATE SET last_seen_at = excluded.last_seen_at
        RETURNING first_seen_at = last_seen_at AS is_new,
          (SELECT count(*)::int FROM known_place k WHERE k.account_id = ${accountId}) AS others)`,
    read: ({ isNew, others }) => (!isNew ? 'known' : others === 0 ? 'first' : 'new'),
  };
}
