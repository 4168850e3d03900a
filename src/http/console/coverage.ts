import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { GAPS } from '../../core/gaps.ts';
import { type CoverageReport, SILENT_DAYS } from '../../flow/coverage.ts';
import { uncoveredCsv } from '../../flow/csv-files.ts';
import { sendCsv } from '../csv.ts';
import { text } from '../text.ts';
import { barChart, lineChart } from './charts.ts';
import { showConsole } from './show.ts';

const PAGE = 50;
const DAYS = 90;

/** Who is protected, and who is not: now, by group, over time, and by name. */
export const coveragePages: FastifyPluginAsyncZod<{ coverage: CoverageReport }> = async (app, n) => {
  const config = { guard: 'console', permission: 'coverage:read' } as const;
  const which = {
    gap: z
      .enum([...GAPS, ''])
      .default('')
      .catch(''),
    group: text(200).default('').catch(''),
  };

  app.get(
    '/admin/coverage',
    { config, schema: { querystring: z.object({ ...which, after: text(254).optional().catch(undefined) }) } },
    async (request, reply) => {
      const { t, times } = request;
      const { gap, group, after } = request.query;
      const [all, history, people] = await Promise.all([
        n.coverage.now(),
        n.coverage.history(group, DAYS),
        n.coverage.people(gap || undefined, group || undefined, PAGE + 1, after),
      ]);
      const shown = all.find(({ groupName }) => groupName === group) ?? all[0]!;
      const covered = (c: typeof shown): number => c.people - c.without;
      const days = history.map((day, index) => ({
        x: history.length > 1 ? index / (history.length - 1) : 0.5,
        y: covered(day),
      }));
      const query = new URLSearchParams({ gap, group });
      const more = new URLSearchParams({ gap, group, after: people.at(PAGE - 1)?.email ?? '' });
      return showConsole(request, reply, {
        title: t('console.part_coverage'),
        here: 'coverage',
        blocks: [
          {
            type: 'text',
            text: t('console.coverage_text', { covered: covered(shown), people: shown.people, days: SILENT_DAYS }),
          },
          {
            type: 'chart',
            caption: t('console.coverage_now'),
            svg: barChart(t('console.coverage_now'), [
              { label: t('console.covered'), value: covered(shown), of: shown.people },
              { label: t('console.gap_without'), value: shown.without, of: shown.people },
              { label: t('console.gap_one_only'), value: shown.oneOnly, of: shown.people },
              { label: t('console.gap_silent_phone'), value: shown.silentPhone, of: shown.people },
              { label: t('console.gap_no_codes'), value: shown.noCodes, of: shown.people },
            ]),
          },
          {
            type: 'table',
            caption: t('console.coverage_by_group'),
            columns: [
              t('console.group'),
              t('console.people_count'),
              t('console.covered'),
              ...GAPS.map((each) => t(`console.gap_${each}`)),
            ],
            empty: t('console.people_empty'),
            rows: all.map((c) => [
              {
                text: c.groupName || t('console.everybody'),
                path: `/admin/coverage?group=${encodeURIComponent(c.groupName)}`,
              },
              { text: times.number(c.people) },
              { text: times.number(covered(c)) },
              { text: times.number(c.without) },
              { text: times.number(c.oneOnly) },
              { text: times.number(c.silentPhone) },
              { text: times.number(c.noCodes) },
            ]),
          },
          history.length > 0 && {
            type: 'chart',
            caption: t('console.coverage_over_time'),
            svg: lineChart(t('console.coverage_over_time'), days, { from: history[0]!.day, to: history.at(-1)!.day }),
          },
          history.length > 0 && {
            type: 'table',
            caption: t('console.coverage_over_time'),
            isCaptionHidden: true,
            columns: [t('console.day'), t('console.people_count'), t('console.covered')],
            empty: '',
            rows: history
              .slice(-14)
              .map((day) => [
                { text: times.day(day.day) },
                { text: times.number(day.people) },
                { text: times.number(covered(day)) },
              ]),
          },
          { type: 'heading', text: t('console.coverage_people') },
          {
            type: 'form',
            method: 'get',
            action: '/admin/coverage',
            submit: t('console.show'),
            isInline: true,
            fields: [
              {
                name: 'gap',
                label: t('console.gap'),
                kind: 'select',
                value: gap,
                options: [
                  { value: '', text: t('console.gap_any') },
                  ...GAPS.map((value) => ({ value, text: t(`console.gap_${value}`) })),
                ],
              },
              {
                name: 'group',
                label: t('console.group'),
                kind: 'select',
                value: group,
                options: [
                  { value: '', text: t('console.everybody') },
                  ...all
                    .filter(({ groupName }) => groupName)
                    .map(({ groupName }) => ({ value: groupName, text: groupName })),
                ],
              },
            ],
          },
          { type: 'links', items: [{ path: `/admin/coverage.csv?${query}`, text: t('console.download_csv') }] },
          {
            type: 'table',
            caption: t('console.coverage_people'),
            isCaptionHidden: true,
            columns: [t('console.name'), t('console.email'), t('console.gap'), t('console.last_strong')],
            empty: t('console.coverage_nobody'),
            rows: people
              .slice(0, PAGE)
              .map((p) => [
                { text: p.displayName, path: `/admin/people/${p.id}` },
                { text: p.email },
                { text: p.gaps.map((each) => t(`console.gap_${each}`)).join(', ') },
                { text: p.lastStrongAt ? times.dateTime(p.lastStrongAt) : t('console.never') },
              ]),
            nextPath: people.length > PAGE ? `/admin/coverage?${more}` : null,
          },
        ],
      });
    },
  );

  app.get('/admin/coverage.csv', { config, schema: { querystring: z.object(which) } }, async (request, reply) => {
    const { gap, group } = request.query;
    return sendCsv(reply, 'coverage.csv', uncoveredCsv(n.coverage, gap || undefined, group || undefined));
  });
};
