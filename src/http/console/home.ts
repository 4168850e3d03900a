import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { CoverageReport } from '../../flow/coverage.ts';
import type { FirstSteps } from '../../flow/first-steps.ts';
import type { Overview } from '../../flow/overview.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Block } from './blocks.ts';
import { barChart } from './charts.ts';
import { directoryNotice } from './directory.ts';
import { START_PATH, showConsole } from './show.ts';
import { firstStepsTable } from './start.ts';

/** The first page of the console: what waits for somebody, and how it stands. */
export const homePages: FastifyPluginAsyncZod<{
  coverage: CoverageReport;
  overview: Overview;
  firstSteps: FirstSteps;
}> = async (app, n) => {
  app.get('/admin/', { config: { public: true } }, async (_request, reply) => reply.redirect('/admin', 308));
  // Whoever was away presses a button, to stay.
  app.get('/admin/stay', { config: { guard: 'console', permission: 'accounts:read' } }, async (_request, reply) =>
    reply.code(204).send(),
  );
  app.get('/admin', { config: { guard: 'console', permission: 'accounts:read' } }, async (request, reply) => {
    const { t, console: visitor } = request;
    const { account, openAlerts, waitingCases, permissions } = visitor!;
    delete request.session.isSettingUp;
    const [all] = await n.coverage.now();
    const health = await n.overview.health();
    const covered = all!.people - all!.without;
    const waiting = (
      [
        openAlerts > 0 && {
          type: 'notice',
          tone: 'bad',
          text: t('console.home_alerts', { count: openAlerts }),
          path: '/admin/alerts',
        },
        waitingCases > 0 && {
          type: 'notice',
          tone: 'note',
          text: t('console.home_cases', { count: waitingCases }),
          path: '/admin/cases',
        },
        !health.isLogGuarded && {
          type: 'notice',
          tone: 'bad',
          text: t('alert.logging_disabled_text'),
          path: '/admin/settings',
        },
        health.deadLetters > 0 &&
          permissions.has('webhooks:read') && {
            type: 'notice',
            tone: 'note',
            text: t('console.home_dead', { count: health.deadLetters }),
            path: '/admin/webhooks',
          },
        health.mailsWaitingSince !== null &&
          permissions.has('settings:read') && {
            type: 'notice',
            tone: 'bad',
            text: t('console.home_mails', {
              count: health.mailsWaiting,
              time: request.times.dateTime(health.mailsWaitingSince),
            }),
          },
        health.directory?.problem != null &&
          permissions.has('settings:read') &&
          directoryNotice(health.directory.problem, health.directory.report?.missing ?? 0, t),
      ] satisfies (Block | false)[]
    ).filter((block) => block !== false);
    return showConsole(request, reply, {
      title: t('console.title'),
      here: 'home',
      blocks: [
        {
          type: 'text',
          text: t('console.welcome', { name: account.displayName, role: t(`console.role_${account.role!}`) }),
        },
        ...(waiting.length > 0 ? waiting : [{ type: 'notice', tone: 'good', text: t('console.home_quiet') } as const]),
        ...(account.role === 'owner' ? firstStepsOf(await n.firstSteps.list(account, all!.people), t) : []),
        {
          type: 'form',
          method: 'get',
          action: '/admin/people',
          submit: t('console.search'),
          isInline: true,
          fields: [
            {
              name: 'q',
              label: t('console.search_people'),
              hint: t('console.search_people_hint'),
              kind: 'search',
              value: '',
            },
          ],
        },
        {
          type: 'chart',
          caption: t('console.coverage_text', { covered, people: all!.people, days: 60 }),
          svg: barChart(t('console.coverage_now'), [{ label: t('console.covered'), value: covered, of: all!.people }]),
        },
        { type: 'links', items: [{ path: '/mfa', text: t('account.title') }] },
      ],
    });
  });
};

/** For the owner of a new installation, until all is done. */
function firstStepsOf(steps: Awaited<ReturnType<FirstSteps['list']>>, t: Translate): Block[] {
  if (steps.every(({ isDone }) => isDone)) return [];
  return [
    firstStepsTable(steps, t),
    { type: 'links', items: [{ path: START_PATH, text: t('console.start_title'), tone: '' }] },
  ];
}
