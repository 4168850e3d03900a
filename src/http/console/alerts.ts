import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AlertKind } from '../../core/alert-rules.ts';
import { accountIdIn } from '../../core/audit.ts';
import type { Alerts } from '../../flow/alerts.ts';
import type { People } from '../../flow/people.ts';
import type { Alert } from '../../store/alerts.ts';
import { text } from '../text.ts';
import type { Block } from './blocks.ts';
import { personPath } from './people.ts';
import { sayOutcome, showConsole } from './show.ts';

export interface AlertPagesNeeds {
  readonly alertWatch: Alerts;
  readonly people: People;
}

const MOST = 50;
const params = z.object({ id: z.uuid() });

/** What looks like abuse, with what to do about it. */
export const alertPages: FastifyPluginAsyncZod<AlertPagesNeeds> = async (app, n) => {
  app.get('/admin/alerts', { config: { guard: 'console', permission: 'alerts:read' } }, async (request, reply) => {
    const { t, times } = request;
    const [open, past] = await Promise.all([n.alertWatch.list(true, MOST), n.alertWatch.list(false, MOST)]);
    const ids = [...open, ...past].map(({ subject }) => accountIdIn(subject));
    const people = new Map((await n.people.byIds(ids)).map((account) => [`account:${account.id}`, account]));
    const about = (subject: string): string =>
      subject === 'all' ? t('console.everybody') : (people.get(subject)?.email ?? subject);
    const mayRead = request.console!.permissions.has('audit:read');
    const mayWrite = request.console!.permissions.has('alerts:write');
    return showConsole(request, reply, {
      title: t('console.part_alerts'),
      here: 'alerts',
      blocks: [
        open.length === 0 && { type: 'notice', tone: 'good', text: t('console.alerts_none') },
        ...open.flatMap((a): (Block | false)[] => {
          const kind = a.kind as AlertKind;
          const person = people.get(a.subject);
          return [
            { type: 'heading', text: t(`alert.${kind}_title`) },
            { type: 'notice', tone: 'bad', text: t(`alert.${kind}_text`) },
            {
              type: 'facts',
              items: [
                { label: t('console.about'), value: about(a.subject), path: person && personPath(person) },
                ...(person?.role ? [{ label: t('console.role'), value: t(`console.role_${person.role}`) }] : []),
                { label: t('console.count'), value: times.number(a.count) },
                { label: t('console.first'), value: times.dateTime(a.firstAt) },
                { label: t('console.last'), value: times.dateTime(a.lastAt) },
                { label: t('console.runbook'), value: t(`alert.${kind}_runbook`) },
              ],
            },
            mayRead && {
              type: 'links',
              items: [
                { path: eventsOf(a, n.alertWatch.counted(kind), about(a.subject)), text: t('console.alert_events') },
              ],
            },
            ...(mayWrite
              ? ([
                  {
                    type: 'form',
                    action: `/admin/alerts/${a.id}`,
                    submit: t('console.acknowledge'),
                    fields: [
                      { name: 'note', label: t('console.acknowledge_note'), kind: 'text', value: '', isRequired: true },
                    ],
                  },
                ] as const)
              : []),
          ];
        }),
        { type: 'heading', text: t('console.alerts_past') },
        {
          type: 'table',
          caption: t('console.alerts_past'),
          isCaptionHidden: true,
          columns: [
            t('console.when'),
            t('console.what'),
            t('console.about'),
            t('console.count'),
            t('console.acknowledge_note'),
          ],
          empty: t('console.alerts_past_none'),
          rows: past.map((a) => [
            { text: times.dateTime(a.raisedAt) },
            { text: t(`alert.${a.kind as AlertKind}_title`) },
            { text: about(a.subject) },
            { text: times.number(a.count) },
            { text: a.note ?? '–' },
          ]),
        },
      ],
    });
  });

  app.post(
    '/admin/alerts/:id',
    {
      config: { guard: 'console', permission: 'alerts:write' },
      schema: { params, body: z.object({ note: text(1000).default('') }) },
    },
    async (request, reply) => {
      const done = await n.alertWatch.acknowledge(request.params.id, request.body.note, request.console!.by);
      return sayOutcome(request, reply, '/admin/alerts', done, request.t('console.said_acknowledged'));
    },
  );
};

/** The search in the audit log that shows what an alert counted. */
function eventsOf({ subject, firstAt, lastAt }: Alert, counted: ReturnType<Alerts['counted']>, who: string): string {
  const day = (at: Date): string => at.toISOString().slice(0, 10);
  const [action, ...otherActions] = counted?.actions ?? [];
  const query = new URLSearchParams({
    from: day(firstAt),
    until: day(lastAt),
    ...(subject === 'all' || !counted ? {} : { [counted.per]: who }),
    ...(action && otherActions.length === 0 ? { action } : {}),
    ...(counted?.result ? { result: counted.result } : {}),
  });
  return `/admin/audit?${query}`;
}
