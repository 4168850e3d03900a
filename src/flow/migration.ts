import { addSeconds, type Clock } from '../core/clock.ts';
import type { CoverageStore } from '../store/coverage.ts';
import type { EntraAccounts } from '../store/entra-accounts.ts';
import { isCohort } from './cohorts.ts';
import type { CoverageReport } from './coverage.ts';
import { ENTRA_GROUPS } from './entra-report.ts';

/** A group on its way from Microsoft Entra MFA. */
export interface MovingGroup {
  readonly group: string;
  readonly people: number;
  /** With a second factor here. */
  readonly enrolled: number;
  /** Who came here from Entra at least once: both at once works for them. */
  readonly linked: number;
}

export interface Migration {
  /** By what people used at Entra; empty where no report was imported. */
  readonly byMethod: readonly MovingGroup[];
  /** By cohort, `golf-1` and so on. */
  readonly byCohort: readonly MovingGroup[];
  /** How many are left without a second factor here, day by day. */
  readonly left: readonly { readonly day: string; readonly people: number }[];
}

const DAYS = 90;

/** How far the move from Microsoft Entra MFA is. */
export const createMigration =
  (n: { coverage: CoverageReport; coverageStore: CoverageStore; entraAccounts: EntraAccounts; clock: Clock }) =>
  /** @param prefix of the cohorts' groups */
  async (prefix: string): Promise<Migration> => {
    const coverage = await n.coverage.now();
    const names = coverage.map(({ groupName }) => groupName);
    const cohorts = names.filter((name) => isCohort(prefix, name));
    const methods = ENTRA_GROUPS.filter((group) => names.includes(group));
    const linked = await n.entraAccounts.countByGroup([...cohorts, ...methods]);
    const of = (group: string): MovingGroup => {
      const { people, without } = coverage.find(({ groupName }) => groupName === group)!;
      return { group, people, enrolled: people - without, linked: linked.get(group) ?? 0 };
    };
    const since = addSeconds(n.clock.now(), -DAYS * 86_400)
      .toISOString()
      .slice(0, 10);
    const days = new Map<string, number>();
    const histories = await Promise.all(methods.map((group) => n.coverageStore.days(group, since)));
    for (const { day, without } of histories.flat()) days.set(day, (days.get(day) ?? 0) + without);
    return {
      byMethod: methods.map(of),
      byCohort: cohorts.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).map(of),
      left: [...days].sort().map(([day, people]) => ({ day, people })),
    };
  };
