import type { Database } from './database.ts';

/**
 * Removes what has expired, in small batches that block nobody; several instances may do so at once.
 * Evidence (challenges, audit events) stays.
 * @returns how many rows went
 */
export async function sweep({ relaxedSql: sql }: Database, now: Date, batch = 2000): Promise<number> {
  const minute = new Date(now.getTime() - 60_000);
  const day = new Date(now.getTime() - 86_400_000);
  const month = new Date(now.getTime() - 30 * 86_400_000);
  const steps = [
    () =>
      sql`DELETE FROM oidc_payload WHERE ctid = ANY(ARRAY(SELECT ctid FROM oidc_payload WHERE expires_at < ${minute} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM op_session WHERE ctid = ANY(ARRAY(SELECT ctid FROM op_session WHERE expires_at < ${minute} AND (account_id IS NULL OR created_at < ${day}) LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM client_secret WHERE ctid = ANY(ARRAY(SELECT ctid FROM client_secret WHERE expires_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM portal_session WHERE ctid = ANY(ARRAY(SELECT ctid FROM portal_session WHERE expires_at < ${minute} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM used_proof WHERE ctid = ANY(ARRAY(SELECT ctid FROM used_proof WHERE expires_at < ${minute} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM webauthn_challenge WHERE ctid = ANY(ARRAY(SELECT ctid FROM webauthn_challenge WHERE expires_at < ${minute} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM remembered_browser WHERE ctid = ANY(ARRAY(SELECT ctid FROM remembered_browser WHERE expires_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM mail_link WHERE ctid = ANY(ARRAY(SELECT ctid FROM mail_link WHERE expires_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM idempotent_call WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotent_call WHERE created_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM call_count WHERE ctid = ANY(ARRAY(SELECT ctid FROM call_count WHERE ends_at < ${minute} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM webhook_delivery WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_delivery WHERE settled_at < ${month} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM import_job WHERE ctid = ANY(ARRAY(SELECT ctid FROM import_job WHERE created_at < ${month} OR (size < 0 AND created_at < ${day}) LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM throttle WHERE ctid = ANY(ARRAY(SELECT ctid FROM throttle WHERE updated_at < ${day} AND failures < 50 LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM binding_session WHERE ctid = ANY(ARRAY(SELECT ctid FROM binding_session WHERE expires_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    () =>
      sql`DELETE FROM login_transaction WHERE ctid = ANY(ARRAY(SELECT ctid FROM login_transaction WHERE expires_at < ${day} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`,
  ];
  let removed = 0;
  for (const step of steps) {
    for (;;) {
      const { length } = await step();
      removed += length;
      if (length < batch) break;
    }
  }
  // The codes that the wizard showed again on a reload have no business staying once it is over.
  await sql`UPDATE binding_session SET recovery_codes_sealed = NULL WHERE recovery_codes_sealed IS NOT NULL AND expires_at < ${now}`;
  return removed;
}
