import type { Random } from '../../core/random.ts';
import { formatTypedCode, normalizeTypedCode } from '../../core/typed-code.ts';
import type { RecoveryCodes } from '../../store/recovery-codes.ts';

/** NIST SP 800-63B-4, section 3.1.2 (look-up secrets): at least 64 bits each, so that a plain digest is enough. */
export const CODES_IN_A_SET = 10;
const BYTES = 10;

/** Makes a set for an account that has none. @returns the codes, as people read them, or undefined where it has one */
export type BindRecoveryCodes = (accountId: string, now: Date) => Promise<string[] | undefined>;

export function createBindRecoveryCodes(recoveryCodes: RecoveryCodes, random: Random): BindRecoveryCodes {
  return async (accountId, now) => {
    const codes = Array.from({ length: CODES_IN_A_SET }, () => formatTypedCode(random.bytes(BYTES)));
    const isAdded = await recoveryCodes.add(
      { id: random.uuid(), accountId, kind: 'recovery_code', label: 'recovery codes', state: 'active' },
      codes.map(normalizeTypedCode),
      now,
    );
    return isAdded ? codes : undefined;
  };
}
