import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Cohorts, type CohortWishes, wrongWishes } from '../../flow/cohorts.ts';
import type { createMigration, MovingGroup } from '../../flow/migration.ts';
import { text } from '../text.ts';
import type { FormMistake } from '../wording.ts';
import type { Block, Form } from './blocks.ts';
import { lineChart } from './charts.ts';
import { goAndSay, showConsole, takeDraft } from './show.ts';

export interface EntraPagesNeeds {
  readonly cohorts: Cohorts;
  readonly migration: ReturnType<typeof createMigration>;
}

const PATH = '/admin/entra';
const PLAN = `${PATH}/plan`;
const PREFIX = 'golf';
const SIZES = '10, 40';
const MOST_NAMED = 20;

const form = z.object({ sizes: text(200).default(SIZES), prefix: text(100).default(PREFIX) });
type Typed = z.infer<typeof form>;

/** Coming from Microsoft Entra MFA: who used what there, in which order they move, and how many are left. */
export const entraPages: FastifyPluginAsyncZod<EntraPagesNeeds> = async (app, n) => {
  const read = { guard: 'console', permission: 'coverage:read' } as const;
  const plan = { guard: 'console', permission: 'accounts:write' } as const;
  const write = { ...plan, isDangerous: true } as const;

  app.get(
    PATH,
    { config: read, schema: { querystring: z.object({ prefix: text(100).default(PREFIX).catch(PREFIX) }) } },
    async (request, reply) => {
      const { t, times } = request;
      const { prefix } = request.query;
      const { byMethod, byCohort, left } = await n.migration(prefix);
      const mayDivide = request.console!.permissions.has('accounts:write');
      return show(request, reply, [
        { type: 'text', text: t('console.entra_text') },
        ...(byMethod.length === 0
          ? [
              { type: 'notice', tone: 'note', text: t('console.entra_none'), path: '/admin/imports' } as const,
              { type: 'text', text: t('console.entra_how'), isHint: true } as const,
            ]
          : [
              { type: 'text', text: progressOf(byMethod, request) } as const,
              tableOf(byMethod, t('console.entra_by_method'), request),
              tableOf(byCohort, t('console.entra_by_cohort'), request),
            ]),
        ...(left.length > 1
          ? [
              {
                type: 'chart',
                caption: t('console.entra_left_over_time'),
                svg: lineChart(
                  t('console.entra_left_over_time'),
                  left.map(({ people }, at) => ({ x: at / (left.length - 1), y: people })),
                  { from: left[0]!.day, to: left.at(-1)!.day },
                ),
              } as const,
              {
                type: 'table',
                caption: t('console.entra_left_over_time'),
                isCaptionHidden: true,
                columns: [t('console.day'), t('console.entra_left')],
                empty: '',
                rows: left
                  .slice(-14)
                  .map(({ day, people }) => [{ text: times.day(day) }, { text: times.number(people) }]),
              } as const,
            ]
          : []),
        ...(byMethod.length > 0 && mayDivide
          ? [
              { type: 'heading', text: t('console.entra_divide') } as const,
              { type: 'text', text: t('console.entra_divide_text') } as const,
              formOf({ sizes: SIZES, prefix }, request, []),
            ]
          : []),
      ]);
    },
  );

  /** What was typed, or what is wrong with it. */
  const wishesFrom = ({ sizes, prefix }: Typed, { t }: FastifyRequest): CohortWishes | FormMistake[] => {
    const numbers = sizes
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map(Number);
    const wishes = { sizes: numbers, prefix: prefix.trim() };
    const mistakes = wrongWishes(wishes).map((field) => ({ text: t(`console.entra_${field}_wrong`), field }));
    return mistakes.length > 0 ? mistakes : wishes;
  };

  /** Shows what would be; nothing is changed by it. */
  app.get(PLAN, { config: plan, schema: { querystring: form } }, async (request, reply) => {
    const { t } = request;
    // Whoever had to sign in again to divide people sees what would be once more.
    const asked = { ...request.query, ...takeDraft(request) };
    const wishes = wishesFrom(asked, request);
    if (Array.isArray(wishes)) return show(request, reply, [formOf(asked, request, wishes)]);
    const plan = await n.cohorts.plan(wishes);
    return show(request, reply, [
      { type: 'text', text: t('console.entra_plan_text') },
      {
        type: 'table',
        caption: t('console.entra_by_cohort'),
        isCaptionHidden: true,
        columns: [t('console.group'), t('console.entra_there'), t('console.entra_coming'), t('console.entra_who')],
        empty: '',
        rows: plan.map(({ group, people, coming }) => [
          { text: group },
          { text: request.times.number(people.length) },
          { text: request.times.number(coming.length) },
          {
            text: coming
              .slice(0, MOST_NAMED)
              .map(({ email }) => email)
              .concat(coming.length > MOST_NAMED ? ['…'] : [])
              .join(', '),
          },
        ]),
      },
      {
        type: 'form',
        action: PLAN,
        hidden: { sizes: asked.sizes, prefix: asked.prefix },
        submit: t('console.entra_divide'),
        fields: [],
        cancel: { path: PATH, text: t('common.cancel') },
      },
    ]);
  });

  app.post(PLAN, { config: write, schema: { body: form } }, async (request, reply) => {
    const wishes = wishesFrom(request.body, request);
    if (Array.isArray(wishes)) return show(request, reply, [formOf(request.body, request, wishes)]);
    const refused = await n.cohorts.divide(wishes, request.console!.by);
    const path = `${PATH}?prefix=${encodeURIComponent(wishes.prefix)}`;
    const { t } = request;
    if (refused.length === 0) return goAndSay(request, reply, path, t('console.said_divided'));
    const people = refused.map(({ email }) => email).slice(0, MOST_NAMED);
    return goAndSay(request, reply, path, t('console.said_divided_but', { people: people.join(', ') }), 'bad');
  });
};

const show = (request: FastifyRequest, reply: FastifyReply, blocks: readonly Block[]) =>
  showConsole(request, reply, {
    title: request.t('console.entra_title'),
    here: 'campaigns',
    back: { path: '/admin/campaigns', text: request.t('console.part_campaigns') },
    blocks,
  });

const sum = (groups: readonly MovingGroup[], what: 'people' | 'enrolled'): number =>
  groups.reduce((total, group) => total + group[what], 0);

const progressOf = (groups: readonly MovingGroup[], { t }: FastifyRequest): string =>
  t('console.entra_progress', { enrolled: sum(groups, 'enrolled'), people: sum(groups, 'people') });

const tableOf = (groups: readonly MovingGroup[], caption: string, { t, times }: FastifyRequest): Block => ({
  type: 'table',
  caption,
  columns: [
    t('console.group'),
    t('console.people_count'),
    t('console.entra_enrolled'),
    t('console.entra_linked'),
    t('console.entra_left'),
  ],
  empty: t('console.entra_no_cohorts'),
  rows: groups.map(({ group, people, enrolled, linked }) => [
    {
      text: group,
      path: `/admin/coverage?gap=without&group=${encodeURIComponent(group)}`,
      ...(group in HINTS ? { hint: t(HINTS[group as keyof typeof HINTS]) } : {}),
    },
    { text: times.number(people) },
    { text: times.number(enrolled) },
    { text: times.number(linked) },
    { text: times.number(people - enrolled), ...(people === enrolled ? { tone: 'good' } : {}) },
  ]),
});

const HINTS = {
  'entra-app': 'console.entra_app',
  'entra-key': 'console.entra_key',
  'entra-code': 'console.entra_code',
  'entra-phone': 'console.entra_phone',
  'entra-none': 'console.entra_nothing',
} as const;

const formOf = ({ sizes, prefix }: Typed, { t }: FastifyRequest, mistakes: readonly FormMistake[]): Form => ({
  type: 'form',
  method: 'get',
  action: PLAN,
  submit: t('console.entra_plan'),
  mistakes,
  fields: [
    { name: 'sizes', label: t('console.entra_sizes'), hint: t('console.entra_sizes_hint'), kind: 'text', value: sizes },
    {
      name: 'prefix',
      label: t('console.entra_prefix'),
      hint: t('console.entra_prefix_hint'),
      kind: 'text',
      value: prefix,
    },
  ],
});
