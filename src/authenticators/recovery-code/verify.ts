import { normalizeTypedCode } from '../../core/typed-code.ts';
import type { RecoveryCodes } from '../../store/recovery-codes.ts';

/** Uses up a code, in one statement. @returns the set's authenticator id, or undefined for a wrong or used code */
export type VerifyRecoveryCode = (accountId: string, typed: string, now: Date) => Promise<string | undefined>;

export function createVerifyRecoveryCode(recoveryCodes: RecoveryCodes): VerifyRecoveryCode {
  return (accountId, typed, now) => recoveryCodes.use(accountId, normalizeTypedCode(typed), now);
}
