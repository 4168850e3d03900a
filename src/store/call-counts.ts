import type { Database } from './database.ts';

/** How often somebody calls, over all instances. */
export interface CallCounts {
  /** Counts one call in the window that is open, or opens one. @returns how many there are in it, and when it ends */
  count(key: string, windowSeconds: number, now: Date): Promise<{ count: number; endsAt: Date }>;
}

export const createCallCounts = ({ relaxedSql }: Database): CallCounts => ({
  async count(key, windowSeconds, now) {
    const endsAt = new Date(now.getTime() + windowSeconds * 1000);
    const [row] = await relaxedSql<{ count: number; endsAt: Date }>`INSERT INTO call_count (key, count, ends_at)
        VALUES (${key}, 1, ${endsAt})
      ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN call_count.ends_at <= ${now} THEN 1 ELSE call_count.count + 1 END,
        ends_at = CASE WHEN call_count.ends_at <= ${now} THEN excluded.ends_at ELSE call_count.ends_at END
      RETURNING count, ends_at`;
    return row!;
  },
});
