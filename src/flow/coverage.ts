import { addSeconds, type Clock } from '../core/clock.ts';
import type { Gap } from '../core/gaps.ts';
import type { Coverage, CoverageDay, CoverageStore, UncoveredPerson } from '../store/coverage.ts';

/** Who is protected, and who is not. */
export interface CoverageReport {
  /** Everybody first, then each group. */
  now(): Promise<Coverage[]>;
  /** People with a gap, in the order of their addresses. */
  people(gap: Gap | undefined, group: string | undefined, limit: number, after?: string): Promise<UncoveredPerson[]>;
  /** Day by day, since it was first kept; an empty group is everybody. */
  history(group: string, days: number): Promise<CoverageDay[]>;
  /** Keeps how it is today: several times a day, so that the last one counts. */
  keepToday(): Promise<void>;
}

/** A phone that has not answered for so long is probably in a drawer. */
export const SILENT_DAYS = 60;
const DAY_SECONDS = 86_400;

export const createCoverageReport = (n: { coverageStore: CoverageStore; clock: Clock }): CoverageReport => {
  const silentSince = (): Date => addSeconds(n.clock.now(), -SILENT_DAYS * DAY_SECONDS);
  const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
  return {
    now: () => n.coverageStore.now(silentSince()),
    people: (gap, group, limit, after) => n.coverageStore.people(gap, group, silentSince(), limit, after),
    history: (group, days) => n.coverageStore.days(group, dayOf(addSeconds(n.clock.now(), -days * DAY_SECONDS))),
    keepToday: () => n.coverageStore.keepDay(dayOf(n.clock.now()), silentSince()),
  };
};
