import { addSeconds, type Clock } from '../core/clock.ts';
import { accept, type Result, refuse } from '../core/refusals.ts';
import { whyNotOn } from '../policy/permissions.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Erased, ErasureStore } from '../store/erasure.ts';
import type { Throttle } from '../store/throttle.ts';
import { type Actor, type Administrator, BY_ITSELF, doneBy } from './actor.ts';
import type { EndEverything } from './end-everything.ts';
import { guessesAt } from './guessing.ts';

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
  endEverything: EndEverything;
  throttle: Throttle;
  clock: Clock;
  /** Days; undefined where nobody is erased by the clock. */
  eraseAfterDays: number | undefined;
}

const BATCH = 100;

export function createErasure(n: ErasureNeeds): Erasure {
  const remove = async ({ id, email }: Erased, by: Actor, how: 'asked' | 'due'): Promise<boolean> => {
    // What the end of the account began, where that is still on its way: web apps hear of it by what this writes.
    await n.endEverything(id);
    const event = {
      action: 'account.erased',
      object: `account:${id}`,
      result: 'success',
      accountId: id,
      ...doneBy(by),
      detail: { how },
    } as const;
    if (!(await n.erasureStore.erase(id, event, n.clock.now()))) return false;
    // Whoever gets the address starts anew.
    await n.throttle.forgive(`password:${email}`, ...guessesAt(id));
    return true;
  };
  return {
    async erase(id, by) {
      const account = await n.accounts.byId(id);
      if (!account) return refuse('account_unknown');
      const why = whyNotOn(by.authority, account);
      if (why) return refuse(why);
      if (account.status !== 'revoked') return refuse('not_revoked');
      return (await remove(account, by, 'asked')) ? accept(undefined) : refuse('account_unknown');
    },

    async eraseDue() {
      if (n.eraseAfterDays === undefined) return 0;
      const due = await n.erasureStore.due(addSeconds(n.clock.now(), -n.eraseAfterDays * 86_400), BATCH);
      let count = 0;
      const failures: unknown[] = [];
      for (const account of due)
        await remove(account, BY_ITSELF, 'due').then(
          (isGone) => (count += Number(isGone)),
          (error: unknown) => failures.push(error),
        );
      // One that cannot be erased keeps nobody else.
      if (failures.length > 0 && count === 0) throw failures[0];
      return count;
    },
  };
}
