import type { PasswordHasher } from '../../crypto/password-hash.ts';
import type { Account } from '../../store/accounts.ts';
import type { Authenticators } from '../../store/authenticators.ts';

/**
 * Whether the password is this account's; for an unknown account the same work is done for nothing.
 * A hash made with weaker parameters than today's is made again on the way.
 * @throws Fault `overloaded`, `directory_unreachable`
 */
export type VerifyPassword = (account: Account | undefined, password: string) => Promise<boolean>;

/** Whether a directory knows this as the password of the person with its id; for nobody, the same work for nothing. */
export type CheckAtDirectory = (id: string | undefined, password: string) => Promise<boolean>;

/**
 * Where there is a directory, each attempt asks it as well as it computes a hash, whoever signs in: the time an answer
 * takes tells nobody which of the two knows an account. It must answer for those whom it keeps, and for no right
 * password that is kept here.
 */
export function createVerifyPassword(
  authenticators: Authenticators,
  hasher: PasswordHasher,
  checkAtDirectory?: CheckAtDirectory,
): VerifyPassword {
  return async (account, password) => {
    const stored = account && (await authenticators.passwordOf(account.id));
    const isKeptThere = account?.source === 'ldap';
    const idThere = isKeptThere && stored ? (account.externalId ?? undefined) : undefined;
    const [here, there] = await Promise.allSettled([
      hasher.verify(password, isKeptThere ? undefined : stored?.secret),
      checkAtDirectory?.(idThere, password),
    ]);
    if (here.status === 'rejected') throw here.reason;
    if (here.value && !isKeptThere) {
      if (stored?.secret && hasher.isOutdated(stored.secret))
        await authenticators.rewriteSecret(stored.id, await hasher.hash(password));
      return true;
    }
    if (there.status === 'rejected') throw there.reason;
    return idThere !== undefined && there.value === true;
  };
}
