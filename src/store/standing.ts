import { type Fragment, fragment, type Sql } from './database.ts';

/** What gives somebody the right to add or replace what an account signs in with. */
export type Standing =
  | { readonly signIn: string }
  /** A session of oidc-provider's, by its uid. */
  | { readonly session: string }
  /** An authenticator that signs for itself. */
  | { readonly authenticator: string };

/**
 * Gives a row while that stands, for this account, and holds it until the end of the statement or transaction: whoever
 * ends it waits, and then finds what was added.
 */
export function standing(accountId: string, on: Standing): Fragment {
  if ('signIn' in on)
    return fragment`SELECT 1 FROM login_transaction
      WHERE uid = ${on.signIn} AND account_id = ${accountId} AND state = 'open' FOR SHARE`;
  if ('session' in on)
    return fragment`SELECT 1 FROM op_session
      WHERE uid = ${on.session} AND account_id = ${accountId} AND revoked_at IS NULL FOR SHARE`;
  return fragment`SELECT 1 FROM authenticator
    WHERE id = ${on.authenticator} AND account_id = ${accountId} AND state = 'active' FOR SHARE`;
}

/** Rolls a transaction back. */
class NoLongerStanding extends Error {}

/** The same within a transaction of `whileStanding`. */
export async function hold(sql: Sql, accountId: string, on: Standing): Promise<void> {
  if ((await sql`${standing(accountId, on)}`).length === 0) throw new NoLongerStanding();
}

/** @returns false, with nothing changed, where `hold` found that it had ended */
export const whileStanding = (transaction: Promise<unknown>): Promise<boolean> =>
  transaction.then(
    () => true,
    (error: unknown) => {
      if (error instanceof NoLongerStanding) return false;
      throw error;
    },
  );
