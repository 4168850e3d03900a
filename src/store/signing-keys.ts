import type { JWK } from 'jose';
import type { Sealer } from '../crypto/seal.ts';
import {
  generateSigningKey,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  USUAL_ALGORITHMS,
} from '../crypto/signing-key.ts';
import type { Database, Sql } from './database.ts';

/** A key that is published. */
export interface PublishedKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** `next` is published before it signs; `former` verifies what it signed before. */
  readonly state: 'signs' | 'next' | 'former';
  readonly signsFrom: Date;
  readonly privateJwk: JWK;
}

export interface SigningKeys {
  /**
   * Every key that is published now, by algorithm; of each first the one that signs, which is made on first use.
   * `made`: the ids of those made now.
   */
  published(now: Date): Promise<{ keys: PublishedKey[]; made: string[] }>;
  /**
   * Adds a key for each algorithm in use that signs from `signsFrom`: where none is waiting already, or at once.
   * @returns the ids of the new keys
   */
  rotate(now: Date, signsFrom: Date): Promise<string[]>;
  /** Where the key that signs last is older than `before`: the same as `rotate`. */
  rotateOlder(before: Date, now: Date, signsFrom: Date): Promise<string[]>;
  /** @returns the id of the key that was made, or undefined where there is one */
  ensure(alg: SigningAlgorithm, now: Date): Promise<string | undefined>;
  /** Publishes it no longer, at once: what it signed is refused from now on. @returns false for an unknown key */
  withdraw(kid: string, now: Date): Promise<boolean>;
}

/** How long a key stays published after another took over: longer than anybody keeps an ID token as a hint. */
const FORMER_DAYS = 7;

const SIGNING_KEY_LOCK = 7_238_003;
export const place = (kid: string): string => `signing_key:private:${kid}`;

interface Row {
  kid: string;
  alg: SigningAlgorithm;
  privateSealed: Buffer;
  createdAt: Date;
  signsFrom: Date;
}

export function createSigningKeys(db: Database, sealer: Sealer): SigningKeys {
  const locked = <T>(work: (sql: Sql) => Promise<T>): Promise<T> =>
    db.transaction(async (sql) => {
      await sql`SELECT pg_advisory_xact_lock(${SIGNING_KEY_LOCK})`;
      return work(sql);
    });

  const rowsOf = (sql: Sql): Promise<Row[]> =>
    sql<Row>`SELECT kid, alg, private_sealed, created_at, signs_from FROM signing_key
      WHERE retired_at IS NULL ORDER BY signs_from DESC, created_at DESC`;

  const add = async (sql: Sql, alg: SigningAlgorithm, now: Date, signsFrom: Date): Promise<string> => {
    const { kid, privateJwk } = await generateSigningKey(alg, now);
    const sealed = sealer.seal(place(kid), JSON.stringify(privateJwk));
    await sql`INSERT INTO signing_key (kid, alg, private_sealed, created_at, signs_from)
      VALUES (${kid}, ${alg}, ${sealed}, ${now}, ${signsFrom})`;
    await sql`SELECT pg_notify('dubbelslot', 'keys')`;
    return kid;
  };

  const open = (row: Row, state: PublishedKey['state']): PublishedKey => ({
    kid: row.kid,
    alg: row.alg,
    state,
    signsFrom: row.signsFrom,
    privateJwk: JSON.parse(sealer.open(place(row.kid), row.privateSealed).toString()) as JWK,
  });

  /** Rows of one algorithm, newest first. */
  const stated = (rows: readonly Row[], now: Date): PublishedKey[] => {
    const next = rows.filter(({ signsFrom }) => signsFrom > now);
    const [signs, ...older] = rows.filter(({ signsFrom }) => signsFrom <= now);
    // Each took over from the one after it in this list.
    const former = older.filter((_row, index) => {
      const successor = index === 0 ? signs! : older[index - 1]!;
      return now.getTime() - successor.signsFrom.getTime() < FORMER_DAYS * 86_400_000;
    });
    return [
      ...(signs ? [open(signs, 'signs')] : []),
      ...next.map((row) => open(row, 'next')),
      ...former.map((row) => open(row, 'former')),
    ];
  };

  const rotateWhere = (now: Date, signsFrom: Date, isDue: (newest: Row) => boolean): Promise<string[]> =>
    locked(async (sql) => {
      // After a leak the keys that wait were read too.
      if (signsFrom <= now)
        await sql`UPDATE signing_key SET retired_at = ${now} WHERE signs_from > ${now} AND retired_at IS NULL`;
      const rows = await rowsOf(sql);
      const made: string[] = [];
      for (const alg of SIGNING_ALGORITHMS) {
        const newest = rows.find((row) => row.alg === alg);
        if (newest && isDue(newest)) made.push(await add(sql, alg, now, signsFrom));
      }
      return made;
    });

  return {
    published: (now) =>
      locked(async (sql) => {
        const made: string[] = [];
        const present = await rowsOf(sql);
        for (const alg of USUAL_ALGORITHMS)
          if (!present.some((row) => row.alg === alg)) made.push(await add(sql, alg, now, now));
        const rows = made.length > 0 ? await rowsOf(sql) : present;
        const keys = SIGNING_ALGORITHMS.flatMap((alg) =>
          stated(
            rows.filter((row) => row.alg === alg),
            now,
          ),
        );
        return { keys, made };
      }),
    rotate: (now, signsFrom) => rotateWhere(now, signsFrom, (newest) => newest.signsFrom <= now || signsFrom <= now),
    rotateOlder: (before, now, signsFrom) =>
      rotateWhere(now, signsFrom, (newest) => newest.createdAt < before && newest.signsFrom <= now),
    ensure: (alg, now) =>
      locked(async (sql) => {
        const rows = await sql`SELECT 1 FROM signing_key WHERE alg = ${alg} AND retired_at IS NULL LIMIT 1`;
        return rows.length > 0 ? undefined : add(sql, alg, now, now);
      }),
    async withdraw(kid, now) {
      const rows =
        await db.sql`UPDATE signing_key SET retired_at = ${now} WHERE kid = ${kid} AND retired_at IS NULL RETURNING kid, pg_notify('dubbelslot', 'keys')`;
      return rows.length === 1;
    },
  };
}
