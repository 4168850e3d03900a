import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CheckupPart, Finding } from '../../core/checkup.ts';
import type { CoverageReport } from '../../flow/coverage.ts';
import { FIRST_STEPS, type FirstStep, type FirstSteps } from '../../flow/first-steps.ts';
import type { OrganisationAdministration } from '../../flow/organisation.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Block, Table } from './blocks.ts';
import { organisationForm } from './organisation.ts';
import { goAndSay, START_PATH, showConsole } from './show.ts';

export interface StartPagesNeeds {
  readonly firstSteps: FirstSteps;
  readonly coverage: CoverageReport;
  readonly organising: OrganisationAdministration;
  /** Looks at what an installation depends on; at these parts of it only, where they are named. */
  readonly checkUp: (only?: readonly CheckupPart[]) => Promise<Finding[]>;
}

const CHECK_PATH = '/admin/check';

type Steps = Awaited<ReturnType<FirstSteps['list']>>;

/** What a new installation needs, step by step, and whether all of it is well. */
export const startPages: FastifyPluginAsyncZod<StartPagesNeeds> = async (app, n) => {
  const config = { guard: 'console', permission: 'settings:write' } as const;
  const step = z.enum(FIRST_STEPS).optional().catch(undefined);

  app.get(START_PATH, { config, schema: { querystring: z.object({ step }) } }, async (request, reply) => {
    const { t, session } = request;
    const [all] = await n.coverage.now();
    const steps = await n.firstSteps.list(request.console!.account, all!.people);
    const now = request.query.step ?? steps.find(({ isDone }) => !isDone)?.step;
    const done = steps.filter(({ isDone }) => isDone).length;
    if (done < steps.length) session.isSettingUp = true;
    else delete session.isSettingUp;
    const place = now ? FIRST_STEPS.indexOf(now) : -1;
    const later = FIRST_STEPS[place + 1];
    return showConsole(request, reply, {
      title: t('console.start_title'),
      here: 'home',
      blocks: [
        { type: 'progress', label: t('console.first_title', { done, of: steps.length }), share: done / steps.length },
        ...((now
          ? [
              {
                type: 'heading',
                text: t('console.start_step', { number: place + 1, step: t(`console.first_${now}`) }),
              },
              { type: 'text', text: t(`console.first_${now}_text`) },
              ...(await howTo(now, request, n)),
              {
                type: 'links',
                items: [
                  later
                    ? { path: `${START_PATH}?step=${later}`, text: t('console.start_later'), tone: 'quiet' }
                    : { path: CHECK_PATH, text: t('console.check_all'), tone: 'quiet' },
                ],
              },
            ]
          : [
              { type: 'notice', tone: 'good', text: t('console.start_done') },
              { type: 'links', items: [{ path: CHECK_PATH, text: t('console.check_all'), tone: '' }] },
            ]) satisfies Block[] as Block[]),
        { ...firstStepsTable(steps, t), isCaptionHidden: true },
      ],
    });
  });

  app.post(START_PATH, { config }, async (request, reply) => {
    await n.firstSteps.tryMail(request.console!.account);
    return goAndSay(request, reply, `${START_PATH}?step=mail`, request.t('console.first_mail_sent'));
  });

  app.get(CHECK_PATH, { config: { guard: 'console', permission: 'settings:read' } }, async (request, reply) => {
    const { t } = request;
    const findings = await n.checkUp();
    const worst = (['bad', 'hint', 'ok'] as const).find((level) => findings.some((each) => each.level === level))!;
    const tone = ({ bad: 'bad', hint: 'note', ok: 'good' } as const)[worst];
    return showConsole(request, reply, {
      title: t('console.check_all'),
      here: 'settings',
      back: { path: '/admin/settings', text: t('console.part_settings') },
      blocks: [
        { type: 'notice', tone, text: t(`console.check_${worst}`) },
        checkupTable(findings, t),
        { type: 'links', items: [{ path: CHECK_PATH, text: t('console.check_again'), tone: '' }] },
      ],
    });
  });
};

/** What does a step, on its page. */
async function howTo(step: FirstStep, request: FastifyRequest, n: StartPagesNeeds): Promise<Block[]> {
  const { t } = request;
  const go = (path: string, text: string): Block => ({ type: 'links', items: [{ path, text, tone: '' }] });
  switch (step) {
    case 'key':
      return [go('/mfa', t('account.title'))];
    case 'organisation':
      return organisationForm(request, n.organising, 'start');
    case 'mail':
      return [
        checkupTable(await n.checkUp(['mail']), t),
        { type: 'form', action: START_PATH, submit: t('console.first_mail_try'), fields: [] },
      ];
    case 'second_owner':
      return [go('/admin/people/new', t('console.add_person'))];
    case 'web_app':
      return [go('/admin/clients/new', t('console.add_app'))];
    case 'people':
      return [go('/admin/imports', t('console.part_imports')), go('/admin/people/new', t('console.add_person'))];
  }
}

/** What to do first, with what is done of it. */
export const firstStepsTable = (steps: Steps, t: Translate): Table => ({
  type: 'table',
  caption: t('console.first_title', { done: steps.filter(({ isDone }) => isDone).length, of: steps.length }),
  columns: [t('console.first_step'), t('console.first_state')],
  empty: '',
  rows: steps.map(({ step, isDone }) => [
    { text: t(`console.first_${step}`), path: `${START_PATH}?step=${step}`, hint: t(`console.first_${step}_hint`) },
    isDone ? { text: t('console.first_done'), tone: 'good' } : { text: t('console.first_open') },
  ]),
});

const checkupTable = (findings: readonly Finding[], t: Translate): Block => ({
  type: 'table',
  caption: t('console.check_all'),
  isCaptionHidden: true,
  columns: [t('console.check_part'), t('console.first_state'), t('console.meaning')],
  empty: '',
  rows: findings.map(({ part, level, name, facts }) => [
    { text: t(`checkup.part_${part}`) },
    { text: t(`console.level_${level}`), ...(level === 'hint' ? {} : { tone: level === 'ok' ? 'good' : 'bad' }) },
    { text: t(`checkup.${name}`, facts) },
  ]),
});
