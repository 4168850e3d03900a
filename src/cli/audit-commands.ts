import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXPORT_FORMATS } from '../flow/audit-export.ts';
import type { AuditFilter } from '../store/audit.ts';
import { BY, type Command, oneOf, RefusedError, showProgress, UsageError } from './command.ts';

const FILTER = {
  action: { type: 'string' },
  account: { type: 'string' },
  actor: { type: 'string' },
  origin: { type: 'string' },
  result: { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
} as const;
const FILTER_USAGE =
  '[--action <action or beginning.>] [--account <e-mail>] [--actor <actor>] [--origin <address>] [--result success|refused|failure] [--from <date>] [--until <date>]';

type FilterValues = { readonly [Name in keyof typeof FILTER]?: string | undefined };

export function dateFrom(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new UsageError(`--${name} is a date, like 2026-01-31 or 2026-01-31T12:00Z.`);
  return date;
}

async function filterFrom(d: Parameters<Command['run']>[0], values: FilterValues): Promise<AuditFilter> {
  const account = values.account === undefined ? undefined : await d.accounts.byEmail(values.account);
  if (values.account !== undefined && !account) throw new UsageError(`There is no account ${values.account}.`);
  const { action } = values;
  return {
    ...(action?.endsWith('.') ? { actionPrefix: action } : { action }),
    accountId: account?.id,
    actor: values.actor,
    origin: values.origin,
    result: values.result && oneOf('result', values.result, ['success', 'refused', 'failure'] as const),
    from: dateFrom('from', values.from),
    until: dateFrom('until', values.until),
  } as AuditFilter;
}

export const auditCommands: readonly Command[] = [
  {
    words: 'audit list',
    usage: `audit list ${FILTER_USAGE} [--limit <number>]`,
    help: 'Shows what happened, newest first.',
    examples: ['audit list --account someone@example.org', 'audit list --action authenticator. --from 2026-01-01'],
    async run(d, args) {
      const options = { ...FILTER, limit: { type: 'string', default: '50' } } as const;
      const { values } = parseArgs({ args, options });
      const limit = Number(values.limit);
      if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) throw new UsageError('--limit is from 1 to 10000.');
      const events = await d.auditStore.search(await filterFrom(d, values), limit);
      const lines = events
        .map(({ at, result, action, object, actor, origin }) =>
          [at.toISOString(), result, action, object, `by ${actor}`, `from ${origin}`].join('  '),
        )
        .join('\n');
      return { text: lines || 'Nothing matches.', data: events };
    },
  },
  {
    words: 'audit verify',
    usage: 'audit verify [--anchor <file>]',
    help: 'Goes through the whole audit log and finds every event that was changed, deleted, inserted or reordered. With --anchor it is held against checkpoints that were kept elsewhere, one on each line (the server writes them to DATA_DIR/audit-checkpoints.jsonl and to its log). Exit code 1 where something is wrong.',
    examples: ['audit verify', 'audit verify --anchor /mnt/worm/audit-checkpoints.jsonl'],
    async run(d, args) {
      const { values } = parseArgs({ args, options: { anchor: { type: 'string' } } });
      const anchors = values.anchor === undefined ? [] : anchorsIn(values.anchor);
      await d.linkAudit();
      const progress = showProgress('Checked');
      const found = await d.auditIntegrity.verify(anchors, progress.at);
      progress.done();
      if (!found.isIntact) process.exitCode = 1;
      const range = `${found.checked} events (${found.from} to ${found.to}), ${found.checkpoints + anchors.length} checkpoints`;
      if (found.isIntact) return { text: `The audit log is intact: ${range}.`, data: found };
      const lines = found.problems.map(
        ({ kind, position, eventId, detail }) =>
          `  ${kind.padEnd(10)} ${[position && `place ${position}`, eventId && `event ${eventId}`].filter(Boolean).join(', ')}: ${detail}`,
      );
      const more = found.problemCount - found.problems.length;
      const text = [
        `The audit log was TAMPERED WITH: ${found.problemCount} findings in ${range}.`,
        ...lines,
        ...(more > 0 ? [`  and ${more} more`] : []),
      ].join('\n');
      return { text, data: found };
    },
  },
  {
    words: 'audit checkpoint',
    usage: 'audit checkpoint',
    help: 'Signs where the audit log stands now, and prints it: keep it where nobody of this server can reach it.',
    async run(d) {
      await d.linkAudit();
      await d.auditIntegrity.checkpoint();
      return (await d.auditChain.lastCheckpoint())?.jws ?? 'There is nothing in the audit log yet.';
    },
  },
  {
    words: 'audit export',
    usage: `audit export [--format ${EXPORT_FORMATS.join('|')}] [--out <file>] ${FILTER_USAGE}`,
    help: 'Writes events, oldest first, to a file or to the output: JSON Lines with a signed checkpoint at the end, or CEF for a log server.',
    examples: ['audit export --out audit.jsonl', 'audit export --format cef --from 2026-01-01 | logger --stdin'],
    async run(d, args) {
      const options = { ...FILTER, format: { type: 'string', default: 'jsonl' }, out: { type: 'string' } } as const;
      const { values } = parseArgs({ args, options });
      const format = oneOf('format', values.format, EXPORT_FORMATS);
      const filter = await filterFrom(d, values);
      const target = values.out === undefined ? process.stdout : createWriteStream(values.out, { mode: 0o600 });
      let count = 0;
      for await (const line of d.auditExport.lines(format, filter, BY)) {
        count += 1;
        if (!target.write(`${line}\n`)) await once(target, 'drain');
      }
      if (values.out === undefined) return '';
      target.end();
      await once(target, 'close');
      return `Wrote ${count} lines to ${values.out}.`;
    },
  },
  {
    words: 'audit truncate',
    usage: 'audit truncate --before <date> --yes',
    help: 'Removes events at the end of their retention (AUDIT_RETENTION_DAYS), after verifying the whole log; what is left can still be verified. Export first.',
    examples: ['audit truncate --before 2025-01-01 --yes'],
    async run(d, args) {
      const { values } = parseArgs({ args, options: { before: { type: 'string' }, yes: { type: 'boolean' } } });
      const before = dateFrom('before', values.before);
      if (!before) throw new UsageError('Give --before <date>.');
      if (!values.yes)
        throw new UsageError(`This removes every event before ${before.toISOString()} for good. Add --yes to do it.`);
      await d.linkAudit();
      const progress = showProgress('Removed');
      const done = await d.auditRetention.truncate(before, BY, (removed) => progress.at(removed));
      progress.done();
      if (!done.ok) throw new RefusedError(WHY_NOT[done.refusal.code] ?? done.refusal.code);
      return `Removed ${done.value.removed} events. The audit log is intact from there on.`;
    },
  },
];

const WHY_NOT: Readonly<Record<string, string>> = {
  retention_too_short: 'Events younger than AUDIT_RETENTION_DAYS are kept.',
  nothing_to_remove: 'There is nothing that old.',
  log_not_intact: 'The audit log was tampered with (audit verify): nothing is removed.',
};

function anchorsIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (line.startsWith('{') ? (JSON.parse(line) as { jws: string }).jws : line.trim()));
  } catch (error) {
    throw new UsageError(`The checkpoints in ${file} cannot be read: ${(error as Error).message}`);
  }
}
