import type { Random } from '../../core/random.ts';
import { formatTypedCode, normalizeTypedCode } from '../../core/typed-code.ts';
import type { NewAuthenticator } from '../../store/authenticators.ts';

/** NIST SP 800-63B-4, section 3.1.2 (look-up secrets): at least 64 bits each, so that a plain digest is enough. */
export const CODES_IN_A_SET = 10;
const BYTES = 10;

export interface RecoverySet {
  readonly set: NewAuthenticator;
  /** As people read them. */
  readonly codes: readonly string[];
  /** As they are stored, before they are digested. */
  readonly plain: readonly string[];
}

export function makeRecoverySet(accountId: string, random: Random): RecoverySet {
  const codes = Array.from({ length: CODES_IN_A_SET }, () => formatTypedCode(random.bytes(BYTES)));
  return {
    set: { id: random.uuid(), accountId, kind: 'recovery_code', label: 'recovery codes', state: 'active' },
    codes,
    plain: codes.map(normalizeTypedCode),
  };
}
