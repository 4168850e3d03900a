import { setTimeout } from 'node:timers/promises';
import type { Database } from './database.ts';

const before = (age: string): string => `$1::timestamptz - interval '${age}'`;
/** What goes, table by table. Where somebody may still ask why it is gone, it stays a day longer. */
const EXPIRED: readonly (readonly [table: string, isExpired: string])[] = [
  ['oidc_payload', `expires_at < ${before('1 minute')}`],
  ['op_session', `expires_at < ${before('1 minute')} AND (account_id IS NULL OR created_at < ${before('1 day')})`],
  ['client_secret', `expires_at < ${before('1 day')}`],
  ['portal_session', `expires_at < ${before('1 minute')}`],
  // Clocks of several instances differ: what was used once is remembered for longer than it counts.
  ['used_proof', `expires_at < ${before('10 minutes')}`],
  // Written by instances of the version before; goes with the next.
  ['webauthn_challenge', `expires_at < ${before('1 minute')}`],
  ['remembered_browser', `expires_at < ${before('1 day')}`],
  ['mail_link', `expires_at < ${before('1 day')}`],
  ['idempotent_call', `created_at < ${before('1 day')}`],
  ['call_count', `ends_at < ${before('1 minute')}`],
  ['webhook_delivery', `settled_at < ${before('30 days')}`],
  ['import_job', `created_at < ${before('30 days')} OR (size < 0 AND created_at < ${before('1 day')})`],
  ['throttle', `updated_at < ${before('1 day')} AND failures < 50`],
  ['binding_session', `expires_at < ${before('1 day')}`],
  ['login_transaction', `expires_at < ${before('1 day')}`],
];

/**
 * Removes what has expired, in small batches that block nobody; several instances may do so at once. After each full batch it
 * rests for as long as that took: at most half of one connection's work, however much there is.
 * Evidence (challenges, audit events) stays.
 * @param isStopping asked after each batch: what is left stays for the next time
 * @returns how many rows went
 */
export async function sweep(
  { sql, query }: Database,
  now: Date,
  { batch = 2000, isStopping = () => false }: { batch?: number; isStopping?: () => boolean } = {},
): Promise<number> {
  let removed = 0;
  for (const [table, isExpired] of EXPIRED) {
    for (;;) {
      const began = performance.now();
      const { length } = await query(
        `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${isExpired}
          LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
        [now, batch],
      );
      removed += length;
      if (isStopping()) return removed;
      if (length < batch) break;
      await setTimeout(performance.now() - began);
    }
  }
  // The codes that the wizard showed again on a reload have no business staying once it is over.
  await sql`UPDATE binding_session SET recovery_codes_sealed = NULL WHERE recovery_codes_sealed IS NOT NULL AND expires_at < ${now}`;
  return removed;
}
