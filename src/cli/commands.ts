import { parseArgs } from 'node:util';
import { LOCALES } from '../core/locales.ts';
import { ROLES } from '../core/roles.ts';
import type { Dependencies } from '../dependencies.ts';
import { auditCommands } from './audit-commands.ts';
import { backupCommands } from './backup-commands.ts';
import { campaignCommands } from './campaign-commands.ts';
import { clientCommands } from './client-commands.ts';
import { type BareCommand, BY, type Command, oneEmail, refused, UsageError } from './command.ts';
import { directoryCommands } from './directory-commands.ts';
import { doctorCommand } from './doctor.ts';
import { entraCommands } from './entra-commands.ts';
import { importCommands } from './import-commands.ts';
import { keyCommands } from './key-commands.ts';
import { organisationCommands } from './organisation-commands.ts';
import { peopleCommands } from './people-commands.ts';
import { policyCommands } from './policy-commands.ts';
import { askPassword } from './prompt.ts';
import { supportCommands } from './support-commands.ts';
import { watchingCommands } from './watching-commands.ts';

async function newPassword(
  d: Dependencies,
  isMadeUp: boolean | undefined,
): Promise<{ password: string; told: string }> {
  if (!isMadeUp) return { password: await askPassword('Password: '), told: '' };
  const password = d.administration.madeUpPassword();
  return { password, told: `\nPassword, shown this once: ${password}` };
}

export const commands: readonly (Command | BareCommand)[] = [
  ...peopleCommands,
  ...importCommands,
  ...watchingCommands,
  ...campaignCommands,
  ...entraCommands,
  ...directoryCommands,
  ...supportCommands,
  ...policyCommands,
  ...clientCommands,
  ...keyCommands,
  ...organisationCommands,
  ...backupCommands,
  doctorCommand,
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
      const locale = values.language === undefined ? null : LOCALES.find((each) => each === values.language);
      if (locale === undefined) throw new UsageError(`The language is one of ${LOCALES.join(', ')}.`);
      const role = values.role === undefined ? null : ROLES.find((each) => each === values.role);
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
      const { id } = added.value;
      return {
        text: `Added ${added.value.email}.${told}`,
        data: { id, email: added.value.email, password: values.generate ? password : undefined },
      };
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
      return {
        text: `The password of ${email} has been replaced.${told}`,
        data: { email, password: values.generate ? password : undefined },
      };
    },
  },
  {
    words: 'admin invite',
    usage: 'admin invite',
    help: 'Makes a new one-time link for the first administrator, while there is none.',
    async run(d) {
      const code = await d.administration.inviteFirstAdministrator();
      if (!code) throw new UsageError('There is an administrator already.');
      const url = `${d.config.publicUrl}/setup?code=${code}`;
      return { text: `Create the first administrator here (works once, for 24 hours):\n  ${url}`, data: { url } };
    },
  },
];
