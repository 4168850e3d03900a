import { z } from 'zod';
import type { Campaigns } from '../../flow/campaigns.ts';
import type { Campaign } from '../../store/campaigns.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { idParams, iso, isoOrNull, paging, time, timeOrNull, uuid } from './schemas.ts';

const campaign = z
  .strictObject({
    id: uuid,
    name: z.string(),
    group: z.string().nullable().describe('Null for everybody.'),
    startsOn: z.iso.date(),
    deadline: z.iso.date(),
    remindEveryDays: z.number().int(),
    isRunning: z.boolean(),
    createdBy: z.string(),
    createdAt: time,
    endedAt: timeOrNull,
  })
  .meta({ id: 'Campaign' });
const progress = z
  .strictObject({
    campaign,
    people: z.number().int(),
    without: z.number().int().describe('Without a second factor still.'),
    mails: z.number().int(),
    reminded: z.number().int().describe('People who were mailed.'),
    days: z.array(z.strictObject({ day: z.iso.date(), people: z.number().int(), without: z.number().int() })),
  })
  .meta({ id: 'CampaignProgress' });

export function campaignEndpoints(n: { campaigning: Campaigns }): readonly Endpoint[] {
  const shown = (c: Campaign): z.infer<typeof campaign> => ({
    id: c.id,
    name: c.name,
    group: c.groupName || null,
    startsOn: c.startsOn,
    deadline: c.deadline,
    remindEveryDays: c.remindEveryDays,
    isRunning: n.campaigning.isRunning(c),
    createdBy: c.createdBy,
    createdAt: iso(c.createdAt),
    endedAt: isoOrNull(c.endedAt),
  });
  return [
    endpoint({
      method: 'GET',
      path: '/campaigns',
      id: 'listCampaigns',
      tag: 'campaigns',
      summary: 'Enrolment campaigns, newest first',
      permission: 'coverage:read',
      query: z.strictObject({ limit: paging.limit }),
      answers: { 200: z.strictObject({ items: z.array(campaign) }) },
      async run({ query }) {
        return { value: { items: (await n.campaigning.list(query.limit)).map(shown) } };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/campaigns',
      id: 'startCampaign',
      tag: 'campaigns',
      summary: 'Reminds a group by mail until everybody in it has a second factor, or the deadline comes',
      permission: 'campaigns:write',
      isDangerous: true,
      isCreating: true,
      body: z.strictObject({
        name: text(100).min(2),
        group: text(200).min(1).nullable().default(null),
        startsOn: z.iso.date(),
        deadline: z.iso.date(),
        remindEveryDays: z.number().int().min(1).max(60).default(7),
      }),
      answers: { 201: campaign },
      async run({ body: { group, ...what }, by }) {
        const started = await n.campaigning.start({ ...what, groupName: group ?? '' }, by);
        return started.ok
          ? { status: 201, value: shown(started.value), location: `/api/v1/campaigns/${started.value.id}` }
          : started;
      },
    }),
    endpoint({
      method: 'GET',
      path: '/campaigns/:id',
      id: 'getCampaign',
      tag: 'campaigns',
      summary: 'How it goes: who is left, day by day, and how many mails were sent',
      permission: 'coverage:read',
      params: idParams,
      answers: { 200: progress },
      async run({ params }) {
        const view = await n.campaigning.look(params.id);
        if (!view) return { refusal: { code: 'campaign_unknown' } };
        const { people, without, mails, reminded, days } = view;
        const shownDays = days.map((d) => ({ day: d.day, people: d.people, without: d.without }));
        return { value: { campaign: shown(view.campaign), people, without, mails, reminded, days: shownDays } };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/campaigns/:id/end',
      id: 'endCampaign',
      tag: 'campaigns',
      summary: 'Ends it: nobody is reminded any more',
      permission: 'campaigns:write',
      params: idParams,
      answers: { 200: campaign },
      async run({ params, by }) {
        const ended = await n.campaigning.end(params.id, by);
        return ended.ok ? { value: shown(ended.value) } : ended;
      },
    }),
  ];
}
