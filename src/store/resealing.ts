import type { Sealer } from '../crypto/seal.ts';
import { secretPlace } from './authenticators.ts';
import { codePlace, recoveryPlace, totpPlace } from './binding-sessions.ts';
import { place as challengePlace } from './challenges.ts';
import { place as clientCallPlace } from './client-calls.ts';
import type { Database } from './database.ts';
import { place as idempotentCallPlace } from './idempotent-calls.ts';
import { place as mailPlace } from './mails.ts';
import { place as payloadPlace, SEALED as SEALED_PAYLOADS } from './payload-sealing.ts';
import { place as subscriptionPlace } from './push-subscriptions.ts';
import { place as settingPlace } from './settings.ts';
import { place as signingKeyPlace } from './signing-keys.ts';
import { place as webhookPlace } from './webhooks.ts';

/** Seals everything anew with the key in use, while the server runs. */
export interface Resealing {
  /**
   * Goes once through all that is sealed. What somebody else changed meanwhile is left as it is.
   * @param onProgress from 0 to 1
   */
  pass(onProgress: (share: number) => void): Promise<{ resealed: number; unopened: readonly string[] }>;
}

interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** What its place is made of. */
  readonly row: string;
  place(row: never): string;
}

/** Everything that is sealed in a column of its own; a test looks whether one is missing. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'setting', column: 'secret_sealed', row: 'name', place: settingPlace },
  { table: 'authenticator', column: 'secret_sealed', row: 'id', place: secretPlace },
  { table: 'push_subscription', column: 'subscription_sealed', row: 'authenticator_id', place: subscriptionPlace },
  { table: 'binding_session', column: 'recovery_codes_sealed', row: 'id', place: recoveryPlace },
  { table: 'binding_session', column: 'totp_secret_sealed', row: 'id', place: totpPlace },
  { table: 'enrolment_code', column: 'code_sealed', row: 'binding_id', place: codePlace },
  ...(['number', 'code', 'request'] as const).map((name) => ({
    table: 'challenge',
    column: `${name}_sealed`,
    row: 'id',
    place: (id: string) => challengePlace(name, id),
  })),
  { table: 'signing_key', column: 'private_sealed', row: 'kid', place: signingKeyPlace },
  { table: 'client_call', column: 'request_sealed', row: 'client_id', place: clientCallPlace },
  { table: 'idempotent_call', column: 'answer_sealed', row: 'key_digest', place: idempotentCallPlace },
  { table: 'webhook', column: 'secret_sealed', row: 'id', place: webhookPlace },
  { table: 'mail', column: 'sealed', row: 'id', place: mailPlace },
];

/** Blocks of a table that are looked at together: 2 MB. */
const BLOCKS = 256;

export function createResealing(db: Database, sealer: Sealer): Resealing {
  const isCurrent = (sealed: Buffer): boolean => sealed.subarray(0, sealer.keyId.length).equals(sealer.keyId);

  /** The same bytes under the key in use; undefined where no key that we have opens them. */
  const resealed = (place: string, sealed: Buffer): Buffer | undefined => {
    try {
      return sealer.seal(place, sealer.open(place, sealed));
    } catch {
      return undefined;
    }
  };

  /** Of one part of a table, by where its rows lie: no index is needed, and none is sorted. */
  const part = async (
    { table, column, row, place }: SealedColumn,
    from: number,
  ): Promise<{ resealed: number; unopened: string[] }> => {
    const found = await db.query<{ at: string; row: never; sealed: Buffer }>(
      `SELECT ctid::text AS at, ${row} AS row, ${column} AS sealed FROM ${table}
        WHERE ctid >= $1::tid AND ctid < $2::tid AND substring(${column} FROM 1 FOR ${sealer.keyId.length}) <> $3`,
      [`(${from},0)`, `(${from + BLOCKS},0)`, sealer.keyId],
    );
    const outcome = { resealed: 0, unopened: [] as string[] };
    for (const { at, row: id, sealed } of found) {
      const again = resealed(place(id), sealed);
      if (!again) outcome.unopened.push(place(id));
      else {
        const rows = await db.query(
          `UPDATE ${table} SET ${column} = $1 WHERE ctid = $2::tid AND ${column} = $3 RETURNING 1`,
          [again, at, sealed],
        );
        outcome.resealed += rows.length;
      }
    }
    return outcome;
  };

  /** What is sealed within a payload lives an hour at most: there is little of it. */
  const payloads = async (): Promise<{ resealed: number; unopened: string[] }> => {
    const outcome = { resealed: 0, unopened: [] as string[] };
    for (const [type, field] of Object.entries(SEALED_PAYLOADS)) {
      const found = await db.sql<{ idDigest: Buffer; sealed: string }>`SELECT id_digest, payload->>${field} AS sealed
        FROM oidc_payload WHERE type = ${type} AND payload->>${field} IS NOT NULL`;
      for (const { idDigest, sealed } of found) {
        const bytes = Buffer.from(sealed, 'base64url');
        if (isCurrent(bytes)) continue;
        const place = payloadPlace(type, idDigest);
        const again = resealed(place, bytes)?.toString('base64url');
        if (!again) outcome.unopened.push(place);
        else {
          const rows =
            await db.sql`UPDATE oidc_payload SET payload = jsonb_set(payload, ${[field]}, to_jsonb(${again}::text))
            WHERE type = ${type} AND id_digest = ${idDigest} AND payload->>${field} = ${sealed} RETURNING 1`;
          outcome.resealed += rows.length;
        }
      }
    }
    return outcome;
  };

  return {
    async pass(onProgress) {
      const sizes = await Promise.all(
        SEALED_COLUMNS.map(async ({ table }) => {
          const [size] = await db.query<{ blocks: number }>(
            `SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::int)::int AS blocks`,
            [table],
          );
          return size!.blocks;
        }),
      );
      const all = Math.max(
        1,
        sizes.reduce((sum, blocks) => sum + blocks, 0),
      );
      let done = 0;
      let { resealed: count, unopened } = await payloads();
      for (const [index, column] of SEALED_COLUMNS.entries()) {
        // What is added meanwhile lies at the end, and is sealed with the key in use.
        for (let from = 0; from < sizes[index]!; from += BLOCKS) {
          const outcome = await part(column, from);
          count += outcome.resealed;
          unopened = [...unopened, ...outcome.unopened];
          done += Math.min(BLOCKS, sizes[index]! - from);
          onProgress(done / all);
        }
      }
      return { resealed: count, unopened };
    },
  };
}
