import type { Random } from '../../core/random.ts';
import type { PasswordHasher } from '../../crypto/password-hash.ts';
import type { Authenticators } from '../../store/authenticators.ts';
import type { Standing } from '../../store/standing.ts';

/**
 * Gives an account a password; one it had before stops working. The rules are `policy/password-rules.ts`.
 * @param on what lets its owner do so
 * @param use uses up what is good for one password, and says whether it still was; not before the hash, for which a busy machine
 * has no room
 * @returns false where either ended while the hash was computed
 */
export type BindPassword = (
  accountId: string,
  password: string,
  now: Date,
  on?: Standing,
  use?: () => Promise<boolean>,
) => Promise<boolean>;

/** The password of an account is the one that a directory knows: nothing of it is kept here. */
export type BindDirectoryPassword = (accountId: string, now: Date) => Promise<void>;

export const createBindDirectoryPassword =
  (authenticators: Authenticators, random: Random): BindDirectoryPassword =>
  async (accountId, now) => {
    await authenticators.replacePassword(
      { id: random.uuid(), accountId, kind: 'password', label: 'directory', state: 'active' },
      now,
    );
  };

export function createBindPassword(
  authenticators: Authenticators,
  hasher: PasswordHasher,
  random: Random,
): BindPassword {
  return async (accountId, password, now, on, use) => {
    const secret = await hasher.hash(password);
    if (use && !(await use())) return false;
    return authenticators.replacePassword(
      { id: random.uuid(), accountId, kind: 'password', label: 'password', state: 'active', secret },
      now,
      on,
    );
  };
}
