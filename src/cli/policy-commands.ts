import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { mistakeInEnglish } from '../i18n/mistakes.ts';
import type { Decision } from '../policy/decide.ts';
import { type PolicyDocument, parsePolicy } from '../policy/document.ts';
import { requestedAcr } from '../policy/requirements.ts';
import { BY, type Command, oneEmail, refused, UsageError } from './command.ts';

/** A policy from a file, or from the input where the file is `-`. */
function read(file: string | undefined): unknown {
  if (!file) throw new UsageError('Give a file with the policy as JSON, or - for the input.');
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageError(`The file cannot be read (${(cause as NodeJS.ErrnoException).code}).`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`This is not JSON: ${(cause as Error).message}`);
  }
}

function readPolicy(file: string): PolicyDocument {
  const parsed = parsePolicy(read(file));
  if (!parsed.ok) throw new UsageError(parsed.mistakes.map(mistakeInEnglish).join('\n'));
  return parsed.policy;
}

const HOUR = 3600;
const DAY_MS = 86_400_000;

/** A decision as people say it. */
function inWords(d: Decision): string {
  const { because } = d;
  const why = (aspect: keyof typeof because): string => (because[aspect] ? `   (${because[aspect]})` : '');
  return [
    `access:        ${d.access === 'deny' ? 'denied' : d.access.replace('urn:dubbelslot:acr:', '')}${why('access')}`,
    `sign in again: ${d.reauthenticateAfter === null ? 'as long as the session lasts' : `after ${d.reauthenticateAfter / HOUR} h`}${why('reauthentication')}`,
    `enrolment:     ${d.enrolment === 'pass' ? 'with a temporary pass' : d.enrolment}${why('enrolment')}`,
    `put off:       ${d.mayPostpone ? 'yes, “remind me later”' : 'no'}${why('grace')}`,
    `remember:      ${d.rememberFor === null ? 'no' : `${d.rememberFor / HOUR} h`}${why('memory')}`,
  ].join('\n');
}

export const policyCommands: readonly Command[] = [
  {
    words: 'policy show',
    usage: 'policy show',
    help: 'Prints the policy in force, as JSON.',
    async run(d) {
      const { policy } = await d.policyAdministration.current();
      return { text: JSON.stringify(policy, null, 2), data: policy };
    },
  },
  {
    words: 'policy check',
    usage: 'policy check <file>',
    help: 'Says what is wrong with a policy, if anything, without putting it in force.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const mistakes = await d.policyAdministration.mistakes(read(positionals[0]));
      if (mistakes.length > 0) throw new UsageError(mistakes.map(mistakeInEnglish).join('\n'));
      return 'This policy can be used.';
    },
  },
  {
    words: 'policy set',
    usage: 'policy set <file>',
    help: 'Puts a policy in force. Versions before it are kept: see policy history.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const set = await d.policyAdministration.set(read(positionals[0]), BY);
      if (!set.ok) throw new UsageError(set.mistakes.map(mistakeInEnglish).join('\n'));
      return `The policy is in force (version ${set.version}).`;
    },
  },
  {
    words: 'policy history',
    usage: 'policy history',
    help: 'Lists the last versions of the policy, newest first, as JSON lines.',
    async run(d) {
      const versions = await d.policyAdministration.versions(20);
      const never = 'The policy was never changed: a second factor for everyone, everywhere.';
      return { text: versions.map((version) => JSON.stringify(version)).join('\n') || never, data: versions };
    },
  },
  {
    words: 'policy test',
    usage:
      'policy test <e-mail> --client <id> [--network <address>] [--time <ISO 8601>] [--acr <value>] [--remembered] [--file <file>]',
    help: 'Says what would be asked of a person, and by which rule; with --file by a policy that is not in force.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          client: { type: 'string' },
          network: { type: 'string' },
          time: { type: 'string' },
          acr: { type: 'string' },
          remembered: { type: 'boolean' },
          file: { type: 'string' },
        },
      });
      const account = await d.accounts.byEmail(oneEmail(positionals));
      if (!account) throw refused('account_unknown');
      if (!values.client) throw new UsageError('Say for which web app: --client <id>.');
      if (!(await d.clients.byId(values.client))) throw new UsageError(`There is no web app “${values.client}”.`);
      const at = values.time === undefined ? d.clock.now() : new Date(values.time);
      if (Number.isNaN(at.getTime())) throw new UsageError('The time is written like 2026-11-22T09:00:00Z.');
      const requested = values.acr === undefined ? null : requestedAcr([values.acr]);
      if (values.acr !== undefined && !requested) throw new UsageError('The acr is 1fa, mfa or phr.');
      const answer = await d.policyAdministration.whatIf(
        {
          account,
          clientId: values.client,
          ip: addressOf(values.network ?? '192.0.2.1'),
          at,
          requested,
          isBrowserRemembered: values.remembered ?? false,
        },
        values.file === undefined ? undefined : readPolicy(values.file),
      );
      const reported = inWords(answer.withReportOnly);
      const now = inWords(answer.decision);
      return reported === now ? now : `${now}\n\nWith the rules that only report:\n${reported}`;
    },
  },
  {
    words: 'policy replay',
    usage: 'policy replay [--days <number>] [--file <file>]',
    help: 'Says what the rules that only report, or the policy in a file, would have changed in the sign-ins of the last days (7).',
    async run(d, args) {
      const { values } = parseArgs({
        args,
        options: { days: { type: 'string' }, file: { type: 'string' } },
      });
      const days = Number(values.days ?? 7);
      if (!(days > 0 && days <= 366)) throw new UsageError('The days are a number from 1 to 366.');
      const since = new Date(d.clock.now().getTime() - days * DAY_MS);
      const document = values.file === undefined ? undefined : readPolicy(values.file);
      const { signIns, changes } = await d.policyAdministration.replay(since, document);
      const emails = new Map((await d.accounts.list()).map(({ id, email }) => [id, email]));
      const word = (decision: Decision): string => decision.access.replace('urn:dubbelslot:acr:', '');
      const lines = changes
        .slice(0, 50)
        .map(({ at, accountId, client, ip, was, wouldBe }) =>
          [
            at.toISOString(),
            emails.get(accountId) ?? accountId,
            client,
            ip,
            `${word(was)} -> ${word(wouldBe)}`,
            wouldBe.because.access ?? '',
          ].join('  '),
        );
      const text = [
        `${changes.length} of ${signIns} sign-ins in ${days} days would have gone differently.`,
        ...lines,
        ...(changes.length > 50 ? [`... and ${changes.length - 50} more; see --json.`] : []),
      ].join('\n');
      return { text, data: { signIns, changes } };
    },
  },
];

/** @throws UsageError for what is no IP address */
function addressOf(text: string): string {
  if (isIP(text) === 0) throw new UsageError(`${text} is no IP address. Write 192.0.2.1, for instance.`);
  return text;
}
