import type { Random } from '../../core/random.ts';
import type { PasswordHasher } from '../../crypto/password-hash.ts';
import type { Authenticators } from '../../store/authenticators.ts';

/** Gives an account a password; one it had before stops working. The rules are `policy/password-rules.ts`. */
export type BindPassword = (accountId: string, password: string, now: Date) => Promise<void>;

/** The password of an account is the one that a directory knows: nothing of it is kept here. */
export type BindDirectoryPassword = (accountId: string, now: Date) => Promise<void>;

export const createBindDirectoryPassword =
  (authenticators: Authenticators, random: Random): BindDirectoryPassword =>
  (accountId, now) =>
    authenticators.replacePassword(
      { id: random.uuid(), accountId, kind: 'password', label: 'directory', state: 'active' },
      now,
    );

export function createBindPassword(
  authenticators: Authenticators,
  hasher: PasswordHasher,
  random: Random,
): BindPassword {
  return async (accountId, password, now) => {
    const secret = await hasher.hash(password);
    await authenticators.replacePassword(
      { id: random.uuid(), accountId, kind: 'password', label: 'password', state: 'active', secret },
      now,
    );
  };
}
