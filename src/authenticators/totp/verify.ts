import type { TotpSecrets } from '../../store/totp-secrets.ts';
import { stepOf } from './code.ts';

/**
 * Whether this is a code of one of the account's apps, and the first use of its time step.
 * @returns the authenticator's id, or undefined
 */
export type VerifyTotp = (accountId: string, typed: string, now: Date) => Promise<string | undefined>;

export function createVerifyTotp(secrets: TotpSecrets): VerifyTotp {
  return async (accountId, typed, now) => {
    for (const { id, secret } of await secrets.of(accountId)) {
      const step = stepOf(secret, typed, now);
      if (step !== undefined && (await secrets.accept(id, step, now))) return id;
    }
    return undefined;
  };
}
