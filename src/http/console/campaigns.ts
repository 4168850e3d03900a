import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Campaigns, CampaignView } from '../../flow/campaigns.ts';
import type { CoverageReport } from '../../flow/coverage.ts';
import type { Campaign } from '../../store/campaigns.ts';
import { text } from '../text.ts';
import { type FormMistake, formRefusal } from '../wording.ts';
import { lineChart } from './charts.ts';
import { sayOutcome, showConsole, showUnknown, takeDraft } from './show.ts';

export interface CampaignPagesNeeds {
  readonly campaigning: Campaigns;
  readonly coverage: CoverageReport;
  readonly clock: Clock;
}

const LIST = '/admin/campaigns';
const MOST = 50;
const EVERY_DAYS = 7;
const USUAL_DAYS = 28;
const DAY_MS = 86_400_000;
const params = z.object({ id: z.uuid() });

/** Getting a group to set up a second factor before a day. */
export const campaignPages: FastifyPluginAsyncZod<CampaignPagesNeeds> = async (app, n) => {
  const read = { guard: 'console', permission: 'coverage:read' } as const;
  const write = { guard: 'console', permission: 'campaigns:write', isDangerous: true } as const;
  const dayIn = (days: number): string => new Date(n.clock.now().getTime() + days * DAY_MS).toISOString().slice(0, 10);

  app.get(LIST, { config: read }, async (request, reply) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.part_campaigns'),
      here: 'campaigns',
      blocks: [
        { type: 'text', text: t('console.campaigns_text') },
        {
          type: 'links',
          items: [
            ...(request.console!.permissions.has('campaigns:write')
              ? [{ path: `${LIST}/new`, text: t('console.campaign_new') }]
              : []),
            { path: '/admin/entra', text: t('console.entra_title') },
          ],
        },
        {
          type: 'table',
          caption: t('console.part_campaigns'),
          isCaptionHidden: true,
          columns: [t('console.name'), t('console.group'), t('console.campaign_deadline'), t('console.status')],
          empty: t('console.campaigns_none'),
          rows: (await n.campaigning.list(MOST)).map((c) => [
            { text: c.name, path: `${LIST}/${c.id}` },
            { text: c.groupName || t('console.everybody') },
            { text: request.times.day(c.deadline) },
            { text: stateOf(c, n.campaigning.isRunning(c), dayIn(0), request) },
          ]),
        },
      ],
    });
  });

  const form = async (
    request: FastifyRequest,
    reply: FastifyReply,
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    const groups = (await n.coverage.now()).map(({ groupName }) => groupName).filter(Boolean);
    return showConsole(request, reply, {
      title: t('console.campaign_new'),
      here: 'campaigns',
      back: { path: LIST, text: t('console.part_campaigns') },
      blocks: [
        {
          type: 'form',
          action: `${LIST}/new`,
          submit: t('console.campaign_start'),
          mistakes,
          cancel: { path: LIST, text: t('common.cancel') },
          fields: [
            {
              name: 'name',
              label: t('console.name'),
              kind: 'text',
              value: values.name ?? '',
              isRequired: true,
              longest: 100,
            },
            {
              name: 'group',
              label: t('console.group'),
              kind: 'select',
              value: values.group ?? '',
              options: [
                { value: '', text: t('console.everybody') },
                ...groups.map((group) => ({ value: group, text: group })),
              ],
            },
            {
              name: 'startsOn',
              label: t('console.campaign_starts'),
              kind: 'date',
              value: values.startsOn ?? dayIn(0),
              isRequired: true,
            },
            {
              name: 'deadline',
              label: t('console.campaign_deadline'),
              hint: t('console.campaign_deadline_hint'),
              kind: 'date',
              value: values.deadline ?? dayIn(USUAL_DAYS),
              isRequired: true,
            },
            {
              name: 'every',
              label: t('console.campaign_every'),
              hint: t('console.campaign_every_hint'),
              kind: 'number',
              value: values.every ?? String(EVERY_DAYS),
              isRequired: true,
            },
          ],
        },
      ],
    });
  };

  app.get(`${LIST}/new`, { config: write }, async (request, reply) => form(request, reply, takeDraft(request), []));
  app.post(
    `${LIST}/new`,
    {
      config: write,
      schema: {
        body: z.object({
          name: text(100).default(''),
          group: text(200).default(''),
          startsOn: text(10).default(''),
          deadline: text(10).default(''),
          every: text(5).default(String(EVERY_DAYS)),
        }),
      },
    },
    async (request, reply) => {
      const { name, group: groupName, startsOn, deadline, every } = request.body;
      const remindEveryDays = Number(every);
      if (!Number.isInteger(remindEveryDays) || remindEveryDays < 1 || remindEveryDays > 60)
        return form(request, reply, request.body, [
          { text: request.t('console.campaign_every_wrong'), field: 'every' },
        ]);
      const started = await n.campaigning.start(
        { name, groupName, startsOn, deadline, remindEveryDays },
        request.console!.by,
      );
      if (started.ok) return reply.redirect(`${LIST}/${started.value.id}`, 303);
      return form(request, reply, request.body, formRefusal(request.t, started.refusal));
    },
  );

  app.get(`${LIST}/:id`, { config: read, schema: { params } }, async (request, reply) => {
    const { t, times } = request;
    const view = await n.campaigning.look(request.params.id);
    if (!view) return showUnknown(request, reply, 'error.not_found_text');
    const { campaign, people, without, mails, reminded, days } = view;
    const mayEnd = campaign.endedAt === null && request.console!.permissions.has('campaigns:write');
    return showConsole(request, reply, {
      title: campaign.name,
      here: 'campaigns',
      back: { path: LIST, text: t('console.part_campaigns') },
      blocks: [
        {
          type: 'progress',
          label: t('console.campaign_progress', { covered: people - without, people }),
          share: people === 0 ? 1 : (people - without) / people,
        },
        {
          type: 'facts',
          items: [
            { label: t('console.group'), value: campaign.groupName || t('console.everybody') },
            { label: t('console.status'), value: stateOf(campaign, view.isRunning, dayIn(0), request) },
            { label: t('console.campaign_starts'), value: times.day(campaign.startsOn) },
            { label: t('console.campaign_deadline'), value: times.day(campaign.deadline) },
            { label: t('console.campaign_every'), value: times.number(campaign.remindEveryDays) },
            { label: t('console.campaign_left'), value: times.number(without) },
            { label: t('console.campaign_mails'), value: t('console.campaign_mails_to', { mails, people: reminded }) },
          ],
        },
        {
          type: 'chart',
          caption: t('console.campaign_burn_down'),
          svg: burnDown(view, t('console.campaign_burn_down')),
        },
        {
          type: 'table',
          caption: t('console.campaign_burn_down'),
          isCaptionHidden: true,
          columns: [t('console.day'), t('console.people_count'), t('console.campaign_left')],
          empty: t('console.campaign_no_days'),
          rows: days
            .slice(-31)
            .map((d) => [
              { text: times.day(d.day) },
              { text: times.number(d.people) },
              { text: times.number(d.without) },
            ]),
        },
        {
          type: 'links',
          items: [
            {
              path: `/admin/coverage?${new URLSearchParams({ gap: 'without', group: campaign.groupName })}`,
              text: t('console.campaign_who'),
            },
          ],
        },
        mayEnd && {
          type: 'form',
          action: `${LIST}/${campaign.id}/end`,
          submit: t('console.campaign_end'),
          tone: 'danger',
          fields: [],
        },
      ],
    });
  });

  app.post(`${LIST}/:id/end`, { config: write, schema: { params } }, async (request, reply) => {
    const ended = await n.campaigning.end(request.params.id, request.console!.by);
    return sayOutcome(request, reply, LIST, ended, request.t('console.said_campaign_ended'));
  });
};

const stateOf = (c: Campaign, isRunning: boolean, today: string, { t }: FastifyRequest): string => {
  if (isRunning) return t('console.campaign_running');
  return c.endedAt === null && c.startsOn > today ? t('console.campaign_planned') : t('console.campaign_over');
};

/** Who is left, day by day, beside the straight line to nobody at the deadline. */
function burnDown({ campaign, days, people, without }: CampaignView, label: string): string {
  const from = Date.parse(campaign.startsOn);
  const length = Math.max(DAY_MS, Date.parse(campaign.deadline) - from);
  const points = days.map((d) => ({ x: (Date.parse(d.day) - from) / length, y: d.without }));
  const most = points[0]?.y ?? (without || people);
  const target = [
    { x: 0, y: most },
    { x: 1, y: 0 },
  ];
  return lineChart(label, points, { from: campaign.startsOn, to: campaign.deadline }, target);
}
