import type { Random } from '../core/random.ts';
import { digest, equalInConstantTime, keyedDigest } from '../crypto/digest.ts';
import type { SecretKey } from '../crypto/secret-key.ts';
import { type Authenticator, shown } from './authenticators.ts';
import type { Database } from './database.ts';

/** What security keys and passkeys sign, and how often they did. */
export interface WebauthnStore {
  /**
   * A value to be signed, for one sign-in or enrolment (`subject`). Nothing is kept: most pages that offer a passkey see
   * none. It says by itself that it is ours, for what and until when, and 128 bits of it are random (WebAuthn, 13.4.3).
   */
  newChallenge(subject: string, expiresAt: Date): Buffer;
  /** Uses it up, in one statement. @returns whether it was ours, open, and for this subject */
  useChallenge(challenge: string, subject: string, now: Date): Promise<boolean>;
  byCredentialId(id: string): Promise<Authenticator | undefined>;
  /**
   * Keeps the signature counter and the time, in one statement (WebAuthn, section 6.1.1). An authenticator that does not
   * count says 0 always. @returns false where it did not grow: there may be a copy of the key
   */
  count(id: string, counter: number, now: Date): Promise<boolean>;
}

const RANDOM_BYTES = 16;
/** Milliseconds since 1970. */
const EXPIRY_BYTES = 6;
const HEAD_BYTES = RANDOM_BYTES + EXPIRY_BYTES;

export function createWebauthnStore({ sql, relaxedSql }: Database, secret: SecretKey, random: Random): WebauthnStore {
  const key = secret.derive('webauthn challenges');
  const proofOf = (head: Buffer, subject: string): Buffer => keyedDigest(key, `${head.toString('hex')} ${subject}`);
  return {
    newChallenge(subject, expiresAt) {
      const head = Buffer.alloc(HEAD_BYTES);
      head.set(random.bytes(RANDOM_BYTES));
      head.writeUIntBE(expiresAt.getTime(), RANDOM_BYTES, EXPIRY_BYTES);
      return Buffer.concat([head, proofOf(head, subject)]);
    },
    async useChallenge(challenge, subject, now) {
      const bytes = Buffer.from(challenge, 'base64url');
      const head = bytes.subarray(0, HEAD_BYTES);
      if (head.length < HEAD_BYTES || !equalInConstantTime(bytes.subarray(HEAD_BYTES), proofOf(head, subject)))
        return false;
      const expiresAt = new Date(head.readUIntBE(RANDOM_BYTES, EXPIRY_BYTES));
      if (expiresAt <= now) return false;
      // What was decoded, not what was sent: the same bytes can be written in more than one way.
      const rows =
        await relaxedSql`INSERT INTO used_proof (proof_digest, expires_at) VALUES (${digest(bytes)}, ${expiresAt})
        ON CONFLICT DO NOTHING RETURNING 1`;
      return rows.length === 1;
    },
    async byCredentialId(id) {
      const [row] = await sql<
        Authenticator & Record<string, unknown>
      >`SELECT * FROM authenticator WHERE credential_id = ${id} AND kind = 'webauthn'`;
      return row && shown(row);
    },
    async count(id, counter, now) {
      const rows = await sql`UPDATE authenticator
        SET credential = jsonb_set(credential, '{counter}', to_jsonb(${counter}::bigint)), last_used_at = ${now}
        WHERE id = ${id} AND ((credential->>'counter')::bigint < ${counter}::bigint
          OR ((credential->>'counter')::bigint = 0 AND ${counter}::bigint = 0)) RETURNING id`;
      return rows.length === 1;
    },
  };
}
