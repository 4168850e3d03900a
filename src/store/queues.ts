import type { Database } from './database.ts';

/** What waits to be done beside requests. */
export interface Queue {
  readonly queue: 'audit' | 'client_calls' | 'imports' | 'mails' | 'webhooks';
  readonly waiting: number;
  /** How long the oldest has waited, in seconds; 0 where none does. */
  readonly oldestSeconds: number;
}

export interface Queues {
  depths(now: Date): Promise<Queue[]>;
}

export const createQueues = ({ sql }: Database): Queues => ({
  depths: (now) => sql<Queue>`SELECT queue, count(at)::int AS waiting,
      coalesce(extract(epoch FROM ${now}::timestamptz - min(at)), 0)::float AS oldest_seconds
    FROM (SELECT 'audit' AS queue, at FROM audit_pending JOIN audit_event ON id = event_id
      UNION ALL SELECT 'client_calls', created_at FROM client_call
      UNION ALL SELECT 'imports', created_at FROM import_job WHERE state IN ('waiting', 'running')
      UNION ALL SELECT 'mails', created_at FROM mail
      UNION ALL SELECT 'webhooks', created_at FROM webhook_delivery WHERE state = 'due'
      UNION ALL SELECT unnest(ARRAY['audit', 'client_calls', 'imports', 'mails', 'webhooks']), NULL) waits
    GROUP BY queue ORDER BY queue`,
});
