import { addSeconds, type Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { accept, type Refusal, type Result, refuse, refuseAll } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import type { Accounts } from '../store/accounts.ts';
import type { Campaign, CampaignProgress, Campaigns as CampaignStore } from '../store/campaigns.ts';
import type { CoverageDay, CoverageStore } from '../store/coverage.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import type { Notify } from './notices.ts';

/** Days are written `2026-11-24`; an empty group is everybody. */
export type CampaignToStart = Pick<Campaign, 'name' | 'groupName' | 'startsOn' | 'deadline' | 'remindEveryDays'>;

export interface CampaignView extends CampaignProgress {
  readonly campaign: Campaign;
  readonly isRunning: boolean;
  /** How many were without, day by day, from its first day to its last. */
  readonly days: readonly CoverageDay[];
}

/** Gets a group to set up a second factor before a day: who is left, how it goes, reminders by mail. */
export interface Campaigns {
  /**
   * Refusals: `name_missing`, `dates_invalid` (a deadline that is past, or before the start; more than a year),
   * `group_empty`, `campaign_there` (one for the same group that is not over).
   */
  start(what: CampaignToStart, by: Actor): Promise<Result<Campaign>>;
  list(limit: number): Promise<Campaign[]>;
  look(id: string): Promise<CampaignView | undefined>;
  /** Nobody is reminded any more. Refusals: `campaign_unknown`, `campaign_ended`. */
  end(id: string, by: Actor): Promise<Result<Campaign>>;
  /** Mails those who are due, some at a time. @returns how many */
  remind(): Promise<number>;
  isRunning(campaign: Campaign): boolean;
}

const DAY_SECONDS = 86_400;
const LONGEST_DAYS = 366;
/** Of one campaign at a time: a mail server is not flooded. */
const MOST_AT_ONCE = 100;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / (DAY_SECONDS * 1000);
const isDay = (text: string): boolean =>
  DAY.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);

export function createCampaigns(n: {
  campaigns: CampaignStore;
  coverageStore: CoverageStore;
  accounts: Accounts;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
}): Campaigns {
  const today = (): string => n.clock.now().toISOString().slice(0, 10);
  const isRunning = ({ endedAt, startsOn, deadline }: Campaign): boolean =>
    endedAt === null && startsOn <= today() && deadline >= today();

  return {
    async start(what, by) {
      const name = cut(what.name.trim(), 100);
      const wrong: Refusal[] = name === '' ? [{ code: 'name_missing', field: 'name' }] : [];
      const { startsOn, deadline, remindEveryDays, groupName } = what;
      const areDays = isDay(startsOn) && isDay(deadline);
      if (!areDays || deadline < today() || deadline < startsOn || daysBetween(startsOn, deadline) > LONGEST_DAYS)
        wrong.push({ code: 'dates_invalid', field: 'deadline' });
      const group = groupName.trim();
      if (group !== '' && (await n.accounts.count({ group, status: 'active' })) === 0)
        wrong.push({ code: 'group_empty', field: 'group' });
      const refused = refuseAll(wrong);
      if (refused) return refused;
      const campaign: Campaign = {
        id: n.random.uuid(),
        name,
        groupName: group,
        startsOn,
        deadline,
        remindEveryDays,
        createdBy: by.actor,
        createdAt: n.clock.now(),
        endedAt: null,
      };
      if (!(await n.campaigns.add(campaign, today()))) return refuse('campaign_there', { field: 'group' });
      await n.audit({
        action: 'campaign.started',
        object: `campaign:${campaign.id}`,
        result: 'success',
        ...doneBy(by),
        detail: { name, group: campaign.groupName, startsOn, deadline, remindEveryDays },
      });
      return accept(campaign);
    },

    list: n.campaigns.list,

    async look(id) {
      const campaign = await n.campaigns.byId(id);
      if (!campaign) return undefined;
      const [progress, days] = await Promise.all([
        n.campaigns.progress(campaign),
        n.coverageStore.days(campaign.groupName, campaign.startsOn),
      ]);
      const until = campaign.endedAt?.toISOString().slice(0, 10) ?? campaign.deadline;
      return { campaign, isRunning: isRunning(campaign), ...progress, days: days.filter(({ day }) => day <= until) };
    },

    async end(id, by) {
      if (!(await n.campaigns.byId(id))) return refuse('campaign_unknown');
      if (!(await n.campaigns.end(id, n.clock.now()))) return refuse('campaign_ended');
      await n.audit({ action: 'campaign.ended', object: `campaign:${id}`, result: 'success', ...doneBy(by) });
      return accept((await n.campaigns.byId(id))!);
    },

    async remind() {
      const now = n.clock.now();
      let count = 0;
      for (const campaign of await n.campaigns.running(today())) {
        const notSince = addSeconds(now, -campaign.remindEveryDays * DAY_SECONDS);
        const ids = await n.campaigns.takeForReminder(campaign, notSince, now, MOST_AT_ONCE);
        for (const account of await n.accounts.byIds(ids))
          n.notify(account, {
            kind: 'enrolment_reminder',
            deadline: campaign.deadline.split('-').reverse().join('-'),
            pageUrl: `${n.publicUrl}/mfa`,
          });
        if (ids.length > 0)
          await n.audit({
            action: 'campaign.reminded',
            object: `campaign:${campaign.id}`,
            result: 'success',
            actor: 'system',
            origin: 'system',
            detail: { count: ids.length },
          });
        count += ids.length;
      }
      return count;
    },

    isRunning,
  };
}
