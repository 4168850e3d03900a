import type { PasswordHasher } from '../../crypto/password-hash.ts';
import type { Authenticators } from '../../store/authenticators.ts';

/**
 * Whether the password is this account's; for an unknown account the same work is done for nothing.
 * A hash made with weaker parameters than today's is made again on the way.
 * @throws Fault `overloaded`
 */
export type VerifyPassword = (accountId: string | undefined, password: string) => Promise<boolean>;

export function createVerifyPassword(authenticators: Authenticators, hasher: PasswordHasher): VerifyPassword {
  return async (accountId, password) => {
    const stored = accountId === undefined ? undefined : await authenticators.passwordOf(accountId);
    const isRight = await hasher.verify(password, stored?.secret);
    if (isRight && stored && hasher.isOutdated(stored.secret)) {
      await authenticators.rewriteSecret(stored.id, await hasher.hash(password));
    }
    return isRight;
  };
}
