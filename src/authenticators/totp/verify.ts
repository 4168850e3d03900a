import type { CodeApp } from '../../store/signers.ts';
import { stepOf } from './code.ts';

/**
 * Whether this is a code of one of the account's apps, of a time step that is newer than the last one it was accepted for.
 * Nothing is used up yet: `LoginTransactions.prove` accepts the step for good, once.
 */
export function verifyTotp(
  apps: readonly CodeApp[],
  typed: string,
  now: Date,
): { authenticatorId: string; step: number } | undefined {
  for (const { id, lastStep, open } of apps) {
    const step = stepOf(open(), typed, now);
    if (step !== undefined && (lastStep === null || lastStep < step)) return { authenticatorId: id, step };
  }
  return undefined;
}
