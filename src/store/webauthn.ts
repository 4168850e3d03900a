import { digest } from '../crypto/digest.ts';
import { type Authenticator, shown } from './authenticators.ts';
import type { Database } from './database.ts';

/** What security keys and passkeys sign, and how often they did. */
export interface WebauthnStore {
  /** Keeps a value to be signed, for one sign-in or enrolment (`subject`). */
  addChallenge(challenge: string, subject: string, expiresAt: Date): Promise<void>;
  /** Uses it up, in one statement. @returns whether it was open, for this subject */
  useChallenge(challenge: string, subject: string, now: Date): Promise<boolean>;
  byCredentialId(id: string): Promise<Authenticator | undefined>;
  /**
   * Keeps the signature counter and the time, in one statement (WebAuthn, section 6.1.1). An authenticator that does not
   * count says 0 always. @returns false where it did not grow: there may be a copy of the key
   */
  count(id: string, counter: number, now: Date): Promise<boolean>;
}

export function createWebauthnStore({ sql, relaxedSql }: Database): WebauthnStore {
  return {
    async addChallenge(challenge, subject, expiresAt) {
      await relaxedSql`INSERT INTO webauthn_challenge (challenge_digest, subject, expires_at)
        VALUES (${digest(challenge)}, ${subject}, ${expiresAt})`;
    },
    async useChallenge(challenge, subject, now) {
      const rows = await sql`DELETE FROM webauthn_challenge
        WHERE challenge_digest = ${digest(challenge)} AND subject = ${subject} AND expires_at > ${now} RETURNING 1`;
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
