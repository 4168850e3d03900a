import { Readable } from 'node:stream';
import { z } from 'zod';
import { type AuditExport, EXPORT_FORMATS } from '../../flow/audit-export.ts';
import type { AuditIntegrity } from '../../flow/audit-integrity.ts';
import type { AuditFilter, AuditStore, RecordedEvent } from '../../store/audit.ts';
import { text } from '../text.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { cursorOf, iso, listOf, paging, placeOf, time, uuid } from './schemas.ts';

const result = z.enum(['success', 'refused', 'failure']);

const event = z
  .strictObject({
    id: z.string(),
    at: time,
    action: z.string(),
    object: z.string(),
    result,
    origin: z.string(),
    actor: z.string(),
    accountId: uuid.nullable(),
    requestId: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEvent' });

const shown = (e: RecordedEvent): z.infer<typeof event> => ({
  id: e.id,
  at: iso(e.at),
  action: e.action,
  object: e.object,
  result: e.result,
  origin: e.origin,
  actor: e.actor,
  accountId: e.accountId ?? null,
  requestId: e.requestId ?? null,
  detail: { ...e.detail },
});

const filter = {
  action: text(100).optional().describe('`authenticator.bound`; with a dot at the end, everything that begins so.'),
  account: uuid.optional(),
  actor: text(200).optional(),
  object: text(300).optional(),
  origin: text(100).optional(),
  request: text(100).optional(),
  result: result.optional(),
  from: time.optional(),
  until: time.optional(),
};

type FilterQuery = z.output<z.ZodObject<typeof filter>>;

const filterFrom = ({ action, account, request, from, until, ...rest }: FilterQuery): AuditFilter => ({
  ...rest,
  ...(action?.endsWith('.') ? { actionPrefix: action } : { action }),
  accountId: account,
  requestId: request,
  from: from === undefined ? undefined : new Date(from),
  until: until === undefined ? undefined : new Date(until),
});

export const auditEndpoints = (n: {
  auditStore: AuditStore;
  auditExport: AuditExport;
  auditIntegrity: AuditIntegrity;
}): readonly Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/audit-events',
    id: 'listAuditEvents',
    tag: 'audit',
    summary: 'What happened, newest first',
    permission: 'audit:read',
    query: z.strictObject({ ...paging, ...filter }),
    answers: { 200: listOf(event) },
    async run({ query: { limit, cursor, ...asked } }) {
      const before = placeOf(cursor);
      if (before !== undefined && !/^\d{1,18}$/.test(before))
        return { problem: { status: 400, code: 'invalid_request', detail: 'This cursor is not one of ours.' } };
      const found = await n.auditStore.search(filterFrom(asked), limit + 1, before);
      const items = found.slice(0, limit);
      const next = found.length > limit ? cursorOf(items.at(-1)!.id) : null;
      return { value: { items: items.map(shown), next }, next };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/audit-events/export',
    id: 'exportAuditEvents',
    tag: 'audit',
    summary: 'Every event that matches, oldest first, line by line',
    description: 'JSON Lines end with a signed checkpoint and the key to check it with; CEF is what log servers read.',
    permission: 'audit:read',
    query: z.strictObject({ ...filter, format: z.enum(EXPORT_FORMATS as ['jsonl', 'cef']).default('jsonl') }),
    produces: ['application/jsonl', 'text/plain'],
    answers: { 200: z.string().describe('Lines.') },
    async run({ query: { format, ...asked }, by, reply }) {
      const lines = n.auditExport.lines(format, filterFrom(asked), by);
      const named = async function* () {
        for await (const line of lines) yield `${line}\n`;
      };
      reply
        .type(format === 'cef' ? 'text/plain; charset=utf-8' : 'application/jsonl; charset=utf-8')
        .header('content-disposition', `attachment; filename="audit.${format === 'cef' ? 'log' : 'jsonl'}"`)
        .send(Readable.from(named()));
      return 'sent';
    },
  }),
  endpoint({
    method: 'POST',
    path: '/audit-events/verify',
    id: 'verifyAuditLog',
    tag: 'audit',
    summary: 'Goes through the whole log and names what was changed, deleted, inserted or reordered',
    permission: 'audit:read',
    body: z
      .strictObject({
        anchors: z.array(z.string().max(2000)).max(100).default([]).describe('Checkpoints kept elsewhere.'),
      })
      .default({ anchors: [] }),
    answers: {
      200: z.strictObject({
        isIntact: z.boolean(),
        checked: z.number().int(),
        from: z.string(),
        to: z.string(),
        checkpoints: z.number().int(),
        waiting: z.number().int(),
        problems: z.array(
          z.strictObject({
            kind: z.enum(['changed', 'deleted', 'inserted', 'reordered', 'chain', 'checkpoint']),
            position: z.string().nullable(),
            eventId: z.string().nullable(),
            detail: z.string(),
          }),
        ),
        problemCount: z.number().int(),
      }),
    },
    async run({ body }) {
      const found = await n.auditIntegrity.verify(body.anchors);
      return { value: { ...found, problems: [...found.problems] } };
    },
  }),
];
