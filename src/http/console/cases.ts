import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { accountIdIn } from '../../core/audit.ts';
import type { People } from '../../flow/people.ts';
import type { Support } from '../../flow/support.ts';
import type { SupportCase } from '../../store/support-cases.ts';
import { refusalInWords } from '../wording.ts';
import type { Table } from './blocks.ts';
import { goAndSay, showConsole } from './show.ts';
import { outcomePage } from './support.ts';

const MOST = 100;

/** Resets and passes as a table. */
export function caseRows(
  cases: readonly SupportCase[],
  names: ReadonlyMap<string, string>,
  { t, times }: FastifyRequest,
): Table {
  const who = (actor: string | null): string => (actor === null ? '–' : (names.get(accountIdIn(actor)) ?? actor));
  return {
    type: 'table',
    caption: t('console.part_cases'),
    columns: [
      t('console.when'),
      t('console.what'),
      t('console.person'),
      t('console.reason'),
      t('console.verified_how'),
      t('console.by'),
      t('console.status'),
    ],
    empty: t('console.cases_none'),
    rows: cases.map((c) => [
      { text: times.dateTime(c.requestedAt) },
      { text: t(`console.case_${c.kind}`), hint: t(`console.cause_${c.cause}`) },
      { text: names.get(c.accountId) ?? t('console.this_person'), path: `/admin/people/${c.accountId}` },
      { text: c.reason },
      {
        text:
          [c.verification.challenge ? t('console.by_phone') : '', c.verification.identity ?? '']
            .filter(Boolean)
            .join('; ') || t('console.not_verified'),
      },
      { text: [who(c.requestedBy), c.decidedBy === null ? '' : who(c.decidedBy)].filter(Boolean).join(' → ') },
      {
        text: t(`console.case_state_${c.state}`),
        ...(c.state === 'waiting' || c.state === 'undone' ? { tone: 'bad' as const } : {}),
      },
    ]),
  };
}

/** The ids of those who asked and decided. */
export const doersOf = ({ requestedBy, decidedBy }: SupportCase): string[] =>
  [requestedBy, decidedBy ?? ''].map((actor) => accountIdIn(actor));

/** What waits for a second person, and what was done. */
export const casePages: FastifyPluginAsyncZod<{ support: Support; people: People }> = async (app, n) => {
  const namesOf = async (cases: readonly SupportCase[]): Promise<Map<string, string>> => {
    const ids = cases.flatMap((c) => [c.accountId, ...doersOf(c)]);
    return new Map(
      (await n.people.byIds([...new Set(ids)])).map(({ id, displayName, email }) => [id, `${displayName} (${email})`]),
    );
  };

  app.get('/admin/cases', { config: { guard: 'console', permission: 'cases:read' } }, async (request, reply) => {
    const { t } = request;
    const { permissions, by } = request.console!;
    const [waiting, all] = await Promise.all([
      n.support.search({ state: 'waiting' }, MOST),
      n.support.search({}, MOST),
    ]);
    const names = await namesOf([...waiting, ...all]);
    const open = caseRows(waiting, names, request);
    const mayDecide = permissions.has('cases:decide');
    return showConsole(request, reply, {
      title: t('console.part_cases'),
      here: 'cases',
      blocks: [
        { type: 'text', text: t('console.cases_text') },
        {
          ...open,
          caption: t('console.cases_waiting'),
          empty: t('console.cases_waiting_none'),
          columns: mayDecide ? [...open.columns, t('console.decide'), t('console.case_refuse')] : open.columns,
          rows: open.rows.map((row, index) => {
            const c = waiting[index]!;
            if (!mayDecide) return row;
            const name = names.get(c.accountId) ?? '';
            const isOwn = c.requestedBy === by.actor;
            const button = (verb: 'approve' | 'cancel', word: 'approve' | 'cancel' | 'refuse', tone?: 'danger') => ({
              text: '',
              post: {
                action: `/admin/cases/${c.id}/${verb}`,
                text: t(`console.case_${word}`),
                label: `${t(`console.case_${word}`)}: ${name}`,
                ...(tone ? { tone } : {}),
              },
            });
            // Whoever asked takes it back; somebody else agrees, or says no.
            return isOwn
              ? [...row, { text: '–' }, button('cancel', 'cancel')]
              : [...row, button('approve', 'approve'), button('cancel', 'refuse', 'danger')];
          }),
        },
        {
          ...caseRows(
            all.filter(({ state }) => state !== 'waiting'),
            names,
            request,
          ),
          caption: t('console.cases_done'),
        },
      ],
    });
  });

  const config = { guard: 'console', permission: 'cases:decide', isDangerous: true } as const;
  const params = z.object({ id: z.uuid() });
  app.post('/admin/cases/:id/approve', { config, schema: { params } }, async (request, reply) => {
    const approved = await n.support.approve(request.params.id, request.console!.by);
    if (!approved.ok)
      return goAndSay(
        request,
        reply,
        '/admin/cases',
        refusalInWords(request.t, approved.refusal, 'console.try_later'),
        'bad',
      );
    const person = await n.people.look(approved.value.case.accountId);
    return outcomePage(request, reply, person!.account, approved.value);
  });
  app.post('/admin/cases/:id/cancel', { config, schema: { params } }, async (request, reply) => {
    const cancelled = await n.support.cancel(request.params.id, request.console!.by);
    return cancelled.ok
      ? goAndSay(request, reply, '/admin/cases', request.t('console.said_cancelled'))
      : goAndSay(
          request,
          reply,
          '/admin/cases',
          refusalInWords(request.t, cancelled.refusal, 'console.try_later'),
          'bad',
        );
  });
};
