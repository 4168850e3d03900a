import { parseArgs } from 'node:util';
import { CASE_CAUSES } from '../core/support-causes.ts';
import type { Dependencies } from '../dependencies.ts';
import type { CaseOutcome } from '../flow/support.ts';
import type { CaseKind } from '../store/support-cases.ts';
import { accountOf, BY, type Command, oneEmail, oneOf, refused, UsageError } from './command.ts';

const OPTIONS = {
  reason: { type: 'string' },
  cause: { type: 'string', default: 'other' },
  identity: { type: 'string' },
  yes: { type: 'boolean' },
} as const;

async function openCase(
  d: Dependencies,
  kind: CaseKind,
  email: string,
  values: { reason?: string | undefined; cause: string; identity?: string | undefined },
): Promise<CaseOutcome> {
  const { id: accountId } = await accountOf(d, email);
  const cause = oneOf('cause', values.cause, CASE_CAUSES);
  const verification = values.identity === undefined ? {} : { identity: values.identity };
  const opened = await d.support.open({ accountId, kind, cause, reason: values.reason ?? '', verification }, BY);
  if (!opened.ok) throw refused(opened.refusal.code);
  return opened.value;
}

const passLine = ({ pass }: CaseOutcome, email: string): string =>
  `Temporary pass for ${email}, shown this once: ${pass!.code}\nIt works once, until ${pass!.expiresAt.toISOString()}. Make sure that you speak to the person themselves.`;

/** What the helpdesk does, for whoever has the machine. */
export const supportCommands: readonly Command[] = [
  {
    words: 'account reset',
    usage: `account reset <e-mail> --reason <words> [--cause ${CASE_CAUSES.join('|')}] [--identity <how you made sure>] --yes`,
    help: 'Revokes all phones, code apps, keys and recovery codes of a person, lifts a freeze and ends their sessions. Prints a temporary pass, with which they enrol anew. They are told by mail, and can undo it for 24 hours unless something was stolen.',
    examples: ['account reset someone@example.org --cause lost --reason "phone in the canal" --yes'],
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
      const email = oneEmail(positionals);
      if (!values.yes)
        throw new UsageError(
          `This revokes every phone, code app, key and recovery code of ${email}. Add --yes to do it.`,
        );
      const done = await openCase(d, 'reset', email, values);
      return { text: `${email} can enrol anew.\n${passLine(done, email)}`, data: done };
    },
  },
  {
    words: 'account pass',
    usage: `account pass <e-mail> --reason <words> [--identity <how you made sure>]`,
    help: 'Makes a temporary pass: with it and their password a person sets up a first or another way to sign in. One hour, once.',
    examples: ['account pass someone@example.org --reason "first day" --identity "saw the passport"'],
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
      const email = oneEmail(positionals);
      const done = await openCase(d, 'temporary_pass', email, values);
      return { text: passLine(done, email), data: done };
    },
  },
  {
    words: 'account verify-caller',
    usage: 'account verify-caller <e-mail>',
    help: 'Makes sure of whom you have on the telephone: read the number out, and the caller types it on their phone.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const account = await accountOf(d, oneEmail(positionals));
      const started = await d.callerCheck.start(account.id, BY);
      if (!started.ok) throw refused(started.refusal.code);
      const { challengeId, number } = started.value;
      process.stdout.write(`Read this number out to the caller: ${number}\nWaiting for their phone…\n`);
      for (;;) {
        const state = await d.callerCheck.look(challengeId, BY);
        if (state !== 'waiting') {
          if (state !== 'verified') process.exitCode = 1;
          return OUTCOMES[state];
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    },
  },
];

/** How a caller check ends. */
const OUTCOMES = {
  verified: 'Verified: the phone of this account approved, with the number that you read out.',
  denied: 'Denied on the phone. Do not help this caller.',
  reported: '“This was not me”, says the phone. Somebody pretends to be this person: do not help this caller.',
  wrong_number: 'The wrong number was typed three times. Do not help this caller.',
  expired: 'Nobody answered within two minutes. Try again, or verify the caller in another way.',
} as const;
