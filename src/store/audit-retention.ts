import pg from 'pg';
import type { SignedPosition } from './audit-chain.ts';

/** Removes what is old from the audit log, as the owner of its tables: the server's own role may not. */
export interface AuditRetention {
  /** The last position of which it and everything before is older, with its hash. */
  lastBefore(before: Date): Promise<{ position: bigint; hash: Buffer } | undefined>;
  /** Keeps the signed statement that everything up to here is removed; then removes it, in batches. @returns how many */
  truncate(truncation: SignedPosition, onProgress: (removed: number) => void): Promise<number>;
  close(): Promise<void>;
}

const BATCH = 5000;

/** @param ownerUrl a database address of the owner of the tables */
export async function openAuditRetention(ownerUrl: string): Promise<AuditRetention> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'dubbelslot audit retention' });
  await client.connect();
  await client.query(`SET dubbelslot.audit_truncation = 'yes'`);
  return {
    async lastBefore(before) {
      const { rows } = await client.query<{ position: string; hash: Buffer }>(
        `SELECT position, hash FROM audit_chain WHERE position < coalesce(
          (SELECT min(c.position) FROM audit_event e JOIN audit_chain c ON c.event_id = e.id WHERE e.at >= $1),
          (SELECT max(position) + 1 FROM audit_chain)) ORDER BY position DESC LIMIT 1`,
        [before],
      );
      return rows[0] && { position: BigInt(rows[0].position), hash: rows[0].hash };
    },
    async truncate({ position, jws, createdAt }, onProgress) {
      // First: should we be stopped half-way, whoever verifies knows that the rest may be there or not.
      await client.query(
        'INSERT INTO audit_truncation (position, jws, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [position.toString(), jws, createdAt],
      );
      let removed = 0;
      for (;;) {
        const { rowCount } = await client.query(
          `WITH gone AS (DELETE FROM audit_chain WHERE position = ANY(ARRAY(
              SELECT position FROM audit_chain WHERE position <= $1 ORDER BY position LIMIT ${BATCH})) RETURNING event_id)
            DELETE FROM audit_event WHERE id IN (SELECT event_id FROM gone)`,
          [position.toString()],
        );
        const { rows } = await client.query('SELECT 1 FROM audit_chain WHERE position <= $1 LIMIT 1', [
          position.toString(),
        ]);
        removed += rowCount ?? 0;
        onProgress(removed);
        if (rows.length === 0) break;
      }
      await client.query('DELETE FROM audit_checkpoint WHERE position <= $1', [position.toString()]);
      return removed;
    },
    close: () => client.end(),
  };
}
