import { parseArgs } from 'node:util';
import type { Dependencies } from '../dependencies.ts';
import { STRONG_WAYS } from '../flow/next-step.ts';
import { auditCommands } from './audit-commands.ts';
import { clientCommands } from './client-commands.ts';
import { BY, type Command, counted, oneEmail, refused, UsageError } from './command.ts';
import { keyCommands } from './key-commands.ts';
import { policyCommands } from './policy-commands.ts';
import { askPassword } from './prompt.ts';

async function newPassword(
  d: Dependencies,
  isMadeUp: boolean | undefined,
): Promise<{ password: string; told: string }> {
  if (!isMadeUp) return { password: await askPassword('Password: '), told: '' };
  const password = d.administration.madeUpPassword();
  return { password, told: `\nPassword, shown this once: ${password}` };
}

export const commands: readonly Command[] = [
  ...policyCommands,
  ...clientCommands,
  ...keyCommands,
  ...auditCommands,
  {
    words: 'account add',
    usage:
      'account add <e-mail> [--name <name>] [--language nl|en] [--notify <e-mail>] [--role owner|administrator|helpdesk|auditor] [--generate | --invite]',
    help: 'Adds a person. The password is asked for, made up and shown once with --generate, or chosen by the person through a link in a mail with --invite.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          name: { type: 'string' },
          language: { type: 'string' },
          notify: { type: 'string' },
          role: { type: 'string' },
          generate: { type: 'boolean' },
          invite: { type: 'boolean' },
        },
      });
      const email = oneEmail(positionals);
      const locale =
        values.language === undefined ? null : (['nl', 'en'] as const).find((each) => each === values.language);
      if (locale === undefined) throw new UsageError('The language is nl or en.');
      const role =
        values.role === undefined
          ? null
          : (['owner', 'administrator', 'helpdesk', 'auditor'] as const).find((each) => each === values.role);
      if (role === undefined) throw new UsageError('The role is owner, administrator, helpdesk or auditor.');
      if (values.generate && values.invite) throw new UsageError('Use --generate or --invite, not both.');
      const { password, told } = values.invite
        ? { password: undefined, told: '\nAn invitation is on its way by mail.' }
        : await newPassword(d, values.generate);
      const added = await d.administration.addAccount(
        { email, displayName: values.name ?? '', password, locale, role, notifyEmail: values.notify ?? null },
        BY,
      );
      if (!added.ok) throw refused(added.refusal.code);
      return `Added ${added.value.email}.${told}`;
    },
  },
  {
    words: 'account invite',
    usage: 'account invite <e-mail>',
    help: 'Mails a new link to choose a password, to somebody who has none. It works for seven days.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const email = oneEmail(positionals);
      const invited = await d.administration.invite(email, BY);
      if (!invited.ok) throw refused(invited.refusal.code);
      return `An invitation to ${email} is on its way by mail.`;
    },
  },
  {
    words: 'account list',
    usage: 'account list [--json]',
    help: 'Lists people and whether a second factor protects them.',
    async run(d, args) {
      const { values } = parseArgs({ args, options: { json: { type: 'boolean' } } });
      const rows = await Promise.all(
        (await d.accounts.list()).map(async ({ id, email, displayName, role, status, pushFrozenAt }) => {
          const active = (await d.authenticators.ofAccount(id)).filter(
            (a) => STRONG_WAYS.some((way) => way === a.kind) && a.state === 'active' && a.parentId === null,
          );
          const count = (kind: string) => active.filter((a) => a.kind === kind).length;
          return {
            email,
            name: displayName,
            role,
            status,
            phones: count('push'),
            storeApps: count('store_app'),
            codeApps: count('totp'),
            keys: count('webauthn'),
            isPushFrozen: pushFrozenAt !== null,
          };
        }),
      );
      if (values.json) return JSON.stringify(rows, null, 2);
      if (rows.length === 0) return 'There are no accounts yet. Add one: account add <e-mail>';
      return rows
        .map((r) =>
          [
            r.email,
            r.status,
            [
              counted(r.phones, 'phone'),
              counted(r.storeApps, 'store app'),
              counted(r.codeApps, 'code app'),
              counted(r.keys, 'key'),
            ]
              .filter(Boolean)
              .join(', ') || 'no second factor',
            r.role ?? '',
            r.isPushFrozen ? 'push frozen' : '',
          ]
            .filter(Boolean)
            .join('  '),
        )
        .join('\n');
    },
  },
  {
    words: 'account groups',
    usage: 'account groups <e-mail> [--set <group>,<group>...]',
    help: 'Shows or replaces the groups of a person, which the policy can ask about.',
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { set: { type: 'string' } } });
      const email = oneEmail(positionals);
      if (values.set !== undefined) {
        const groups = values.set
          .split(',')
          .map((group) => group.trim())
          .filter(Boolean);
        const set = await d.policyAdministration.setGroups(email, [...new Set(groups)], BY);
        if (!set.ok) throw refused(set.refusal.code);
      }
      const account = await d.accounts.byEmail(email);
      if (!account) throw refused('account_unknown');
      return account.groups.length > 0 ? account.groups.join('\n') : `${email} is in no group.`;
    },
  },
  {
    words: 'account password',
    usage: 'account password <e-mail> [--generate]',
    help: 'Gives a person a new password and ends their sessions.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { generate: { type: 'boolean' } },
      });
      const email = oneEmail(positionals);
      const { password, told } = await newPassword(d, values.generate);
      const set = await d.administration.setPassword(email, password, BY);
      if (!set.ok) throw refused(set.refusal.code);
      return `The password of ${email} has been replaced.${told}`;
    },
  },
  {
    words: 'account reset',
    usage: 'account reset <e-mail> --yes',
    help: 'Revokes all phones, code apps, keys and recovery codes of a person, lifts a freeze and ends their sessions. They enrol anew at the next sign-in.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: { yes: { type: 'boolean' } },
      });
      const email = oneEmail(positionals);
      if (!values.yes)
        throw new UsageError(
          `This revokes every phone, code app, key and recovery code of ${email}. Add --yes to do it.`,
        );
      const reset = await d.administration.reset(email, BY);
      if (!reset.ok) throw refused(reset.refusal.code);
      return `${email} can enrol anew. Revoked: ${reset.value}.`;
    },
  },
  {
    words: 'account pass',
    usage: 'account pass <e-mail>',
    help: 'Makes a temporary pass: with it and their password a person sets up a first or another way to sign in. One hour, once.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const email = oneEmail(positionals);
      const issued = await d.administration.issueTemporaryPass(email, BY);
      if (!issued.ok) throw refused(issued.refusal.code);
      const { code, expiresAt } = issued.value;
      return `Temporary pass for ${email}, shown this once: ${code}\nIt works once, until ${expiresAt.toISOString()}. Make sure that you speak to the person themselves.`;
    },
  },
  {
    words: 'account verify-caller',
    usage: 'account verify-caller <e-mail>',
    help: 'Makes sure of whom you have on the telephone: read the number out, and the caller types it on their phone.',
    async run(d, args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      const started = await d.callerCheck.start(positionals[0] ?? '', BY);
      if (!started.ok) throw refused(started.refusal.code);
      const { challengeId, number } = started.value;
      process.stdout.write(`Read this number out to the caller: ${number}\nWaiting for their phone…\n`);
      for (;;) {
        const state = await d.callerCheck.look(challengeId, BY);
        if (state !== 'waiting') return OUTCOMES[state];
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    },
  },
  {
    words: 'admin invite',
    usage: 'admin invite',
    help: 'Makes a new one-time link for the first administrator, while there is none.',
    async run(d) {
      const code = await d.administration.inviteFirstAdministrator();
      if (!code) throw new UsageError('There is an administrator already.');
      return `Create the first administrator here (works once, for 24 hours):\n  ${d.config.publicUrl}/setup?code=${code}`;
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
