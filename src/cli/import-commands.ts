import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ROLES } from '../core/roles.ts';
import type { Dependencies } from '../dependencies.ts';
import { peopleCsv, refusedLinesCsv, type WhyRefused, whyRefused } from '../flow/csv-files.ts';
import type { AccountFilter } from '../store/accounts.ts';
import type { ImportJob } from '../store/imports.ts';
import {
  BY,
  type Command,
  inWords,
  oneOf,
  RefusedError,
  refused,
  type Said,
  showProgress,
  UsageError,
} from './command.ts';

const lineInWords = ({ code, column, value }: WhyRefused): string =>
  column === undefined ? inWords(code) : `${inWords(code)} (${column}: “${value}”)`;

/** Longer than whoever worked on it before is taken for alive. */
const PATIENCE_MS = 40_000;
const SHOWN_LINES = 20;

/** Works on it here, or waits while the server does, until it is over. */
async function follow(d: Dependencies, id: string): Promise<ImportJob> {
  const progress = showProgress('Read');
  const at = (job: ImportJob): void => progress.at(job.bytesDone, job.size);
  let last = -1;
  let since = performance.now();
  for (;;) {
    await d.importing.work({ id, onProgress: at });
    const job = await d.importing.look(id);
    if (!job) throw new UsageError('There is no such import.');
    at(job);
    if (job.state !== 'waiting' && job.state !== 'running') {
      progress.done();
      return job;
    }
    if (job.linesDone !== last) {
      last = job.linesDone;
      since = performance.now();
    } else if (performance.now() - since > PATIENCE_MS)
      throw new RefusedError('Nobody gets on with this import. Try again: account import --resume <id>.');
    await wait(500);
  }
}

async function told(d: Dependencies, job: ImportJob): Promise<Said> {
  const { id, name, state, isDryRun, added, changed, unchanged, refused: count, linesDone, problem } = job;
  const lines = await d.importing.lines(id, 'refused', SHOWN_LINES);
  const reasons = lines.map((each) => ({
    line: each.line,
    email: each.email,
    code: each.code,
    column: each.field,
    reason: lineInWords(whyRefused(each, job.options)),
  }));
  const data = {
    id,
    name,
    state,
    isDryRun,
    lines: linesDone,
    added,
    changed,
    unchanged,
    refused: count,
    problem,
    refusedLines: reasons,
  };
  const would = isDryRun ? 'would be ' : '';
  const text = [
    `${linesDone} lines: ${added} ${would}added, ${changed} ${would}changed, ${unchanged} as they are, ${count} ${would}refused.`,
    ...reasons.map(({ line, email, reason }) => `  line ${line}${email ? ` (${email})` : ''}: ${reason}`),
    ...(count > lines.length ? [`  and ${count - lines.length} more: --bad-lines <file> writes them all.`] : []),
    ...(isDryRun && state === 'checked' ? [`Nothing was changed. To do it: account import --run ${id} --yes`] : []),
  ].join('\n');
  return { text, data };
}

export const importCommands: readonly Command[] = [
  {
    words: 'account import',
    usage:
      'account import <file.csv> [--invite] [--yes] [--bad-lines <file>]\n  account import --run <id> --yes [--invite] [--bad-lines <file>]\n  account import --resume <id> [--bad-lines <file>]',
    help: 'Adds and changes people from a file: email, name, notify_email, language, groups (with | between them), role, status, invite. An empty cell changes nothing, a - empties. Without --yes it says what would happen. Interrupted, it goes on with --resume, or by itself where the server runs. Exit code 3 where a line was refused.',
    examples: [
      'account import people.csv',
      'account import people.csv --yes --invite --bad-lines refused.csv',
      'account import --resume 4a1c3c70-8a3e-4b70-9d0c-0d7b9f2e1a55',
    ],
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          run: { type: 'string' },
          resume: { type: 'string' },
          invite: { type: 'boolean' },
          yes: { type: 'boolean' },
          'bad-lines': { type: 'string' },
        },
      });
      const what = { isInviting: values.invite ?? false, may: () => true, isMine: true };
      const start = async (): Promise<string> => {
        const { run, resume } = values;
        if ([run, resume, positionals[0]].filter((each) => each !== undefined).length !== 1 || positionals.length > 1)
          throw new UsageError('Give one file, or --run or --resume with the id of an import.');
        const id = run ?? resume;
        if (
          id !== undefined &&
          !(await d.importing.look(/^[0-9a-f-]{36}$/.test(id) ? id : '00000000-0000-0000-0000-000000000000'))
        )
          throw new UsageError('There is no such import.');
        if (resume !== undefined) return resume;
        if (run !== undefined) {
          if (!values.yes) throw new UsageError('This changes people. Add --yes to do it.');
          const begun = await d.importing.begin(run, what, BY);
          if (!begun.ok) throw refused(begun.refusal.code);
          return run;
        }
        const [file = ''] = positionals;
        if (!(await stat(file).catch(() => undefined))?.isFile()) throw new UsageError(`There is no file ${file}.`);
        const uploaded = await d.importing.upload(
          createReadStream(file),
          { ...what, name: basename(file), isDryRun: !values.yes },
          BY,
        );
        if (!uploaded.ok)
          throw uploaded.refusal.code === 'import_column_unknown'
            ? new UsageError(`${inWords('import_column_unknown')} Not known: ${uploaded.refusal.field}.`)
            : refused(uploaded.refusal.code);
        if (process.stderr.isTTY) process.stderr.write(`Import ${uploaded.value.id}\n`);
        return uploaded.value.id;
      };
      const job = await follow(d, await start());
      const bad = values['bad-lines'];
      if (bad !== undefined && job.refused > 0)
        await pipeline(
          Readable.from(refusedLinesCsv(d.importing, job.id, lineInWords)),
          createWriteStream(bad, { flags: 'wx' }),
        );
      const said = await told(d, job);
      if (job.state === 'failed')
        throw new RefusedError(`The import failed after ${job.linesDone} lines: ${job.problem}.`);
      if (job.refused > 0) process.exitCode = 3;
      return said;
    },
  },
  {
    words: 'account export',
    usage: `account export [--status active|suspended] [--role ${ROLES.join('|')}] [--group <group>]`,
    help: 'Writes people as CSV to standard output, with the columns that an import reads.',
    examples: ['account export > people.csv', 'account export --group finance'],
    async run(d, args) {
      const { values } = parseArgs({
        args,
        options: { status: { type: 'string' }, role: { type: 'string' }, group: { type: 'string' } },
      });
      const filter: AccountFilter = {
        status: values.status && oneOf('status', values.status, ['active', 'suspended'] as const),
        role: values.role && oneOf('role', values.role, ROLES),
        group: values.group,
      } as AccountFilter;
      for await (const part of peopleCsv(d.people, filter))
        if (!process.stdout.write(part)) await once(process.stdout, 'drain');
      return '';
    },
  },
];
