import { isCovered } from './accounts.ts';
import type { Database } from './database.ts';

/** A group that is to set up a second factor before a day. Days are written `2026-11-24`. */
export interface Campaign {
  readonly id: string;
  readonly name: string;
  /** Empty for everybody. */
  readonly groupName: string;
  readonly startsOn: string;
  readonly deadline: string;
  readonly remindEveryDays: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Somebody ended it before its deadline. */
  readonly endedAt: Date | null;
}

export interface CampaignProgress {
  readonly people: number;
  /** Of them, without a second factor. */
  readonly without: number;
  /** Mails that were sent, and to how many. */
  readonly mails: number;
  readonly reminded: number;
}

export interface Campaigns {
  /** @returns false where one for the same group is not over on this day */
  add(campaign: Campaign, today: string): Promise<boolean>;
  byId(id: string): Promise<Campaign | undefined>;
  /** Newest first. */
  list(limit: number): Promise<Campaign[]>;
  /** @returns whether it was going on */
  end(id: string, now: Date): Promise<boolean>;
  progress(campaign: Campaign): Promise<CampaignProgress>;
  running(day: string): Promise<Campaign[]>;
  /**
   * Takes people who have no second factor and were not reminded since: each is taken once, by one instance.
   * @returns their ids
   */
  takeForReminder(campaign: Campaign, notSince: Date, now: Date, most: number): Promise<string[]>;
}

const COLUMNS = `id, name, group_name, to_char(starts_on, 'YYYY-MM-DD') AS starts_on,
  to_char(deadline, 'YYYY-MM-DD') AS deadline, remind_every_days, created_by, created_at, ended_at`;

const WITHOUT = `NOT ${isCovered('a')}`;
const IN_COHORT = `a.status = 'active' AND ($1 = '' OR a.groups @> ARRAY[$1]::text[])`;

export function createCampaigns(db: Database): Campaigns {
  const { sql } = db;
  return {
    async add(c, today) {
      const rows =
        await sql`INSERT INTO campaign (id, name, group_name, starts_on, deadline, remind_every_days, created_by, created_at)
        SELECT ${c.id}::uuid, ${c.name}, ${c.groupName}, ${c.startsOn}::date, ${c.deadline}::date, ${c.remindEveryDays}::int,
          ${c.createdBy}, ${c.createdAt}::timestamptz
        WHERE NOT EXISTS (SELECT 1 FROM campaign WHERE group_name = ${c.groupName} AND ended_at IS NULL AND deadline >= ${today}::date)
        RETURNING 1`;
      return rows.length === 1;
    },
    async byId(id) {
      return (await db.query<Campaign>(`SELECT ${COLUMNS} FROM campaign WHERE id = $1`, [id]))[0];
    },
    list: (limit) =>
      db.query<Campaign>(`SELECT ${COLUMNS} FROM campaign ORDER BY campaign.created_at DESC LIMIT $1`, [limit]),
    async end(id, now) {
      const rows = await sql`UPDATE campaign SET ended_at = ${now} WHERE id = ${id} AND ended_at IS NULL RETURNING 1`;
      return rows.length === 1;
    },
    async progress({ id, groupName }) {
      const [row] = await db.query<CampaignProgress>(
        `SELECT count(*)::int AS people, (count(*) FILTER (WHERE ${WITHOUT}))::int AS without,
          coalesce((SELECT sum(times) FROM campaign_reminder r WHERE r.campaign_id = $2), 0)::int AS mails,
          (SELECT count(*) FROM campaign_reminder r WHERE r.campaign_id = $2)::int AS reminded
        FROM account a WHERE ${IN_COHORT}`,
        [groupName, id],
      );
      return row!;
    },
    running: (day) =>
      db.query<Campaign>(
        `SELECT ${COLUMNS} FROM campaign WHERE ended_at IS NULL AND campaign.starts_on <= $1::date AND campaign.deadline >= $1::date`,
        [day],
      ),
    async takeForReminder({ id, groupName }, notSince, now, most) {
      const rows = await db.query<{ accountId: string }>(
        `INSERT INTO campaign_reminder (campaign_id, account_id, sent_at)
          SELECT $2::uuid, a.id, $4::timestamptz FROM account a
            LEFT JOIN campaign_reminder r ON r.campaign_id = $2 AND r.account_id = a.id
            WHERE ${IN_COHORT} AND ${WITHOUT} AND (r.sent_at IS NULL OR r.sent_at <= $3::timestamptz)
            ORDER BY a.email LIMIT $5
          ON CONFLICT (campaign_id, account_id) DO UPDATE SET sent_at = excluded.sent_at, times = campaign_reminder.times + 1
            WHERE campaign_reminder.sent_at <= $3::timestamptz
          RETURNING account_id`,
        [groupName, id, notSince, now, most],
      );
      return rows.map(({ accountId }) => accountId);
    },
  };
}
