import { inSteps } from '../../core/even-time.ts';
import type { PasswordHasher } from '../../crypto/password-hash.ts';
import type { Account } from '../../store/accounts.ts';
import type { Authenticators } from '../../store/authenticators.ts';
import type { StoredPassword } from '../../store/signers.ts';

/**
 * Whether the password is this account's; for an unknown account the same work is done for nothing.
 * A hash made with weaker parameters than today's is made again on the way.
 * @throws Fault `overloaded`, `directory_unreachable`
 */
export type VerifyPassword = (who: SignerWithPassword | undefined, password: string) => Promise<boolean>;

interface SignerWithPassword {
  readonly account: Account;
  readonly password: StoredPassword | undefined;
}

/** Whether a directory knows this as the password of the person with its id; for nobody, the same work for nothing. */
export type CheckAtDirectory = (id: string | undefined, password: string) => Promise<boolean>;

/** Where a directory is asked, answers come at whole quarters of a second. */
const STEP_MS = 250;

/**
 * Where there is a directory, each attempt computes a hash and then asks it, whoever signs in, and is answered at a whole
 * step: the time an answer takes does not tell who knows an account. The directory must answer for those whom it keeps,
 * and for no right password that is kept here.
 */
export function createVerifyPassword(
  authenticators: Authenticators,
  hasher: PasswordHasher,
  checkAtDirectory?: CheckAtDirectory,
): VerifyPassword {
  const verify: VerifyPassword = async (who, password) => {
    const stored = who?.password;
    const isKeptThere = who?.account.source === 'ldap';
    const idThere = isKeptThere && stored ? (who.account.externalId ?? undefined) : undefined;
    // In this order: whoever is turned away by a busy machine must not have tried a password at the directory.
    const hash = isKeptThere ? undefined : stored?.open();
    const isRightHere = (await hasher.verify(password, hash)) && !isKeptThere;
    if (isRightHere && stored && hash && hasher.isOutdated(hash))
      await authenticators.rewriteSecret(stored.id, await hasher.hash(password));
    if (!checkAtDirectory) return isRightHere;
    const isRightThere = await checkAtDirectory(idThere, password).catch((error: unknown) => {
      if (isRightHere) return false;
      throw error;
    });
    return isRightHere || (idThere !== undefined && isRightThere);
  };
  return checkAtDirectory ? (who, password) => inSteps(STEP_MS, () => verify(who, password)) : verify;
}
