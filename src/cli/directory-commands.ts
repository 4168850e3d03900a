import { parseArgs } from 'node:util';
import type { Dependencies } from '../dependencies.ts';
import type { SyncReport } from '../store/directory-syncs.ts';
import {
  accountOf,
  BY,
  type Command,
  inWords,
  oneEmail,
  RefusedError,
  refused,
  showProgress,
  UsageError,
} from './command.ts';

const NONE = 'There is no directory: LDAP_URL is not set.';
const MANY =
  'so many that nobody was suspended: is LDAP_FILTER right, and LDAP_BASE? If they have really left: directory sync --many';

const told = ({ found, added, changed, suspended, missing, incomplete, refused, problems }: SyncReport): string =>
  [
    `${found} found: ${[`${added} added`, `${changed} changed`, `${suspended} suspended`, `${refused} refused`].join(
      ', ',
    )}.`,
    missing > 0 ? `${missing} are not there any more, ${MANY}` : '',
    incomplete > 0 ? `${incomplete} left out, without an id or an address that can be kept.` : '',
    ...problems.map(({ email, code }) => `  ${email}: ${inWords(code)}`),
  ]
    .filter(Boolean)
    .join('\n');

function directoryOf({ directorySync }: Dependencies): NonNullable<Dependencies['directorySync']> {
  if (!directorySync) throw new UsageError(NONE);
  return directorySync;
}

/** The organisation's directory over LDAP: who there is. */
export const directoryCommands: readonly Command[] = [
  {
    words: 'directory sync',
    usage: 'directory sync [--dry-run] [--many]',
    help: 'Reads the directory now: adds whom it names, changes what it says, suspends whom it no longer names. --dry-run says what would happen. --many suspends however many are missing.',
    examples: ['directory sync --dry-run'],
    async run(d, args) {
      const { values } = parseArgs({
        args,
        options: { 'dry-run': { type: 'boolean' }, many: { type: 'boolean' } },
      });
      const progress = showProgress('Read');
      const outcome = await directoryOf(d)
        .run({ isDryRun: values['dry-run'] ?? false, mayBeMany: values.many ?? false, onProgress: progress.at }, BY)
        .finally(progress.done);
      if (!outcome) throw new RefusedError('The directory is being read already. Look with: directory show');
      const { report, problem, who } = outcome;
      const named = Object.entries(who).flatMap(([what, emails]) => emails.map((email) => `  ${what}: ${email}`));
      const text = [told(report), ...named, ...(values['dry-run'] ? ['Nothing was changed.'] : [])].join('\n');
      if (problem !== null) process.exitCode = 1;
      return { text, data: { ...report, problem, who } };
    },
  },
  {
    words: 'directory release',
    usage: 'directory release <e-mail> --yes',
    help: 'Keeps somebody here whom a directory (LDAP or SCIM) keeps: their name, address and status are changed here from now on, and they need a password of ours: account invite. Whom the directory still names and who has no role, it takes over again.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { yes: { type: 'boolean' } },
      });
      const account = await accountOf(d, oneEmail(positionals));
      if (!values.yes) throw new UsageError(`This ends the password of ${account.email}. Add --yes to do it.`);
      const released = await d.people.release(account.id, BY);
      if (!released.ok) throw refused(released.refusal.code);
      return `${account.email} is kept here now.`;
    },
  },
  {
    words: 'directory show',
    usage: 'directory show',
    help: 'Says when the directory was last read, and what came of it.',
    async run(d) {
      const last = await directoryOf(d).last();
      if (!last) return 'The directory was not read yet.';
      const { startedAt, finishedAt, succeededAt, report, problem } = last;
      const lines = [
        finishedAt && finishedAt >= startedAt
          ? `Read ${finishedAt.toISOString()}${problem === null ? '.' : `, with a problem: ${problem}.`}`
          : `Being read since ${startedAt.toISOString()}.`,
        problem === null ? '' : `The last time without: ${succeededAt?.toISOString() ?? 'never'}.`,
        report ? told(report) : '',
      ];
      return { text: lines.filter(Boolean).join('\n'), data: last };
    },
  },
];
