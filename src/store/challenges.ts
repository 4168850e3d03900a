import { digest } from '../crypto/digest.ts';
import type { Sealer } from '../crypto/seal.ts';
import type { Database, Sql } from './database.ts';

/** Signing in, testing a phone, and what others ask: a web app (CIBA), the helpdesk while somebody calls. */
export type ChallengePurpose = 'sign_in' | 'enrolment_test' | 'client_approval' | 'caller_check';
/** How it reaches a phone: our own app, or one from a store that asks by itself. */
export type ChallengeChannel = 'companion' | 'store_app';
export type ChallengeState = 'open' | 'approved' | 'denied' | 'reported' | 'wrong_number' | 'replaced';

/** What the phone shows, and what its answer is signed over. */
export interface ChallengeContext {
  readonly purpose: ChallengePurpose;
  /** The web app's name. */
  readonly client: string;
  readonly browser: string;
  readonly ip: string;
  readonly place: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What is approved, where it is not a sign-in. */
  readonly about?: ApprovalSubject;
}

export interface ApprovalSubject {
  /** The words of whoever asks, on one line. */
  readonly message: string;
  /** An amount with its currency, `1250.00 EUR`, and who receives it. */
  readonly amount: string | null;
  readonly to: string | null;
}

export interface Challenge {
  /** 128 bits, base64url. */
  readonly id: string;
  readonly accountId: string;
  readonly purpose: ChallengePurpose;
  readonly channel: ChallengeChannel;
  readonly loginUid: string | null;
  readonly bindingId: string | null;
  /** The only authenticator that may answer, for an enrolment test. */
  readonly authenticatorId: string | null;
  readonly clientId: string | null;
  readonly numberLength: number;
  readonly context: ChallengeContext;
  readonly contextDigest: string;
  readonly state: ChallengeState;
  readonly guesses: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly answeredAt: Date | null;
  /** The phone's own passkey verified its user for this answer. */
  readonly isUserVerified: boolean;
  readonly usedAt: Date | null;
  /** The actor whose caller check it is. */
  readonly askedBy: string | null;
}

export interface NewChallenge
  extends Pick<
    Challenge,
    | 'id'
    | 'accountId'
    | 'purpose'
    | 'channel'
    | 'loginUid'
    | 'bindingId'
    | 'authenticatorId'
    | 'clientId'
    | 'context'
    | 'contextDigest'
    | 'expiresAt'
    | 'askedBy'
  > {
  readonly number: string;
  readonly code: string;
  /** Of a web app's authentication request. */
  readonly requestId: string | null;
}

export interface AddRules {
  /** Add nothing where this sign-in has had one already (two tabs that open at once). */
  readonly onlyFirst?: boolean;
  /** Whether one more may be sent, by when those since the last success (or `since`) were sent. */
  readonly allows?: (sentAt: Date[]) => boolean;
  readonly since?: Date;
}

/** `replaced`: the ids of those that were open before. `refused`: by `allows`. */
export type Added =
  | { readonly outcome: 'added'; readonly replaced: readonly string[] }
  | { readonly outcome: 'there_is_one' }
  | { readonly outcome: 'refused'; readonly sentAt: readonly Date[] };

/** What belongs to a challenge and only the laptop may show. */
export interface ChallengeSecrets {
  readonly number: string;
  readonly code: string;
  /** For whom it is answered, where a web app asks. */
  readonly requestId: string | null;
}

export interface Challenges {
  /**
   * Adds a challenge; the account's open one, if any, is replaced by it. One at a time per account, so that the
   * budget holds for a hundred requests at once.
   */
  add(challenge: NewChallenge, now: Date, rules?: AddRules): Promise<Added>;
  byId(id: string): Promise<Challenge | undefined>;
  /** By the 128 bits of its QR code. */
  byCode(code: string): Promise<Challenge | undefined>;
  byRequest(requestId: string): Promise<Challenge | undefined>;
  latestOfLogin(uid: string, accountId: string): Promise<Challenge | undefined>;
  latestOfBinding(id: string): Promise<Challenge | undefined>;
  openOfAccount(accountId: string, now: Date): Promise<Challenge[]>;
  recentOfAccount(accountId: string, limit: number): Promise<Challenge[]>;
  secrets(id: string): Promise<ChallengeSecrets | undefined>;
  /** Takes one of `most` guesses, before the number is compared. @returns how many were taken, or undefined where none is left */
  guess(id: string, most: number, now: Date): Promise<number | undefined>;
  /**
   * The first answer wins, in one statement, which also ends the sign-in that anything but an approval is for: the
   * laptop that hears of the answer never finds its sign-in still open. @returns whether it was this one
   */
  answer(
    id: string,
    state: 'approved' | 'denied' | 'reported' | 'wrong_number',
    by: string,
    now: Date,
    isUserVerified?: boolean,
    signature?: string,
  ): Promise<boolean>;
  /** The signature of the answer that was accepted. */
  answerSignature(id: string): Promise<string | undefined>;
  /**
   * A code that was shown on the phone after its approval is typed at the laptop: takes one of `most` guesses.
   * @returns how many were taken, or undefined where none is left or nothing was approved
   */
  guessAfterApproval(id: string, most: number, createdAfter: Date): Promise<number | undefined>;
  /** Too many wrong codes: what was approved is worth nothing, and its sign-in ends. */
  spoil(id: string): Promise<void>;
  /** What was approved for a web app or the helpdesk and not yet fetched is worth nothing any more. */
  endApproved(accountId: string): Promise<void>;
  /** Uses an approval, once, in one statement; `createdAfter` is the hard cap on its age. */
  use(id: string, createdAfter: Date, now: Date): Promise<boolean>;
  /** When challenges of a purpose were sent since the account's last approval, or since `since`. */
  sentSinceSuccess(accountId: string, purpose: ChallengePurpose, since: Date): Promise<Date[]>;
}

export const place = (column: 'number' | 'code' | 'request', id: string): string => `challenge:${column}:${id}`;

export function createChallenges(db: Database, sealer: Sealer): Challenges {
  const { sql } = db;
  return {
    add: (c, now, { onlyFirst = false, allows = () => true, since = new Date(0) } = {}) =>
      db.transaction<Added>(async (tx) => {
        // One at a time per account: two tabs may not both find that there is none.
        await tx`SELECT 1 FROM account WHERE id = ${c.accountId} FOR NO KEY UPDATE`;
        if (onlyFirst) {
          const rows =
            await tx`SELECT 1 FROM challenge WHERE login_uid = ${c.loginUid} AND account_id = ${c.accountId} LIMIT 1`;
          if (rows.length > 0) return { outcome: 'there_is_one' };
        }
        const sentAt = await sentSinceSuccess(tx, c.accountId, c.purpose, since);
        if (!allows(sentAt)) return { outcome: 'refused', sentAt };
        const replaced = await tx<{
          id: string;
        }>`UPDATE challenge SET state = 'replaced' WHERE account_id = ${c.accountId} AND state = 'open' RETURNING id`;
        await tx`INSERT INTO challenge (id, account_id, purpose, channel, login_uid, binding_id, authenticator_id, client_id,
            number_sealed, number_length, code_digest, code_sealed, request_digest, request_sealed, context, context_digest, created_at, expires_at, asked_by)
          VALUES (${c.id}, ${c.accountId}, ${c.purpose}, ${c.channel}, ${c.loginUid}, ${c.bindingId}, ${c.authenticatorId}, ${c.clientId},
            ${sealer.seal(place('number', c.id), c.number)}, ${c.number.length}, ${digest(c.code)}, ${sealer.seal(place('code', c.id), c.code)},
            ${c.requestId === null ? null : digest(c.requestId)}, ${c.requestId === null ? null : sealer.seal(place('request', c.id), c.requestId)},
            ${c.context}, ${c.contextDigest}, ${now}, ${c.expiresAt}, ${c.askedBy})`;
        for (const { id } of replaced) await tx`SELECT pg_notify('dubbelslot', ${`challenge:${id}`})`;
        await tx`SELECT pg_notify('dubbelslot', ${`account:${c.accountId}`})`;
        return { outcome: 'added', replaced: replaced.map(({ id }) => id) };
      }),
    async byId(id) {
      const [row] = await sql<Challenge>`SELECT * FROM challenge WHERE id = ${id}`;
      return row && shown(row);
    },
    async byCode(code) {
      const [row] = await sql<Challenge>`SELECT * FROM challenge WHERE code_digest = ${digest(code)}`;
      return row && shown(row);
    },
    async byRequest(requestId) {
      const [row] = await sql<Challenge>`SELECT * FROM challenge WHERE request_digest = ${digest(requestId)}`;
      return row && shown(row);
    },
    async latestOfLogin(uid, accountId) {
      const [row] = await sql<Challenge>`SELECT * FROM challenge
          WHERE login_uid = ${uid} AND account_id = ${accountId} ORDER BY created_at DESC LIMIT 1`;
      return row && shown(row);
    },
    async latestOfBinding(id) {
      const [row] =
        await sql<Challenge>`SELECT * FROM challenge WHERE binding_id = ${id} ORDER BY created_at DESC LIMIT 1`;
      return row && shown(row);
    },
    async openOfAccount(accountId, now) {
      return (
        await sql<Challenge>`SELECT * FROM challenge WHERE account_id = ${accountId} AND state = 'open' AND expires_at > ${now}`
      ).map(shown);
    },
    async recentOfAccount(accountId, limit) {
      return (
        await sql<Challenge>`SELECT * FROM challenge WHERE account_id = ${accountId} ORDER BY created_at DESC LIMIT ${limit}`
      ).map(shown);
    },
    async secrets(id) {
      const [row] = await sql<{
        numberSealed: Buffer;
        codeSealed: Buffer;
        requestSealed: Buffer | null;
      }>`SELECT number_sealed, code_sealed, request_sealed FROM challenge WHERE id = ${id}`;
      return (
        row && {
          number: sealer.open(place('number', id), row.numberSealed).toString(),
          code: sealer.open(place('code', id), row.codeSealed).toString(),
          requestId: row.requestSealed && sealer.open(place('request', id), row.requestSealed).toString(),
        }
      );
    },
    async guess(id, most, now) {
      const [row] = await sql<{ guesses: number }>`UPDATE challenge SET guesses = guesses + 1
        WHERE id = ${id} AND state = 'open' AND guesses < ${most} AND expires_at > ${now} RETURNING guesses`;
      return row?.guesses;
    },
    async answer(id, state, by, now, isUserVerified = false, signature) {
      const rows =
        await sql`WITH done AS (UPDATE challenge SET state = ${state}, answered_at = ${now}, answered_by = ${by},
            is_user_verified = ${isUserVerified}, answer_signature = ${signature ?? null}
          WHERE id = ${id} AND state = 'open' AND expires_at > ${now}
            AND (${state} <> 'approved' OR EXISTS (SELECT 1 FROM authenticator a WHERE a.id = ${by} AND a.state IN ('active', 'pending')))
          RETURNING id, account_id, login_uid),
        ended AS (UPDATE login_transaction t SET state = 'ended', end_reason = ${state}
          WHERE ${state} <> 'approved' AND t.uid = (SELECT login_uid FROM done)
            AND t.account_id = (SELECT account_id FROM done) AND t.state = 'open')
        SELECT id, pg_notify('dubbelslot', 'challenge:' || id), pg_notify('dubbelslot', 'account:' || account_id) FROM done`;
      return rows.length === 1;
    },
    async answerSignature(id) {
      const [row] = await sql<{
        answerSignature: string | null;
      }>`SELECT answer_signature FROM challenge WHERE id = ${id}`;
      return row?.answerSignature ?? undefined;
    },
    async guessAfterApproval(id, most, createdAfter) {
      const [row] = await sql<{ guesses: number }>`UPDATE challenge SET guesses = guesses + 1
        WHERE id = ${id} AND state = 'approved' AND used_at IS NULL AND guesses < ${most} AND created_at > ${createdAfter} RETURNING guesses`;
      return row?.guesses;
    },
    async spoil(id) {
      await sql`WITH done AS (UPDATE challenge SET state = 'wrong_number'
          WHERE id = ${id} AND state = 'approved' AND used_at IS NULL RETURNING login_uid, account_id)
        UPDATE login_transaction t SET state = 'ended', end_reason = 'wrong_number' FROM done
          WHERE t.uid = done.login_uid AND t.account_id = done.account_id AND t.state = 'open'`;
    },
    async endApproved(accountId) {
      await sql`UPDATE challenge SET state = 'replaced' WHERE account_id = ${accountId}
        AND purpose IN ('client_approval', 'caller_check') AND state = 'approved' AND used_at IS NULL`;
    },
    async use(id, createdAfter, now) {
      const rows = await sql`UPDATE challenge SET used_at = ${now}
        WHERE id = ${id} AND state = 'approved' AND used_at IS NULL AND created_at > ${createdAfter}
          AND EXISTS (SELECT 1 FROM authenticator a WHERE a.id = answered_by AND a.state IN ('active', 'pending')) RETURNING id`;
      return rows.length === 1;
    },
    sentSinceSuccess: (accountId, purpose, since) => sentSinceSuccess(sql, accountId, purpose, since),
  };
}

/** Leaves the sealed columns out: they are for `secrets` alone. */
function shown(row: Challenge): Challenge {
  const { numberSealed, codeSealed, codeDigest, answerSignature, requestDigest, requestSealed, ...rest } =
    row as Challenge & Record<string, unknown>;
  return rest as Challenge;
}

async function sentSinceSuccess(sql: Sql, accountId: string, purpose: ChallengePurpose, since: Date): Promise<Date[]> {
  const rows = await sql<{ createdAt: Date }>`SELECT created_at FROM challenge
    WHERE account_id = ${accountId} AND purpose = ${purpose} AND created_at > ${since} AND created_at > coalesce(
      (SELECT max(created_at) FROM challenge WHERE account_id = ${accountId} AND state = 'approved'), '-infinity')
    ORDER BY created_at DESC LIMIT 50`;
  return rows.map((row) => row.createdAt);
}
