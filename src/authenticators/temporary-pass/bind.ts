import { addSeconds } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { formatTypedCode, normalizeTypedCode } from '../../core/typed-code.ts';
import type { TemporaryPasses } from '../../store/temporary-passes.ts';

/** An hour, once (ASVS 5.0, 6.4.1: initial secrets are random, short-lived and expire after use). */
export const PASS_SECONDS = 3600;
/** 80 bits: sixteen characters to read out. */
const BYTES = 10;

/** Makes a pass for an account; one it had before stops working. */
export type BindTemporaryPass = (accountId: string, now: Date) => Promise<{ code: string; expiresAt: Date }>;

export function createBindTemporaryPass(passes: TemporaryPasses, random: Random): BindTemporaryPass {
  return async (accountId, now) => {
    const code = formatTypedCode(random.bytes(BYTES));
    const expiresAt = addSeconds(now, PASS_SECONDS);
    await passes.add({ id: random.uuid(), accountId, code: normalizeTypedCode(code), expiresAt }, now);
    return { code, expiresAt };
  };
}
