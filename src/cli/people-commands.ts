import { parseArgs } from 'node:util';
import { LOCALES } from '../core/locales.ts';
import { ROLES } from '../core/roles.ts';
import type { Dependencies } from '../dependencies.ts';
import { STRONG_WAYS } from '../flow/next-step.ts';
import type { Account, AccountChanges, AccountFilter } from '../store/accounts.ts';
import { accountOf, BY, type Command, counted, oneEmail, oneOf, refused, UsageError } from './command.ts';

const PAGE = 500;

async function rowOf(d: Dependencies, { id, email, displayName, role, status, source, groups, pushFrozenAt }: Account) {
  const active = (await d.authenticators.ofAccount(id)).filter(
    (a) => STRONG_WAYS.some((way) => way === a.kind) && a.state === 'active' && a.parentId === null,
  );
  const count = (kind: string) => active.filter((a) => a.kind === kind).length;
  return {
    email,
    name: displayName,
    role,
    status,
    source,
    groups,
    phones: count('push'),
    storeApps: count('store_app'),
    codeApps: count('totp'),
    keys: count('webauthn'),
    isPushFrozen: pushFrozenAt !== null,
  };
}

const lineOf = (r: Awaited<ReturnType<typeof rowOf>>): string =>
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
    .join('  ');

async function change(d: Dependencies, email: string, changes: AccountChanges): Promise<Account> {
  const account = await accountOf(d, email);
  const changed = await d.people.change(account.id, changes, BY);
  if (!changed.ok) throw refused(changed.refusal.code);
  return changed.value;
}

/** An act on one person, confirmed by `--yes` where it takes something away. */
const acting = (
  verb: 'suspend' | 'resume' | 'revoke' | 'erase',
  warning: string | undefined,
  help: string,
  act: (d: Dependencies, email: string) => Promise<string>,
): Command => ({
  words: `account ${verb}`,
  usage: `account ${verb} <e-mail>${warning ? ' --yes' : ''}`,
  help,
  async run(d, args) {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { yes: { type: 'boolean' } } });
    const email = oneEmail(positionals);
    if (warning && !values.yes) throw new UsageError(`${warning} Add --yes to do it.`);
    return act(d, email);
  },
});

const switching =
  (status: Account['status']) =>
  async (d: Dependencies, email: string): Promise<string> => {
    await change(d, email, { status });
    return `${email} is ${status}.`;
  };

export const peopleCommands: readonly Command[] = [
  {
    words: 'account list',
    usage: `account list [<words>] [--status active|suspended|revoked] [--role ${ROLES.join('|')}] [--group <group>] [--uncovered]`,
    help: 'Lists people and whether a second factor protects them; by the beginnings of words of their names or addresses.',
    examples: ['account list jan', 'account list --uncovered --group finance'],
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          status: { type: 'string' },
          role: { type: 'string' },
          group: { type: 'string' },
          uncovered: { type: 'boolean' },
        },
      });
      const filter: AccountFilter = {
        words: positionals.join(' ') || undefined,
        status: values.status && oneOf('status', values.status, ['active', 'suspended', 'revoked'] as const),
        role: values.role && oneOf('role', values.role, ROLES),
        group: values.group,
        isCovered: values.uncovered ? false : undefined,
      } as AccountFilter;
      const rows: Awaited<ReturnType<typeof rowOf>>[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await d.people.search(filter, PAGE, after === undefined ? {} : { after });
        rows.push(...(await Promise.all(page.map((account) => rowOf(d, account)))));
        if (page.length < PAGE) break;
        after = page.at(-1)!.email;
      }
      const isAsked = Object.values(filter).some((value) => value !== undefined);
      const none = isAsked ? 'Nobody matches.' : 'There are no accounts yet. Add one: account add <e-mail>';
      return { text: rows.map(lineOf).join('\n') || none, data: rows };
    },
  },
  {
    words: 'account show',
    usage: 'account show <e-mail>',
    help: 'Shows a person as JSON: authenticators, recovery codes that are left, sessions.',
    async run(d, args) {
      const { id } = await accountOf(d, oneEmail(parseArgs({ args, allowPositionals: true, options: {} }).positionals));
      const view = (await d.people.look(id))!;
      const authenticators = view.authenticators.map(
        ({ id: authenticatorId, kind, label, state, createdAt, lastUsedAt }) => ({
          id: authenticatorId,
          kind,
          label,
          state,
          createdAt,
          lastUsedAt,
        }),
      );
      const data = { ...view, authenticators };
      return { text: JSON.stringify(data, null, 2), data };
    },
  },
  {
    words: 'account change',
    usage: 'account change <e-mail> [--name <name>] [--new-email <e-mail>] [--notify <e-mail>] [--language nl|en]',
    help: 'Changes what is mentioned and nothing else.',
    async run(d, args) {
      const { values, positionals } = parseArgs({
        args,
        allowPositionals: true,
        options: {
          name: { type: 'string' },
          'new-email': { type: 'string' },
          notify: { type: 'string' },
          language: { type: 'string' },
        },
      });
      const email = oneEmail(positionals);
      const changes = Object.fromEntries(
        Object.entries({
          displayName: values.name,
          email: values['new-email'],
          notifyEmail: values.notify === '' ? null : values.notify,
          locale: values.language && oneOf('language', values.language, LOCALES),
        }).filter(([, value]) => value !== undefined),
      );
      if (Object.keys(changes).length === 0) throw new UsageError('Say what to change.');
      return `Changed ${(await change(d, email, changes)).email}.`;
    },
  },
  {
    words: 'account role',
    usage: `account role <e-mail> ${[...ROLES, 'none'].join('|')}`,
    help: 'Gives somebody a role, or takes it. There is always at least one owner. Also the way back in when no owner can sign in: give the role to somebody who can, on this machine; it is in the audit log, and every administrator is told.',
    async run(d, args) {
      const [email = '', role = '', ...rest] = parseArgs({ args, allowPositionals: true, options: {} }).positionals;
      if (!role || rest.length > 0) throw new UsageError('Give one e-mail address and one role.');
      const asked = oneOf('role', role, [...ROLES, 'none'] as const);
      await change(d, email, { role: asked === 'none' ? null : asked });
      return asked === 'none' ? `${email} has no role.` : `${email} is ${asked}.`;
    },
  },
  {
    words: 'account groups',
    usage: 'account groups <e-mail> [--set <group>,<group>...]',
    help: 'Shows or replaces the groups of a person, which the policy can ask about.',
    async run(d, args) {
      const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { set: { type: 'string' } } });
      const email = oneEmail(positionals);
      const asked = values.set
        ?.split(',')
        .map((group) => group.trim())
        .filter(Boolean);
      const { groups } = asked ? await change(d, email, { groups: [...new Set(asked)] }) : await accountOf(d, email);
      return groups.length > 0 ? groups.join('\n') : `${email} is in no group.`;
    },
  },
  acting(
    'suspend',
    'This ends everything that the person has open, at once.',
    'For now: the person cannot sign in, and every session and token ends at once. Nothing is lost.',
    switching('suspended'),
  ),
  acting('resume', undefined, 'Lets a suspended person in again.', switching('active')),
  acting(
    'revoke',
    'This is for good: the account can never be used again.',
    'For good: for somebody who has left. Everything that they signed in with is revoked.',
    switching('revoked'),
  ),
  acting(
    'erase',
    'This is for good: nothing brings it back.',
    'Erases what is kept of somebody whose account was ended, for good; the audit log keeps its events. By the clock: ERASE_AFTER_DAYS.',
    async (d, typed) => {
      const { id, email } = await accountOf(d, typed);
      const erased = await d.erasure.erase(id, BY);
      if (!erased.ok) throw refused(erased.refusal.code);
      return `Everything of ${email} is erased.`;
    },
  ),
  {
    words: 'account sign-out',
    usage: 'account sign-out <e-mail>',
    help: 'Ends every session of a person, with their tokens, and tells their web apps.',
    async run(d, args) {
      const { id, email } = await accountOf(
        d,
        oneEmail(parseArgs({ args, allowPositionals: true, options: {} }).positionals),
      );
      const ended = await d.people.endSessions(id, BY);
      if (!ended.ok) throw refused(ended.refusal.code);
      return `${email}: ${counted(ended.value, 'session') || 'no session'} ended.`;
    },
  },
];
