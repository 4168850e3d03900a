import { addSeconds, type Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { whyNotOn } from '../policy/permissions.ts';
import type { Accounts } from '../store/accounts.ts';
import type { ErasureStore } from '../store/erasure.ts';
import { type Actor, type Administrator, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';

/** What is kept of people who have left (GDPR, articles 5(1)(e) and 17). */
export interface Erasure {
  /**
   * Removes all that is kept of somebody whose account was revoked. The audit log keeps its events, by the account's id, until
   * the end of their retention; the address is free for somebody else, who gets another id.
   * Refusals: `account_unknown`, `own_account`, `role_too_high`, `not_revoked`.
   */
  erase(id: string, by: Administrator): Promise<Result<void>>;
  /** Whoever was revoked as long ago as the organisation keeps that, a batch at most. @returns how many */
  eraseDue(): Promise<number>;
}

export interface ErasureNeeds {
  accounts: Accounts;
  erasureStore: ErasureStore;
  audit: Audit;
  clock: Clock;
  /** Days; undefined where nobody is erased by the clock. */
  eraseAfterDays: number | undefined;
}

const BATCH = 100;
const BY_ITSELF: Actor = { actor: 'system', origin: 'system' };

export function createErasure(n: ErasureNeeds): Erasure {
  const remove = async (id: string, by: Actor, how: 'asked' | 'due'): Promise<boolean> => {
    if (!(await n.erasureStore.erase(id))) return false;
    await n.audit({
      action: 'account.erased',
      object: `account:${id}`,
      result: 'success',
      accountId: id,
      ...doneBy(by),
      detail: { how },
    });
    return true;
  };
  return {
    async erase(id, by) {
      const account = await n.accounts.byId(id);
      if (!account) return refuse('account_unknown');
      const why = whyNotOn(by.authority, account);
      if (why) return refuse(why);
      if (account.status !== 'revoked') return refuse('not_revoked');
      return (await remove(id, by, 'asked')) ? accept(undefined) : refuse('account_unknown');
    },

    async eraseDue() {
      if (n.eraseAfterDays === undefined) return 0;
      const due = await n.erasureStore.due(addSeconds(n.clock.now(), -n.eraseAfterDays * 86_400), BATCH);
      let count = 0;
      for (const id of due) if (await remove(id, BY_ITSELF, 'due')) count += 1;
      return count;
    },
  };
}
