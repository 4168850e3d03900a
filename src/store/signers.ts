import { UUID } from '../core/uuid.ts';
import type { Sealer } from '../crypto/seal.ts';
import { ACCOUNT_COLUMNS, type Account } from './accounts.ts';
import { AUTHENTICATOR_COLUMNS, type Authenticator, secretPlace } from './authenticators.ts';
import { columnsBeside, constant, type Database, type Fragment } from './database.ts';

/** An account with what it signs in with, by one statement: what every step of a sign-in asks. */
export interface Signers {
  byId(accountId: string): Promise<Signer | undefined>;
  /**
   * Who a password was typed for, its active one still sealed; by the statement that counts the try (`Throttle.counting`).
   * @returns `failures` undefined where it was not counted: wait
   */
  tried(
    email: string,
    counting: Fragment,
  ): Promise<{
    failures: number | undefined;
    signer: { account: Account; password: StoredPassword | undefined } | undefined;
  }>;
}

export interface Signer {
  readonly account: Account;
  readonly authenticators: readonly Authenticator[];
  readonly codeApps: readonly CodeApp[];
}

/** An active code app, its secret still sealed. */
export interface CodeApp {
  readonly id: string;
  /** The newest time step that it was accepted for. */
  readonly lastStep: number | null;
  /** The secret, base 32. */
  open(): string;
}

export interface StoredPassword {
  readonly id: string;
  /** The hash; undefined where a directory knows the password. */
  open(): string | undefined;
}

const accounts = columnsBeside<Account>('a', 'account', ACCOUNT_COLUMNS);
const authenticators = columnsBeside<Authenticator>('x', 'authenticator', AUTHENTICATOR_COLUMNS);

/** The columns of an account `a` beside another table's. */
export const ACCOUNT_BESIDE = accounts.select;
/** The account in such a row. */
export const accountIn = accounts.read;

/** The columns of an account `a` and an authenticator `x` beside another table's: a row for each authenticator. */
export const SIGNER_BESIDE = `${ACCOUNT_BESIDE}, ${authenticators.select}, x.secret_sealed AS authenticator_secret, x.last_step`;

/** The signer in such rows; undefined where there is no account. */
export function createSignerIn(sealer: Sealer): (rows: readonly Record<string, unknown>[]) => Signer | undefined {
  const codeApp = (row: Record<string, unknown>): CodeApp => {
    const {
      authenticatorId: id,
      authenticatorSecret: sealed,
      lastStep,
    } = row as {
      authenticatorId: string;
      authenticatorSecret: Buffer;
      lastStep: string | null;
    };
    return {
      id,
      lastStep: lastStep === null ? null : Number(lastStep),
      open: () => sealer.open(secretPlace(id), sealed).toString(),
    };
  };
  return (rows) => {
    const [first] = rows;
    if (!first || first.accountId === null) return undefined;
    const own = rows.filter(({ authenticatorId }) => authenticatorId !== null);
    const isCodeApp = ({ authenticatorKind: kind, authenticatorState: state }: Record<string, unknown>): boolean =>
      kind === 'totp' && state === 'active';
    return {
      account: accountIn(first),
      authenticators: own.map(authenticators.read),
      codeApps: own.filter(isCodeApp).map(codeApp),
    };
  };
}

const ACCOUNT = constant(ACCOUNT_BESIDE);

export function createSigners({ query, relaxedSql }: Database, sealer: Sealer): Signers {
  const signerIn = createSignerIn(sealer);
  return {
    async byId(accountId) {
      if (!UUID.test(accountId)) return undefined;
      const rows = await query<Record<string, unknown>>(
        `SELECT ${SIGNER_BESIDE} FROM account a LEFT JOIN authenticator x ON x.account_id = a.id
          WHERE a.id = $1 ORDER BY x.created_at`,
        [accountId],
      );
      return signerIn(rows);
    },
    async tried(email, counting) {
      const [row] = await relaxedSql<Record<string, unknown>>`WITH ${counting}
        SELECT counted.failures, x.id, x.secret_sealed, ${ACCOUNT} FROM (VALUES (1)) one LEFT JOIN counted ON true
          LEFT JOIN account a ON a.email = ${email.toLowerCase()}
          LEFT JOIN LATERAL (SELECT id, secret_sealed FROM authenticator
            WHERE account_id = a.id AND kind = 'password' AND state = 'active' LIMIT 1) x ON true`;
      const { failures, accountId, id, secretSealed } = row as {
        failures: number | null;
        accountId: string | null;
        id: string | null;
        secretSealed: Buffer | null;
      };
      const open = () => (id && secretSealed ? sealer.open(secretPlace(id), secretSealed).toString() : undefined);
      const password = id ? { id, open } : undefined;
      return {
        failures: failures ?? undefined,
        signer: accountId === null ? undefined : { account: accountIn(row!), password },
      };
    },
  };
}
