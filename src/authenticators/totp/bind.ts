import type { Random } from '../../core/random.ts';
import { accept, type Result, refuse } from '../../core/refusals.ts';
import type { NewAuthenticator } from '../../store/authenticators.ts';
import { stepOf } from './code.ts';

/**
 * What to add for a code app whose first code was right; that code's step counts as used.
 * Refusal: `code_wrong`.
 */
export type BindTotp = (
  accountId: string,
  secret: string,
  typed: string,
  label: string,
  now: Date,
) => Result<NewAuthenticator>;

export function createBindTotp(random: Random): BindTotp {
  return (accountId, secret, typed, label, now) => {
    const lastStep = stepOf(secret, typed, now);
    if (lastStep === undefined) return refuse('code_wrong');
    return accept({ id: random.uuid(), accountId, kind: 'totp', label, state: 'active', secret, lastStep });
  };
}
