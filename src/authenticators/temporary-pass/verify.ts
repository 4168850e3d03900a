import { normalizeTypedCode } from '../../core/typed-code.ts';
import type { TemporaryPasses } from '../../store/temporary-passes.ts';

/** Uses up a pass, in one statement. @returns its authenticator id, or undefined for a wrong, used or expired one */
export type VerifyTemporaryPass = (accountId: string, typed: string, now: Date) => Promise<string | undefined>;

export function createVerifyTemporaryPass(passes: TemporaryPasses): VerifyTemporaryPass {
  return (accountId, typed, now) => passes.use(accountId, normalizeTypedCode(typed), now);
}
