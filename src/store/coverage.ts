import { GAPS, type Gap } from '../core/gaps.ts';
import type { Database } from './database.ts';

/** People who may sign in, and what is missing. */
export interface Coverage {
  /** Empty for everybody. */
  readonly groupName: string;
  readonly people: number;
  /** No second factor that can be used. */
  readonly without: number;
  /** One only: losing it locks them out. */
  readonly oneOnly: number;
  /** Phones, none of which has answered for a while. */
  readonly silentPhone: number;
  /** No recovery code is left. */
  readonly noCodes: number;
}

export type CoverageDay = Coverage & { readonly day: string };

/** Somebody in whose coverage there is a gap. */
export interface UncoveredPerson {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly groups: readonly string[];
  readonly lastStrongAt: Date | null;
  readonly createdAt: Date;
  readonly gaps: readonly Gap[];
}

export interface CoverageStore {
  /** Everybody first, then each group, by name. */
  now(silentSince: Date): Promise<Coverage[]>;
  people(
    gap: Gap | undefined,
    group: string | undefined,
    silentSince: Date,
    limit: number,
    after?: string,
  ): Promise<UncoveredPerson[]>;
  /** Keeps how it is today. */
  keepDay(day: string, silentSince: Date): Promise<void>;
  days(group: string, since: string): Promise<CoverageDay[]>;
}

/** One row for each person who may sign in; `$1` is since when a phone is silent. */
const PERSON = `SELECT a.id, a.email, a.display_name, a.groups, a.last_strong_at, a.created_at,
    s.strong = 0 AS without, s.strong = 1 AS one_only,
    s.phones > 0 AND s.answering = 0 AS silent_phone, s.strong > 0 AND coalesce(c.codes, 0) = 0 AS no_codes
  FROM account a
  CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE kind IN ('push', 'store_app', 'totp', 'webauthn'))::int AS strong,
      count(*) FILTER (WHERE kind = 'push')::int AS phones,
      count(*) FILTER (WHERE kind = 'push' AND coalesce(last_used_at, created_at) >= $1)::int AS answering
    FROM authenticator WHERE account_id = a.id AND state = 'active' AND parent_id IS NULL) s
  CROSS JOIN LATERAL (SELECT count(*)::int AS codes FROM authenticator r JOIN recovery_code k ON k.authenticator_id = r.id
    WHERE r.account_id = a.id AND r.kind = 'recovery_code' AND r.state = 'active' AND k.used_at IS NULL) c
  WHERE a.status = 'active'`;

const COUNTS = `count(*)::int AS people, count(*) FILTER (WHERE without)::int AS without,
  count(*) FILTER (WHERE one_only)::int AS one_only, count(*) FILTER (WHERE silent_phone)::int AS silent_phone,
  count(*) FILTER (WHERE no_codes)::int AS no_codes`;

const BY_GROUP = `WITH person AS MATERIALIZED (${PERSON})
  SELECT '' AS group_name, ${COUNTS} FROM person
  UNION ALL SELECT g AS group_name, ${COUNTS} FROM person, unnest(groups) AS g GROUP BY g
  ORDER BY group_name`;

export const createCoverageStore = (db: Database): CoverageStore => ({
  now: (silentSince) => db.query<Coverage>(BY_GROUP, [silentSince]),
  async people(gap, group, silentSince, limit, after) {
    const rows = await db.query<
      Omit<UncoveredPerson, 'gaps'> & Record<'without' | 'oneOnly' | 'silentPhone' | 'noCodes', boolean>
    >(
      `SELECT * FROM (${PERSON} AND ($2::text IS NULL OR a.groups @> ARRAY[$2]::text[]) AND ($3::text IS NULL OR a.email > $3)) p
        WHERE ${gap ?? GAPS.join(' OR ')} ORDER BY email LIMIT $4`,
      [silentSince, group ?? null, after ?? null, limit],
    );
    return rows.map(({ without, oneOnly, silentPhone, noCodes, ...person }) => {
      const has: Record<Gap, boolean> = { without, one_only: oneOnly, silent_phone: silentPhone, no_codes: noCodes };
      return { ...person, gaps: GAPS.filter((each) => has[each]) };
    });
  },
  async keepDay(day, silentSince) {
    await db.query(
      `INSERT INTO coverage_day (day, group_name, people, without, one_only, silent_phone, no_codes)
        SELECT $2::date, group_name, people, without, one_only, silent_phone, no_codes FROM (${BY_GROUP}) now
        ON CONFLICT (day, group_name) DO UPDATE SET people = excluded.people, without = excluded.without,
          one_only = excluded.one_only, silent_phone = excluded.silent_phone, no_codes = excluded.no_codes`,
      [silentSince, day],
    );
  },
  days: (group, since) =>
    db.query<CoverageDay>(
      `SELECT to_char(day, 'YYYY-MM-DD') AS day, group_name, people, without, one_only, silent_phone, no_codes
        FROM coverage_day WHERE group_name = $1 AND day >= $2::date ORDER BY coverage_day.day`,
      [group, since],
    ),
});
