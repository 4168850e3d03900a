import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { importReportCsv, peopleCsv, refusedLinesCsv, whyRefused } from '../../flow/csv-files.ts';
import { type Imports, LARGEST_IMPORT_BYTES } from '../../flow/imports.ts';
import type { People } from '../../flow/people.ts';
import type { ImportJob } from '../../store/imports.ts';
import { sendCsv } from '../csv.ts';
import { LOOKS_AGAIN } from '../guards.ts';
import { FILE_SECONDS } from '../plugins/body-time.ts';
import { text } from '../text.ts';
import { type FormMistake, formRefusal, lineInWords, refusalInWords } from '../wording.ts';
import type { Block } from './blocks.ts';
import { goAndSay, sayOutcome, showConsole, showUnknown } from './show.ts';
import { takeUploads, type Upload } from './upload.ts';

export interface ImportPagesNeeds {
  readonly importing: Imports;
  readonly people: People;
  readonly clock: Clock;
}

const LIST = '/admin/imports';
const MOST = 50;
const params = z.object({ id: z.uuid() });
const isGoingOn = ({ state }: ImportJob): boolean => state === 'waiting' || state === 'running';

/** People from a file: sent, looked over, taken over, with what came of each line. */
export const importPages: FastifyPluginAsyncZod<ImportPagesNeeds> = async (app, n) => {
  takeUploads(app);
  const read = { guard: 'console', permission: 'imports:write' } as const;
  const write = { guard: 'console', permission: 'imports:write', isDangerous: true } as const;

  const list = async (request: FastifyRequest, reply: FastifyReply, mistakes: readonly FormMistake[]) => {
    const { t, times } = request;
    return showConsole(request, reply, {
      title: t('console.part_imports'),
      here: 'imports',
      blocks: [
        { type: 'text', text: t('console.imports_text') },
        {
          type: 'form',
          action: LIST,
          submit: t('console.import_check'),
          mistakes,
          hasFile: true,
          fields: [
            { name: 'inviting', label: t('console.import_inviting'), kind: 'checkbox', value: '' },
            // Last: whatever stands after the file is not read before it.
            {
              name: 'file',
              label: t('console.import_file'),
              hint: t('console.import_file_hint'),
              kind: 'file',
              value: '',
              isRequired: true,
            },
          ],
        },
        {
          type: 'table',
          caption: t('console.part_imports'),
          isCaptionHidden: true,
          columns: [
            t('console.import_file_name'),
            t('console.when'),
            t('console.status'),
            t('console.import_lines'),
            t('console.import_refused'),
          ],
          empty: t('console.imports_none'),
          rows: (await n.importing.list(MOST)).map((job) => [
            { text: job.name, path: `${LIST}/${job.id}` },
            { text: times.dateTime(job.createdAt) },
            { text: stateInWords(job, request) },
            { text: times.number(job.linesDone) },
            { text: times.number(job.refused) },
          ]),
        },
        { type: 'links', items: [{ path: '/admin/people.csv', text: t('console.export') }] },
      ],
    });
  };

  app.get(LIST, { config: write }, async (request, reply) => list(request, reply, []));

  app.post(
    LIST,
    {
      config: write,
      // The form around the file takes some room too.
      bodyLimit: LARGEST_IMPORT_BYTES + 64 * 1024,
      schema: { body: z.looseObject({ inviting: z.literal('yes').optional(), fileName: text(300).default('') }) },
    },
    async (request, reply) => {
      const { t } = request;
      const { file, fileName, inviting } = request.body as unknown as Upload & { inviting?: 'yes' };
      if (!file || !fileName) return list(request, reply, [{ text: t('console.import_file_missing'), field: 'file' }]);
      const { by, permissions } = request.console!;
      const what = {
        name: fileName,
        isDryRun: true,
        isInviting: inviting === 'yes',
        may: (permission: Parameters<typeof permissions.has>[0]) => permissions.has(permission),
      };
      request.giveTime(FILE_SECONDS);
      const uploaded = await n.importing.upload(file.iterator({ destroyOnReturn: false }), what, by);
      if (uploaded.ok) return reply.redirect(`${LIST}/${uploaded.value.id}`, 303);
      return list(
        request,
        reply,
        formRefusal(t, uploaded.refusal).map(({ text }) => ({ text, field: 'file' })),
      );
    },
  );

  app.get(`${LIST}/:id`, { config: read, schema: { params } }, async (request, reply) => {
    const { t, times } = request;
    const job = await n.importing.look(request.params.id);
    if (!job) return showUnknown(request, reply, 'error.not_found_text');
    const here = `${LIST}/${job.id}`;
    const lines = await n.importing.lines(job.id, 'refused', MOST);
    const refused: Block[] = [
      { type: 'heading', text: t('console.import_refused_lines') },
      {
        type: 'table',
        caption: t('console.import_refused_lines'),
        isCaptionHidden: true,
        columns: [t('console.import_line'), t('console.email'), t('console.why')],
        empty: t('console.import_refused_none'),
        rows: lines.map((line) => [
          { text: String(line.line) },
          { text: line.email || '–' },
          { text: lineInWords(t, whyRefused(line, job.options)) },
        ]),
      },
      {
        type: 'links',
        items: [
          ...(job.refused > 0 ? [{ path: `${here}/refused.csv`, text: t('console.import_bad_file') }] : []),
          { path: `${here}/report.csv`, text: t('console.import_report') },
        ],
      },
    ];
    return showConsole(request, reply, {
      title: job.name,
      here: 'imports',
      back: { path: LIST, text: t('console.part_imports') },
      blocks: [
        ...statusOf(job, request, n.clock),
        !isGoingOn(job) && {
          type: 'facts',
          items: (['added', 'changed', 'unchanged', 'refused'] as const).map((outcome) => ({
            label: t(`console.import_${outcome}`),
            value: times.number(job[outcome]),
          })),
        },
        job.state === 'checked' && {
          type: 'form',
          action: `${here}/run`,
          submit: t('console.import_begin'),
          fields: [
            {
              name: 'inviting',
              label: t('console.import_inviting'),
              kind: 'checkbox',
              value: job.options.isInviting ? 'yes' : '',
            },
          ],
        },
        isGoingOn(job) && {
          type: 'form',
          action: `${here}/stop`,
          submit: t('console.import_stop'),
          tone: 'danger',
          fields: [],
        },
        ...(isGoingOn(job) ? [] : refused),
      ],
    });
  });

  app.get(`${LIST}/:id/progress`, { config: { ...read, kind: 'json' }, schema: { params } }, async (request, reply) => {
    const job = await n.importing.look(request.params.id);
    if (!job || !isGoingOn(job)) return reply.send({ isOver: true });
    return reply.send({ isOver: false, ...howFar(job, request, n.clock) });
  });

  app.post(
    `${LIST}/:id/run`,
    { config: write, schema: { params, body: z.object({ inviting: z.literal('yes').optional() }) } },
    async (request, reply) => {
      const { id } = request.params;
      const { by, permissions } = request.console!;
      const isInviting = request.body.inviting === 'yes';
      const may = (permission: Parameters<typeof permissions.has>[0]) => permissions.has(permission);
      const begun = await n.importing.begin(id, { isInviting, may }, by);
      if (begun.ok) return reply.redirect(`${LIST}/${id}`, 303);
      const why = refusalInWords(request.t, begun.refusal, 'console.try_later');
      return goAndSay(request, reply, begun.refusal.code === 'import_unknown' ? LIST : `${LIST}/${id}`, why, 'bad');
    },
  );

  app.post(`${LIST}/:id/stop`, { config: read, schema: { params } }, async (request, reply) => {
    const stopped = await n.importing.stop(request.params.id, request.console!.by);
    const path = stopped.ok ? `${LIST}/${request.params.id}` : LIST;
    return sayOutcome(request, reply, path, stopped, request.t('console.said_import_stopped'));
  });

  app.get(`${LIST}/:id/refused.csv`, { config: read, schema: { params } }, async (request, reply) => {
    if (!(await n.importing.look(request.params.id))) return showUnknown(request, reply, 'error.not_found_text');
    const file = refusedLinesCsv(n.importing, request.params.id, (why) => lineInWords(request.t, why));
    return sendCsv(reply, 'refused.csv', file);
  });
  app.get(`${LIST}/:id/report.csv`, { config: read, schema: { params } }, async (request, reply) => {
    if (!(await n.importing.look(request.params.id))) return showUnknown(request, reply, 'error.not_found_text');
    const file = importReportCsv(n.importing, request.params.id, undefined, (why) => lineInWords(request.t, why));
    return sendCsv(reply, 'report.csv', file);
  });
  app.get('/admin/people.csv', { config: { guard: 'console', permission: 'accounts:read' } }, async (_request, reply) =>
    sendCsv(reply, 'people.csv', peopleCsv(n.people, {})),
  );
};

const stateInWords = ({ state }: ImportJob, { t }: FastifyRequest): string =>
  t(state === 'checked' ? 'console.import_state_checked' : `console.import_${state}`);

/** From 0 to 1, and in words with how long it takes still. */
function howFar(
  job: ImportJob,
  { t, times }: FastifyRequest,
  clock: Clock,
): { readonly share: number; readonly label: string } {
  const share = job.size > 0 ? job.bytesDone / job.size : 0;
  const spent = job.startedAt ? (clock.now().getTime() - job.startedAt.getTime()) / 1000 : 0;
  const percent = Math.floor(100 * share);
  const done = t('console.import_progress', { percent, lines: job.linesDone });
  if (share === 0) return { share, label: done };
  return {
    share,
    label: `${done} ${t('console.import_left', { time: times.duration((spent * (1 - share)) / share) })}`,
  };
}

/** How far it is, or what came of it. */
function statusOf(job: ImportJob, request: FastifyRequest, clock: Clock): Block[] {
  const { t } = request;
  if (isGoingOn(job)) {
    const path = `${LIST}/${job.id}`;
    const again = {
      herePath: `${path}?look=${LOOKS_AGAIN}`,
      jsonPath: `${path}/progress?look=${LOOKS_AGAIN}`,
    };
    return [
      { type: 'progress', ...howFar(job, request, clock), again },
      { type: 'text', text: t(job.isDryRun ? 'console.import_only_looking' : 'console.import_unsure'), isHint: true },
    ];
  }
  const said = {
    checked: ['note', 'console.import_would'],
    done: ['good', 'console.import_did'],
    stopped: ['bad', 'console.import_stopped_text'],
    failed: ['bad', 'console.import_failed_text'],
  } as const;
  const [tone, key] = said[job.state as keyof typeof said];
  return [{ type: 'notice', tone, text: t(key) }];
}
