import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { CoverageReport } from '../../flow/coverage.ts';
import type { FirstStep, FirstSteps } from '../../flow/first-steps.ts';
import type { Overview } from '../../flow/overview.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Block, Cell } from './blocks.ts';
import { barChart } from './charts.ts';
import { directoryNotice } from './directory.ts';
import { goAndSay, showConsole } from './show.ts';

/** The first page of the console: what waits for somebody, and how it stands. */
export const homePages: FastifyPluginAsyncZod<{
  coverage: CoverageReport;
  overview: Overview;
  firstSteps: FirstSteps;
}> = async (app, n) => {
  app.get('/admin/', { config: { public: true } }, async (_request, reply) => reply.redirect('/admin', 308));
  app.get('/admin', { config: { guard: 'console', permission: 'accounts:read' } }, async (request, reply) => {
    const { t, console: visitor } = request;
    const { account, openAlerts, waitingCases, permissions } = visitor!;
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
  app.post(
    '/admin/first-steps/mail',
    { config: { guard: 'console', permission: 'settings:read' } },
    async (request, reply) => {
      await n.firstSteps.tryMail(request.console!.account);
      return goAndSay(request, reply, '/admin', request.t('console.first_mail_sent'));
    },
  );
};

/** Where each is done; the others are settings. */
const WHERE: Readonly<Record<FirstStep, string>> = {
  key: '/mfa',
  named: '/admin/settings',
  help: '/admin/settings',
  mail: '/admin/settings',
  second_owner: '/admin/people',
  web_app: '/admin/clients',
  people: '/admin/imports',
};

/** For the owner of a new installation, until all is done. */
function firstStepsOf(steps: Awaited<ReturnType<FirstSteps['list']>>, t: Translate): Block[] {
  const done = steps.filter(({ isDone }) => isDone).length;
  if (done === steps.length) return [];
  const row = ({ step, isDone }: (typeof steps)[number]): Cell[] => [
    { text: t(`console.first_${step}`), path: WHERE[step], hint: t(`console.first_${step}_hint`) },
    isDone ? { text: t('console.first_done'), tone: 'good' } : { text: t('console.first_open') },
    step === 'mail'
      ? { text: '', post: { action: '/admin/first-steps/mail', text: t('console.first_mail_try') } }
      : { text: '' },
  ];
  return [
    {
      type: 'table',
      caption: t('console.first_title', { done, of: steps.length }),
      columns: [t('console.first_step'), t('console.first_state'), t('console.first_action')],
      empty: '',
      rows: steps.map(row),
    },
  ];
}
