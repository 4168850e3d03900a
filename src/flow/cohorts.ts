import { createHash } from 'node:crypto';
import type { Account } from '../store/accounts.ts';
import type { Administrator } from './actor.ts';
import { ENTRA_GROUPS, type EntraGroup } from './entra-report.ts';
import { PAGE, pages } from './pages.ts';
import type { People } from './people.ts';

/** How people of a registration report are divided. */
export interface CohortWishes {
  /** Of the groups: `golf` gives `golf-1`, `golf-2` and so on. */
  readonly prefix: string;
  /** How many in the first ones; after these comes one with all others, and one with those who need a conversation. */
  readonly sizes: readonly number[];
}

/** What of it cannot be: sizes are whole numbers from 1, twenty at most; a prefix is one word. */
export const wrongWishes = ({ prefix, sizes }: CohortWishes): (keyof CohortWishes)[] => [
  ...(sizes.length > 20 || sizes.some((size) => !Number.isInteger(size) || size < 1) ? (['sizes'] as const) : []),
  ...(/^[\w-]{1,40}$/.test(prefix) ? [] : (['prefix'] as const)),
];

export interface Cohort {
  readonly group: string;
  /** Those who are in it already, and those who would come. */
  readonly people: readonly Account[];
  readonly coming: readonly Account[];
}

/** Divides those who come from Microsoft Entra into groups that move one after the other. */
export interface Cohorts {
  /** What would be. Whoever is in one stays there; the others fill what is left, by chance, but always the same. */
  plan(wishes: CohortWishes): Promise<readonly Cohort[]>;
  /** Does it. @returns whom they may not change: themselves, and people with a role as high as theirs */
  divide(wishes: CohortWishes, by: Administrator): Promise<readonly Account[]>;
}

/** A telephone call, or nothing: they may have no smartphone. */
const NEED_A_CONVERSATION: readonly EntraGroup[] = ['entra-phone', 'entra-none'];

/** `golf-2` is one of `golf`. */
export const isCohort = (prefix: string, group: string): boolean =>
  group.startsWith(`${prefix}-`) && /^\d+$/.test(group.slice(prefix.length + 1));

/** Spreads people over all corners of an organisation, without asking which there are. */
const byChance = ({ id }: Account): string => createHash('sha256').update(`cohort ${id}`).digest('hex');

export function createCohorts({ people }: { people: People }): Cohorts {
  const everybodyIn = async (group: string): Promise<Account[]> => {
    const all: Account[] = [];
    for await (const page of pages<Account>((last) =>
      people.search({ group, status: 'active' }, PAGE, last ? { after: last.email } : {}),
    ))
      all.push(...page);
    return all;
  };

  /** Whatever else happens to somebody's groups meanwhile stays. */
  const join = async (account: Account, group: string, by: Administrator): Promise<boolean> => {
    const { id, version, groups } = account;
    const changed = await people.change(id, { groups: [...groups, group] }, by, version);
    if (changed.ok || changed.refusal.code !== 'version_changed') return changed.ok;
    const now = await people.byEmail(account.email);
    return now?.id === id && join(now, group, by);
  };

  const plan: Cohorts['plan'] = async ({ prefix, sizes }) => {
    const names = Array.from({ length: sizes.length + 2 }, (_, at) => `${prefix}-${at + 1}`);
    const last = names.at(-1)!;
    const rest = names.at(-2)!;
    const found = (await Promise.all(ENTRA_GROUPS.map(everybodyIn))).flat();
    const everybody = [...new Map(found.map((account) => [account.id, account])).values()];
    const inside = (group: string): Account[] => everybody.filter(({ groups }) => groups.includes(group));
    const open = everybody
      // Also in one of a division into more than now.
      .filter(({ groups }) => !groups.some((group) => isCohort(prefix, group)))
      .map((account) => ({ account, chance: byChance(account) }))
      .sort((one, other) => (one.chance < other.chance ? -1 : 1))
      .map(({ account }) => account);
    const needs = ({ groups }: Account): boolean => NEED_A_CONVERSATION.some((group) => groups.includes(group));
    const talked = open.filter(needs);
    const others = open.filter((account) => !needs(account));
    return names.map((group, at) => {
      const there = inside(group);
      const room = Math.max(0, (sizes[at] ?? 0) - there.length);
      const coming = group === last ? talked : others.splice(0, group === rest ? others.length : room);
      return { group, people: there, coming };
    });
  };

  return {
    plan,
    async divide(wishes, by) {
      const refused: Account[] = [];
      for (const { group, coming } of await plan(wishes))
        for (const account of coming) {
          if (!(await join(account, group, by))) refused.push(account);
        }
      return refused;
    },
  };
}
