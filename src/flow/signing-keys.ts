import { addSeconds, type Clock } from '../core/clock.ts';
import type { SigningKeys } from '../store/signing-keys.ts';
import { type Actor, BY_ITSELF } from './actor.ts';
import type { Audit } from './audit.ts';

/** New keys for old ones: by hand, after a leak, and by themselves. */
export interface SigningKeyRotation {
  /**
   * Makes new keys; they sign when every web app has had the time to read them, or at once.
   * @returns the ids of those made: none where new keys are waiting already
   */
  rotate(isNow: boolean, by: Actor): Promise<{ made: readonly string[]; signsFrom: Date }>;
  /** The same where the newest key is too old. */
  rotateOld(): Promise<readonly string[]>;
  /** Takes a key out of publication: what it signed is refused from now on. `signs`: replace it first. */
  withdraw(kid: string, by: Actor): Promise<'withdrawn' | 'signs' | 'unknown'>;
}

export interface SigningKeyRotationNeeds {
  signingKeyStore: SigningKeys;
  audit: Audit;
  clock: Clock;
  /** After how many days new keys are made; 0: only by hand. */
  keyRotationDays: number;
  /** How long a new key is published before it signs. */
  keyOverlapHours: number;
}

/** Keeps in the audit log that keys were made. */
export async function recordKeys(audit: Audit, kids: readonly string[], by: Actor = BY_ITSELF): Promise<void> {
  for (const kid of kids) await audit({ action: 'key.made', object: `key:${kid}`, result: 'success', ...by });
}

export function createSigningKeyRotation(n: SigningKeyRotationNeeds): SigningKeyRotation {
  const later = (now: Date): Date => addSeconds(now, n.keyOverlapHours * 3600);
  return {
    async rotate(isNow, by) {
      const now = n.clock.now();
      const signsFrom = isNow ? now : later(now);
      const made = await n.signingKeyStore.rotate(now, signsFrom);
      await recordKeys(n.audit, made, by);
      return { made, signsFrom };
    },
    async rotateOld() {
      if (n.keyRotationDays === 0) return [];
      const now = n.clock.now();
      const made = await n.signingKeyStore.rotateOlder(addSeconds(now, -n.keyRotationDays * 86_400), now, later(now));
      await recordKeys(n.audit, made);
      return made;
    },
    async withdraw(kid, by) {
      const now = n.clock.now();
      const { keys } = await n.signingKeyStore.published(now);
      const key = keys.find((each) => each.kid === kid);
      if (key?.state === 'signs') return 'signs';
      if (!key || !(await n.signingKeyStore.withdraw(kid, now))) return 'unknown';
      await n.audit({ action: 'key.withdrawn', object: `key:${kid}`, result: 'success', ...by });
      return 'withdrawn';
    },
  };
}
