import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { accountIdIn } from '../../core/audit.ts';
import { AUDIT_ACTIONS } from '../../core/audit-actions.ts';
import { cut } from '../../core/text.ts';
import type { AuditExport } from '../../flow/audit-export.ts';
import type { AuditIntegrity } from '../../flow/audit-integrity.ts';
import type { People } from '../../flow/people.ts';
import type { AuditFilter, AuditStore } from '../../store/audit.ts';
import { text } from '../text.ts';
import { goAndSay, showConsole, showUnknown } from './show.ts';

export interface AuditPagesNeeds {
  readonly auditStore: AuditStore;
  readonly auditExport: AuditExport;
  readonly auditIntegrity: AuditIntegrity;
  readonly people: People;
}

const PAGE = 50;
const DAY_MS = 86_400_000;

const field = text(300).default('').catch('');
const filterQuery = z.object({
  action: field,
  account: field,
  actor: field,
  origin: field,
  result: z.enum(['', 'success', 'refused', 'failure']).default('').catch(''),
  from: field,
  until: field,
});
const isDay = (written: string): boolean => written === '' || z.iso.date().safeParse(written).success;

/** Looking things up in the audit log, taking them along, and seeing that nobody tampered with it. */
export const auditPages: FastifyPluginAsyncZod<AuditPagesNeeds> = async (app, n) => {
  const config = { guard: 'console', permission: 'audit:read' } as const;

  const filterFrom = async (q: z.output<typeof filterQuery>): Promise<AuditFilter | undefined> => {
    // What cannot be read is no reason to show everything.
    if (!isDay(q.from) || !isDay(q.until)) return undefined;
    const person = q.account ? await n.people.byEmail(q.account) : undefined;
    // Somebody who is not there did nothing.
    if (q.account && !person) return undefined;
    const doer = q.actor.includes('@') ? await n.people.byEmail(q.actor) : undefined;
    if (q.actor.includes('@') && !doer) return undefined;
    const wholeDays = (date: string, more: number): Date | undefined =>
      date ? new Date(Date.parse(date) + more * DAY_MS) : undefined;
    return {
      ...(q.action.endsWith('.') ? { actionPrefix: q.action } : { action: q.action || undefined }),
      accountId: person?.id,
      actor: doer ? `account:${doer.id}` : q.actor || undefined,
      origin: q.origin || undefined,
      result: q.result || undefined,
      from: wholeDays(q.from, 0),
      until: wholeDays(q.until, 1),
    };
  };

  app.get(
    '/admin/audit',
    {
      config,
      schema: {
        querystring: filterQuery.extend({
          before: z
            .string()
            .regex(/^\d{1,18}$/)
            .optional()
            .catch(undefined),
        }),
      },
    },
    async (request, reply) => {
      const { t, times } = request;
      const { before, ...asked } = request.query;
      const filter = await filterFrom(asked);
      const found = filter ? await n.auditStore.search(filter, PAGE + 1, before) : [];
      const shown = found.slice(0, PAGE);
      const actors = [...new Set(shown.flatMap(({ actor, accountId }) => [accountIdIn(actor), accountId ?? '']))];
      const names = new Map((await n.people.byIds(actors)).map(({ id, email }) => [id, email]));
      const query = new URLSearchParams(asked);
      const more = new URLSearchParams({ ...asked, before: shown.at(-1)?.id ?? '' });
      return showConsole(request, reply, {
        title: t('console.part_audit'),
        here: 'audit',
        blocks: [
          {
            type: 'form',
            method: 'get',
            action: '/admin/audit',
            submit: t('console.search'),
            isInline: true,
            mistakes: (['from', 'until'] as const)
              .filter((name) => !isDay(asked[name]))
              .map((name) => ({ text: t('console.day_unreadable', { day: asked[name] }), field: name })),
            fields: [
              {
                name: 'action',
                label: t('console.action'),
                hint: t('console.action_hint'),
                kind: 'text',
                value: asked.action,
                suggestions: AUDIT_ACTIONS,
              },
              { name: 'account', label: t('console.about_person'), kind: 'text', value: asked.account },
              { name: 'actor', label: t('console.by'), kind: 'text', value: asked.actor },
              { name: 'origin', label: t('console.where'), kind: 'text', value: asked.origin },
              {
                name: 'result',
                label: t('console.result'),
                kind: 'select',
                value: asked.result,
                options: [
                  { value: '', text: t('console.all') },
                  ...(['success', 'refused', 'failure'] as const).map((value) => ({
                    value,
                    text: t(`console.result_${value}`),
                  })),
                ],
              },
              { name: 'from', label: t('console.from'), kind: 'date', value: asked.from },
              { name: 'until', label: t('console.until'), kind: 'date', value: asked.until },
            ],
          },
          {
            type: 'links',
            items: [
              { path: `/admin/audit/export?${query}`, text: t('console.export_jsonl') },
              { path: `/admin/audit/export?${query}&format=cef`, text: t('console.export_cef') },
            ],
          },
          {
            type: 'table',
            caption: t('console.part_audit'),
            isCaptionHidden: true,
            columns: [
              t('console.when'),
              t('console.action'),
              t('console.result'),
              t('console.about'),
              t('console.by'),
              t('console.where'),
              t('console.detail'),
            ],
            empty: t('console.audit_none'),
            rows: shown.map((e) => [
              { text: times.dateTime(e.at), path: `/admin/audit/events/${e.id}` },
              { text: e.action },
              { text: t(`console.result_${e.result}`), ...(e.result === 'success' ? {} : { tone: 'bad' as const }) },
              {
                text: (e.accountId && names.get(e.accountId)) || e.object,
                ...(e.accountId ? { path: `/admin/people/${e.accountId}` } : {}),
              },
              { text: names.get(accountIdIn(e.actor)) ?? e.actor },
              { text: e.origin },
              { text: inShort(e.detail) },
            ]),
            nextPath: found.length > PAGE ? `/admin/audit?${more}` : null,
          },
          { type: 'heading', text: t('console.integrity') },
          { type: 'text', text: t('console.integrity_text') },
          { type: 'form', action: '/admin/audit/verify', submit: t('console.verify_log'), tone: 'quiet', fields: [] },
        ],
      });
    },
  );

  app.get(
    '/admin/audit/events/:id',
    { config, schema: { params: z.object({ id: z.string().max(40) }) } },
    async (request, reply) => {
      const { t, times } = request;
      const { id } = request.params;
      const [event] = /^\d{1,18}$/.test(id) ? await n.auditStore.search({ id }, 1) : [];
      if (!event) return showUnknown(request, reply, 'error.not_found_text');
      const doer = accountIdIn(event.actor);
      const people = new Map(
        (await n.people.byIds([...new Set([doer, event.accountId ?? ''])])).map((a) => [
          a.id,
          `${a.displayName} (${a.email})`,
        ]),
      );
      return showConsole(request, reply, {
        title: event.action,
        here: 'audit',
        back: { path: '/admin/audit', text: t('console.part_audit') },
        blocks: [
          {
            type: 'facts',
            items: [
              { label: t('console.when'), value: times.dateTime(event.at) },
              { label: t('console.result'), value: t(`console.result_${event.result}`) },
              { label: t('console.about'), value: event.object },
              { label: t('console.person'), value: people.get(event.accountId ?? '') ?? '–' },
              { label: t('console.by'), value: people.get(doer) ?? event.actor },
              { label: t('console.where'), value: event.origin },
              { label: t('console.reference'), value: event.requestId ?? '–' },
            ],
          },
          { type: 'heading', text: t('console.detail') },
          { type: 'pre', label: t('console.detail'), text: JSON.stringify(event.detail ?? {}, null, 2) },
        ],
      });
    },
  );

  app.get(
    '/admin/audit/export',
    { config, schema: { querystring: filterQuery.extend({ format: z.enum(['jsonl', 'cef']).default('jsonl') }) } },
    async (request, reply) => {
      const { format, ...asked } = request.query;
      const filter = await filterFrom(asked);
      if (!filter) return goAndSay(request, reply, '/admin/audit', request.t('console.audit_none'), 'bad');
      const lines = n.auditExport.lines(format, filter, request.console!.by);
      const ended = async function* () {
        for await (const line of lines) yield `${line}\n`;
      };
      return reply
        .type(format === 'cef' ? 'text/plain; charset=utf-8' : 'application/jsonl; charset=utf-8')
        .header('content-disposition', `attachment; filename="audit.${format === 'cef' ? 'log' : 'jsonl'}"`)
        .send(Readable.from(ended()));
    },
  );

  app.post('/admin/audit/verify', { config }, async (request, reply) => {
    const { t } = request;
    const found = await n.auditIntegrity.verify();
    return showConsole(request, reply, {
      title: t('console.integrity'),
      here: 'audit',
      back: { path: '/admin/audit', text: t('console.part_audit') },
      blocks: [
        found.isIntact
          ? {
              type: 'notice',
              tone: 'good',
              text: t('console.intact', { count: found.checked, checkpoints: found.checkpoints }),
            }
          : { type: 'notice', tone: 'bad', text: t('console.not_intact', { count: found.problemCount }) },
        !found.isIntact && {
          type: 'table',
          caption: t('console.integrity'),
          isCaptionHidden: true,
          columns: [t('console.what'), t('console.place'), t('console.event'), t('console.detail')],
          empty: '',
          rows: found.problems.map(({ kind, position, eventId, detail }) => [
            { text: t(`console.tampered_${kind}`), tone: 'bad' as const },
            { text: position ?? '–' },
            { text: eventId ?? '–' },
            { text: detail },
          ]),
        },
      ],
    });
  });
};

/** The first words of what else is kept: a sign-in keeps the whole policy's facts. */
const inShort = (detail: unknown): string => {
  const all = Object.entries(detail ?? {})
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
  return all === '' ? '–' : all.length > 160 ? `${cut(all, 160)}…` : all;
};
