import { accept, type Result, refuse } from '../core/refusals.ts';
import type { Sealer } from '../crypto/seal.ts';
import { type Database, isUniqueViolation, type Sql } from './database.ts';
import { hold, type Standing, whileStanding } from './standing.ts';

export type AuthenticatorKind =
  | 'password'
  | 'push'
  | 'store_app'
  | 'totp'
  | 'webauthn'
  | 'recovery_code'
  | 'temporary_pass';
/** `removed` by its owner, `disabled` after too many failures, `revoked` by a reset. */
export type AuthenticatorState = 'pending' | 'active' | 'disabled' | 'removed' | 'revoked';

export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** The key of a store app. */
export interface RsaPublicKey {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
}

/** A passkey made on the phone itself (WebAuthn), which gates its key: binary values in base64url. */
export interface Gate {
  readonly credentialId: string;
  readonly publicKey: string;
  readonly counter: number;
}

/** A security key's or passkey's public half (WebAuthn, section 4); its id is `credentialId`. */
export interface Credential {
  /** COSE key, base64url. */
  readonly publicKey: string;
  /** What the authenticator counts its signatures with; 0 where it does not. */
  readonly counter: number;
  readonly transports: readonly string[];
  /** Which model or provider made it. */
  readonly aaguid: string;
  /** May be copied between devices by its provider. */
  readonly isSynced: boolean;
}

/** Something bound to an account that proves it is them. */
export interface Authenticator {
  readonly id: string;
  readonly accountId: string;
  readonly kind: AuthenticatorKind;
  /** What its owner calls it: `Pixel 7`. */
  readonly label: string;
  readonly state: AuthenticatorState;
  readonly publicJwk: PublicKey | RsaPublicKey | null;
  /** RFC 7638, of `publicJwk`; the serial number of a store app. */
  readonly thumbprint: string | null;
  readonly gate: Gate | null;
  /** The phone that a code belongs to. */
  readonly parentId: string | null;
  readonly credentialId: string | null;
  readonly credential: Credential | null;
  /** Of a temporary pass. */
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export interface NewAuthenticator {
  readonly id: string;
  readonly accountId: string;
  readonly kind: AuthenticatorKind;
  readonly label: string;
  readonly state: AuthenticatorState;
  readonly secret?: string;
  readonly publicJwk?: PublicKey | RsaPublicKey;
  readonly thumbprint?: string;
  readonly parentId?: string;
  /** The time step that a code was accepted for when it was bound. */
  readonly lastStep?: number;
  readonly credentialId?: string;
  readonly credential?: Credential;
}

export interface Authenticators {
  /** Refusal: `key_in_use` where the thumbprint or the credential is bound already. */
  add(authenticator: NewAuthenticator, now: Date): Promise<Result<void>>;
  /**
   * Replaces the account's password, if any, by this one, in one transaction.
   * @param on what lets its owner do so; @returns false where that has ended
   */
  replacePassword(authenticator: NewAuthenticator, now: Date, on?: Standing): Promise<boolean>;
  /**
   * Takes an authenticator away at somebody else's wish, with what belongs to it. Without any of `strong` kinds left what is enrolled
   * next takes a temporary pass: the password alone must not be enough. One at a time per account.
   * @returns false where there is none to take
   */
  revoke(id: string, accountId: string, strong: readonly AuthenticatorKind[], now: Date): Promise<boolean>;
  ofAccount(accountId: string): Promise<Authenticator[]>;
  byId(id: string): Promise<Authenticator | undefined>;
  byThumbprint(thumbprint: string): Promise<Authenticator | undefined>;
  /** The active password of an account, opened; without a secret where a directory knows it. */
  passwordOf(accountId: string): Promise<{ id: string; secret: string | undefined } | undefined>;
  /** Those of a directory who never had its password here: whoever added them died in between. @returns their accounts */
  lackingDirectoryPassword(): Promise<string[]>;
  rewriteSecret(id: string, secret: string): Promise<void>;
  /** Moves from one state to another in one statement, with what belongs to it. @returns whether this call did it */
  move(id: string, from: readonly AuthenticatorState[], to: AuthenticatorState, now: Date): Promise<boolean>;
  /** Ends all of an account's authenticators of these kinds. @returns how many */
  revokeAll(accountId: string, kinds: readonly AuthenticatorKind[], now: Date): Promise<number>;
  /** Too many failures: every active one of a kind. @returns their ids */
  disableAll(accountId: string, kind: AuthenticatorKind, now: Date): Promise<string[]>;
  /**
   * Takes an authenticator away at its owner's wish, with what belongs to it; never the last active one of `strong`
   * kinds. One at a time per account, so that two removals at once leave one.
   */
  remove(
    id: string,
    accountId: string,
    strong: readonly AuthenticatorKind[],
    now: Date,
  ): Promise<'removed' | 'last' | 'unknown'>;
  /**
   * What was added since then may be somebody else's: keys, apps and phones are disabled, codes and passes revoked.
   * @returns the ids of what was disabled
   */
  disableSince(accountId: string, since: Date, now: Date): Promise<string[]>;
  /** @returns false where it is not this account's */
  rename(id: string, accountId: string, label: string): Promise<boolean>;
  touch(id: string, now: Date): Promise<void>;
  /** Keeps the challenge of a passkey that is being made. */
  offerGate(id: string, challenge: string, expiresAt: Date): Promise<void>;
  /** The challenge, once, in one statement. */
  takeGateChallenge(id: string, now: Date): Promise<string | undefined>;
  /** Closes the gate: from now on approvals need it. @returns false where there is one already */
  addGate(id: string, gate: Gate): Promise<boolean>;
  /** Keeps the signature counter, which only grows. */
  countGate(id: string, counter: number): Promise<void>;
}

/** Associated data of a sealed secret. */
export const secretPlace = (id: string): string => `authenticator:secret:${id}`;

/** Within the caller's transaction, or by itself. */
export async function insertAuthenticator(sql: Sql, sealer: Sealer, a: NewAuthenticator, now: Date): Promise<void> {
  await sql`INSERT INTO authenticator (id, account_id, kind, label, state, secret_sealed, public_jwk, thumbprint,
      parent_id, last_step, credential_id, credential, created_at)
    VALUES (${a.id}, ${a.accountId}, ${a.kind}, ${a.label}, ${a.state},
      ${a.secret === undefined ? null : sealer.seal(secretPlace(a.id), a.secret)}, ${a.publicJwk ?? null}, ${a.thumbprint ?? null},
      ${a.parentId ?? null}, ${a.lastStep ?? null}, ${a.credentialId ?? null}, ${a.credential ?? null}, ${now})`;
}

export function createAuthenticators(db: Database, sealer: Sealer): Authenticators {
  return {
    async add(authenticator, now) {
      try {
        await insertAuthenticator(db.sql, sealer, authenticator, now);
        return accept(undefined);
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('key_in_use');
        throw error;
      }
    },
    replacePassword: (authenticator, now, on) =>
      whileStanding(
        db.transaction(async (sql) => {
          const { accountId } = authenticator;
          // Of two at once the second waits, and then replaces what the first one made.
          await sql`SELECT 1 FROM account WHERE id = ${accountId} FOR NO KEY UPDATE`;
          await sql`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
            WHERE account_id = ${accountId} AND kind = 'password' AND state <> 'revoked'`;
          // After the old password, in the order of a sign-in with that.
          if (on) await hold(sql, accountId, on);
          await insertAuthenticator(sql, sealer, authenticator, now);
        }),
      ),
    revoke: (id, accountId, strong, now) =>
      db.transaction(async (sql) => {
        await sql`SELECT 1 FROM account WHERE id = ${accountId} FOR NO KEY UPDATE`;
        const taken = await sql<{ id: string }>`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
          WHERE (id = ${id} OR parent_id = ${id}) AND account_id = ${accountId} AND state IN ('active', 'disabled', 'pending')
          RETURNING id`;
        if (!taken.some((each) => each.id === id)) return false;
        await sql`UPDATE account SET pass_required_at = ${now} WHERE id = ${accountId} AND NOT EXISTS (SELECT 1 FROM authenticator
          WHERE account_id = ${accountId} AND kind = ANY(${strong}) AND state = 'active')`;
        return true;
      }),
    ofAccount: async (accountId) =>
      (await db.sql<Row>`SELECT * FROM authenticator WHERE account_id = ${accountId} ORDER BY created_at`).map(shown),
    async byId(id) {
      const [row] = await db.sql<Row>`SELECT * FROM authenticator WHERE id = ${id}`;
      return row && shown(row);
    },
    async byThumbprint(thumbprint) {
      const [row] = await db.sql<Row>`SELECT * FROM authenticator WHERE thumbprint = ${thumbprint}`;
      return row && shown(row);
    },
    async passwordOf(accountId) {
      const [row] = await db.sql<{
        id: string;
        secretSealed: Buffer | null;
      }>`SELECT id, secret_sealed FROM authenticator
        WHERE account_id = ${accountId} AND kind = 'password' AND state = 'active'`;
      if (!row) return undefined;
      const { id, secretSealed } = row;
      return { id, secret: secretSealed ? sealer.open(secretPlace(id), secretSealed).toString() : undefined };
    },
    async lackingDirectoryPassword() {
      const rows = await db.sql<{ id: string }>`SELECT id FROM account a WHERE source = 'ldap' AND status <> 'revoked'
        AND NOT EXISTS (SELECT 1 FROM authenticator p WHERE p.account_id = a.id AND p.kind = 'password' AND p.secret_sealed IS NULL)`;
      return rows.map(({ id }) => id);
    },
    async rewriteSecret(id, secret) {
      await db.sql`UPDATE authenticator SET secret_sealed = ${sealer.seal(secretPlace(id), secret)} WHERE id = ${id} AND state = 'active'`;
    },
    async move(id, from, to, now) {
      const rows = await db.sql<{ id: string }>`UPDATE authenticator SET state = ${to},
          ended_at = CASE WHEN ${to} IN ('pending', 'active') THEN ended_at ELSE ${now} END
        WHERE (id = ${id} OR parent_id = ${id}) AND state = ANY(${from}) RETURNING id`;
      return rows.some((row) => row.id === id);
    },
    async revokeAll(accountId, kinds, now) {
      const rows = await db.sql`UPDATE authenticator SET state = 'revoked', ended_at = ${now}
        WHERE account_id = ${accountId} AND kind = ANY(${kinds}) AND state <> 'revoked' RETURNING id`;
      return rows.length;
    },
    async disableAll(accountId, kind, now) {
      const rows = await db.sql<{ id: string }>`UPDATE authenticator SET state = 'disabled', ended_at = ${now}
        WHERE account_id = ${accountId} AND kind = ${kind} AND state = 'active' RETURNING id`;
      return rows.map(({ id }) => id);
    },
    remove: (id, accountId, strong, now) =>
      db.transaction(async (sql) => {
        await sql`SELECT 1 FROM account WHERE id = ${accountId} FOR NO KEY UPDATE`;
        const [mine] = await sql<{ state: string }>`SELECT state FROM authenticator
          WHERE id = ${id} AND account_id = ${accountId} AND kind = ANY(${strong}) AND parent_id IS NULL
            AND state IN ('active', 'disabled')`;
        if (!mine) return 'unknown';
        const others = await sql`SELECT 1 FROM authenticator WHERE account_id = ${accountId} AND id <> ${id}
          AND kind = ANY(${strong}) AND parent_id IS NULL AND state = 'active' LIMIT 1`;
        if (mine.state === 'active' && others.length === 0) return 'last';
        await sql`UPDATE authenticator SET state = 'removed', ended_at = ${now}
          WHERE (id = ${id} OR parent_id = ${id}) AND state IN ('active', 'disabled')`;
        await sql`DELETE FROM push_subscription WHERE authenticator_id = ${id}`;
        return 'removed';
      }),
    async disableSince(accountId, since, now) {
      const rows = await db.sql<{ id: string; state: string }>`UPDATE authenticator SET ended_at = ${now},
          state = CASE WHEN kind IN ('recovery_code', 'temporary_pass') THEN 'revoked' ELSE 'disabled' END
        WHERE account_id = ${accountId} AND kind <> 'password' AND state IN ('active', 'pending')
          AND (created_at >= ${since} OR kind = 'temporary_pass') RETURNING id, state`;
      return rows.filter(({ state }) => state === 'disabled').map(({ id }) => id);
    },
    async rename(id, accountId, label) {
      const rows = await db.sql`UPDATE authenticator SET label = ${label}
        WHERE id = ${id} AND account_id = ${accountId} AND parent_id IS NULL RETURNING id`;
      return rows.length === 1;
    },
    async touch(id, now) {
      await db.relaxedSql`UPDATE authenticator SET last_used_at = ${now} WHERE id = ${id}`;
    },
    async offerGate(id, challenge, expiresAt) {
      await db.sql`UPDATE authenticator SET gate_challenge = ${challenge}, gate_challenge_expires_at = ${expiresAt} WHERE id = ${id}`;
    },
    async takeGateChallenge(id, now) {
      const [row] = await db.sql<{ challenge: string }>`WITH old AS (SELECT id, gate_challenge FROM authenticator
          WHERE id = ${id} AND gate_challenge IS NOT NULL AND gate_challenge_expires_at > ${now} FOR UPDATE)
        UPDATE authenticator a SET gate_challenge = NULL FROM old WHERE a.id = old.id RETURNING old.gate_challenge AS challenge`;
      return row?.challenge;
    },
    async addGate(id, gate) {
      const rows = await db.sql`UPDATE authenticator SET gate = ${gate} WHERE id = ${id} AND gate IS NULL RETURNING id`;
      return rows.length === 1;
    },
    async countGate(id, counter) {
      await db.sql`UPDATE authenticator SET gate = jsonb_set(gate, '{counter}', to_jsonb(greatest((gate->>'counter')::bigint, ${counter}::bigint)))
        WHERE id = ${id} AND gate IS NOT NULL`;
    },
  };
}

type Row = Authenticator & Record<string, unknown>;

/** What `shown` leaves of a row. */
export const AUTHENTICATOR_COLUMNS = `id, account_id, kind, label, state, public_jwk, thumbprint, gate, parent_id, credential_id,
  credential, expires_at, created_at, last_used_at`;

/** Leaves out what is sealed, digested or of a moment: that is read by whoever needs it, by name. */
export function shown(row: Row): Authenticator {
  const { secretSealed, passDigest, lastStep, gateChallenge, gateChallengeExpiresAt, endedAt, ...rest } = row;
  return rest as Authenticator;
}
