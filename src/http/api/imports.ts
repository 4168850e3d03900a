import { z } from 'zod';
import { importReportCsv, peopleCsv, refusedLinesCsv, type WhyRefused, whyRefused } from '../../flow/csv-files.ts';
import { type Imports, LARGEST_IMPORT_BYTES } from '../../flow/imports.ts';
import type { People } from '../../flow/people.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { ImportJob } from '../../store/imports.ts';
import { sendCsv } from '../csv.ts';
import { text } from '../text.ts';
import { lineInWords } from '../wording.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import {
  cursorOf,
  groupName,
  idParams,
  iso,
  isoOrNull,
  listOf,
  paging,
  placeOf,
  role,
  time,
  timeOrNull,
  uuid,
} from './schemas.ts';

const outcome = z.enum(['added', 'changed', 'unchanged', 'refused']);
const count = z.number().int();
const importJob = z
  .strictObject({
    id: uuid,
    name: z.string(),
    state: z
      .enum(['waiting', 'running', 'checked', 'done', 'stopped', 'failed'])
      .describe('`checked`: a dry run that is over, and can be run for real.'),
    isDryRun: z.boolean(),
    size: count.describe('Bytes of the file.'),
    bytesDone: count,
    linesDone: count,
    added: count,
    changed: count,
    unchanged: count,
    refused: count,
    problem: z.string().nullable(),
    actor: z.string(),
    createdAt: time,
    startedAt: timeOrNull,
    finishedAt: timeOrNull,
  })
  .meta({ id: 'Import' });
const importLine = z
  .strictObject({
    line: count,
    email: z.string(),
    outcome,
    code: z.string().nullable(),
    column: z.string().nullable().describe('Whose cell is the reason, where it is one.'),
    reason: z.string().nullable().describe('Why it was refused, in words.'),
  })
  .meta({ id: 'ImportLine' });

const shown = (j: ImportJob): z.infer<typeof importJob> => ({
  id: j.id,
  name: j.name,
  state: j.state,
  isDryRun: j.isDryRun,
  size: j.size,
  bytesDone: j.bytesDone,
  linesDone: j.linesDone,
  added: j.added,
  changed: j.changed,
  unchanged: j.unchanged,
  refused: j.refused,
  problem: j.problem,
  actor: j.actor,
  createdAt: iso(j.createdAt),
  startedAt: isoOrNull(j.startedAt),
  finishedAt: isoOrNull(j.finishedAt),
});

const UNKNOWN = { refusal: { code: 'import_unknown' } } as const;
export function importEndpoints(n: { importing: Imports; people: People; t: Translate }): readonly Endpoint[] {
  const inWords = (why: WhyRefused): string => lineInWords(n.t, why);
  const csv = { produces: ['text/csv'], answers: { 200: z.string().describe('CSV, RFC 4180, UTF-8.') } };
  return [
    endpoint({
      method: 'GET',
      path: '/accounts.csv',
      id: 'exportAccounts',
      tag: 'accounts',
      summary: 'Everybody as CSV, with the columns that an import reads',
      permission: 'accounts:read',
      query: z.strictObject({
        status: z.enum(['active', 'suspended']).optional(),
        role: role.optional(),
        group: groupName.optional(),
      }),
      ...csv,
      async run({ query, reply }) {
        sendCsv(reply, 'accounts.csv', peopleCsv(n.people, query));
        return 'sent';
      },
    }),
    endpoint({
      method: 'POST',
      path: '/imports',
      id: 'createImport',
      tag: 'imports',
      summary: 'Sends a CSV file of people, to be looked over first or taken over at once',
      description:
        'The first line names the columns: `email`, and any of `name`, `notify_email`, `language`, `groups` (with `|` between them), `role`, `status`, `invite`. An empty cell changes nothing, a `-` empties. Or the registration report of Microsoft Entra, as it is. At most 100 MB.',
      permission: 'imports:write',
      isDangerous: true,
      isCreating: true,
      consumes: { type: 'text/csv', mostBytes: LARGEST_IMPORT_BYTES },
      query: z.strictObject({
        dryRun: z.stringbool().default(true).describe('Only says what would happen.'),
        invite: z.stringbool().default(false).describe('Mails those who are added a link to choose a password.'),
        name: text(200).default('import.csv'),
      }),
      answers: { 202: importJob },
      async run({ query, file, by, may }) {
        const { dryRun: isDryRun, invite: isInviting, name } = query;
        const uploaded = await n.importing.upload(file, { name, isDryRun, isInviting, may }, by);
        return uploaded.ok
          ? { status: 202, value: shown(uploaded.value), location: `/api/v1/imports/${uploaded.value.id}` }
          : uploaded;
      },
    }),
    endpoint({
      method: 'GET',
      path: '/imports',
      id: 'listImports',
      tag: 'imports',
      summary: 'Imports, newest first',
      permission: 'imports:write',
      query: z.strictObject({ limit: paging.limit }),
      answers: { 200: z.strictObject({ items: z.array(importJob) }) },
      async run({ query }) {
        return { value: { items: (await n.importing.list(query.limit)).map(shown) } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/imports/:id',
      id: 'getImport',
      tag: 'imports',
      summary: 'How far an import is',
      permission: 'imports:write',
      params: idParams,
      answers: { 200: importJob },
      async run({ params }) {
        const job = await n.importing.look(params.id);
        return job ? { value: shown(job) } : UNKNOWN;
      },
    }),
    endpoint({
      method: 'GET',
      path: '/imports/:id/lines',
      id: 'listImportLines',
      tag: 'imports',
      summary: 'What came of each line',
      permission: 'imports:write',
      params: idParams,
      query: z.strictObject({ ...paging, outcome: outcome.optional() }),
      answers: { 200: listOf(importLine) },
      async run({ params, query }) {
        const job = await n.importing.look(params.id);
        if (!job) return UNKNOWN;
        const after = Number(placeOf(query.cursor) ?? 0);
        const place = Number.isSafeInteger(after) && after < 2 ** 31 ? after : 2 ** 31 - 1;
        const found = await n.importing.lines(params.id, query.outcome, query.limit + 1, place);
        const items = found.slice(0, query.limit);
        const next = found.length > query.limit ? cursorOf(String(items.at(-1)!.line)) : null;
        return {
          value: {
            items: items.map((line) => ({
              line: line.line,
              email: line.email,
              outcome: line.outcome,
              code: line.code,
              column: line.field,
              reason: line.code === null ? null : inWords(whyRefused(line, job.options)),
            })),
            next,
          },
          next,
        };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/imports/:id/lines.csv',
      id: 'exportImportLines',
      tag: 'imports',
      summary: 'The same as CSV',
      permission: 'imports:write',
      params: idParams,
      query: z.strictObject({ outcome: outcome.optional() }),
      ...csv,
      async run({ params, query, reply }) {
        if (!(await n.importing.look(params.id))) return UNKNOWN;
        sendCsv(reply, 'import-report.csv', importReportCsv(n.importing, params.id, query.outcome, inWords));
        return 'sent';
      },
    }),
    endpoint({
      method: 'GET',
      path: '/imports/:id/refused.csv',
      id: 'exportRefusedLines',
      tag: 'imports',
      summary: 'The refused lines as they were, with why: to be put right and sent again',
      permission: 'imports:write',
      params: idParams,
      ...csv,
      async run({ params, reply }) {
        if (!(await n.importing.look(params.id))) return UNKNOWN;
        sendCsv(reply, 'refused.csv', refusedLinesCsv(n.importing, params.id, inWords));
        return 'sent';
      },
    }),
    endpoint({
      method: 'POST',
      path: '/imports/:id/run',
      id: 'runImport',
      tag: 'imports',
      summary: 'Takes over for real what was looked over',
      permission: 'imports:write',
      isDangerous: true,
      params: idParams,
      body: z.strictObject({ invite: z.boolean().default(false) }),
      answers: { 202: importJob },
      async run({ params, body, by, may }) {
        const begun = await n.importing.begin(params.id, { isInviting: body.invite, may }, by);
        return begun.ok ? { status: 202, value: shown(begun.value) } : begun;
      },
    }),
    endpoint({
      method: 'POST',
      path: '/imports/:id/stop',
      id: 'stopImport',
      tag: 'imports',
      summary: 'Stops it; what is done stays done',
      permission: 'imports:write',
      params: idParams,
      answers: { 200: importJob },
      async run({ params, by }) {
        const stopped = await n.importing.stop(params.id, by);
        return stopped.ok ? { value: shown(stopped.value) } : stopped;
      },
    }),
  ];
}
