import { UUID } from '../core/uuid.ts';
import type { Sealer } from '../crypto/seal.ts';
import { ACCOUNT_COLUMNS, type Account } from './accounts.ts';
import { type Authenticator, secretPlace, shown } from './authenticators.ts';
import { type Database, fieldName } from './database.ts';

/** An account with what it signs in with, by one statement: what every step of a sign-in asks. */
export interface Signers {
  byId(accountId: string): Promise<Signer | undefined>;
  /** The active password, still sealed. */
  byEmail(email: string): Promise<{ account: Account; password: StoredPassword | undefined } | undefined>;
}

export interface Signer {
  readonly account: Account;
  readonly authenticators: readonly Authenticator[];
}

export interface StoredPassword {
  readonly id: string;
  /** The hash; undefined where a directory knows the password. */
  open(): string | undefined;
}

const NAMES = ACCOUNT_COLUMNS.split(/,\s*/);
/** The columns of an account `a` beside another table's, and what they are called in its row. */
export const ACCOUNT_BESIDE = NAMES.map((name) => `a.${name} AS account_${name}`).join(', ');
const FIELDS = NAMES.map((name) => [fieldName(name), fieldName(`account_${name}`)] as const);

/** The account in such a row. */
export const accountIn = (row: Record<string, unknown>): Account =>
  Object.fromEntries(FIELDS.map(([field, prefixed]) => [field, row[prefixed]])) as unknown as Account;
const without = (row: Record<string, unknown>): Record<string, unknown> => {
  const rest = { ...row };
  for (const [, prefixed] of FIELDS) if (prefixed !== 'accountId') delete rest[prefixed];
  return rest;
};

export function createSigners({ query }: Database, sealer: Sealer): Signers {
  return {
    async byId(accountId) {
      if (!UUID.test(accountId)) return undefined;
      // The account's columns come last: its id is there where it has no authenticator.
      const rows = await query<Record<string, unknown>>(
        `SELECT x.*, ${ACCOUNT_BESIDE} FROM account a LEFT JOIN authenticator x ON x.account_id = a.id
          WHERE a.id = $1 ORDER BY x.created_at`,
        [accountId],
      );
      const [first] = rows;
      if (!first) return undefined;
      const authenticators = first.id === null ? [] : rows.map((row) => shown(without(row) as never));
      return { account: accountIn(first), authenticators };
    },
    async byEmail(email) {
      const [row] = await query<Record<string, unknown>>(
        `SELECT x.id, x.secret_sealed, ${ACCOUNT_BESIDE} FROM account a
          LEFT JOIN LATERAL (SELECT id, secret_sealed FROM authenticator
            WHERE account_id = a.id AND kind = 'password' AND state = 'active' LIMIT 1) x ON true
          WHERE a.email = $1`,
        [email.toLowerCase()],
      );
      if (!row) return undefined;
      const { id, secretSealed } = row as { id: string | null; secretSealed: Buffer | null };
      const open = () => (id && secretSealed ? sealer.open(secretPlace(id), secretSealed).toString() : undefined);
      return { account: accountIn(row), password: id ? { id, open } : undefined };
    },
  };
}
