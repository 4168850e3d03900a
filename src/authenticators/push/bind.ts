import type { Random } from '../../core/random.ts';
import { accept, type Result } from '../../core/refusals.ts';
import type { Authenticators } from '../../store/authenticators.ts';
import type { ProvenKey } from './proof.ts';

/**
 * Binds a phone's key to an account, still pending: it may answer its enrolment test and nothing else.
 * Refusal: `key_in_use`.
 * @returns the authenticator's id
 */
export type BindPush = (accountId: string, key: ProvenKey, label: string, now: Date) => Promise<Result<string>>;

export function createBindPush(authenticators: Authenticators, random: Random): BindPush {
  return async (accountId, key, label, now) => {
    const id = random.uuid();
    const added = await authenticators.add(
      { id, accountId, kind: 'push', label, state: 'pending', publicJwk: key.jwk, thumbprint: key.thumbprint },
      now,
    );
    return added.ok ? accept(id) : added;
  };
}
