import type { Refusal, RefusalCode } from '../core/refusals.ts';
import { cut } from '../core/text.ts';
import { whyNotGive } from '../policy/permissions.ts';
import type { Account, AccountChanges, Accounts } from '../store/accounts.ts';
import type { ImportJob, ImportLine, Imports as ImportStore } from '../store/imports.ts';
import type { Administrator } from './actor.ts';
import { type Administration, isEmail, wrongDetails } from './administration.ts';
import { isEntraGuest, withEntraGroup } from './entra-report.ts';
import { type AskedOfImport, askedOf, type ImportColumn, type ImportRecord } from './import-reader.ts';
import { differences, type People, whyNotChange } from './people.ts';

/** How many lines are taken together: what a worker that dies has to do again. */
export const IMPORT_BATCH = 200;
/** Of one batch at the same time: below what the database’s pool holds. */
const AT_ONCE = 4;
/** Of an address in the report: what cannot be one is kept with its line. */
const LONGEST_SHOWN = 254;

/** What comes of some lines; in a dry run, what would. Doing a line again changes nothing more. */
export type DecideLines = (job: ImportJob, batch: readonly ImportRecord[], by: Administrator) => Promise<ImportLine[]>;

type Decision = Pick<ImportLine, 'outcome'> & { readonly code?: RefusalCode; readonly field?: string | undefined };

/** The columns of what flows call otherwise. */
const COLUMN_OF: Readonly<Record<string, ImportColumn>> = { notifyEmail: 'notify_email', displayName: 'name' };

/** What is asked, with the group of somebody who comes from Microsoft Entra beside those that they have. */
function grouped(
  { entraGroup, ...asked }: AskedOfImport,
  groups: readonly string[],
): Omit<AskedOfImport, 'entraGroup'> {
  return entraGroup === undefined ? asked : { ...asked, groups: withEntraGroup(asked.groups ?? groups, entraGroup) };
}

export function createDecideLines(n: {
  accounts: Accounts;
  imports: ImportStore;
  administration: Administration;
  people: People;
}): DecideLines {
  const refused = (code: RefusalCode, field?: string): Decision => ({ outcome: 'refused', code, field });
  const because = ({ code, field }: Refusal): Decision => refused(code, field && (COLUMN_OF[field] ?? field));

  const add = async (asked: AskedOfImport, job: ImportJob, by: Administrator): Promise<Decision> => {
    const { isInvited = job.options.isInviting, status, displayName, ...rest } = grouped(asked, []);
    const [wrong] = wrongDetails(rest);
    if (wrong) return because(wrong);
    const tooHigh = whyNotGive(by.authority, { id: '', role: null }, asked.role ?? null);
    if (tooHigh) return refused(tooHigh, 'role');
    if (job.isDryRun) return { outcome: 'added' };
    // Somebody who may not sign in yet is not invited either.
    const isSilent = !isInvited || status === 'suspended';
    const added = await n.administration.addAccount({ ...rest, displayName: displayName ?? '', isSilent }, by);
    if (!added.ok) return because(added.refusal);
    if (status !== 'suspended') return { outcome: 'added' };
    const suspended = await n.people.change(added.value.id, { status }, by);
    return suspended.ok ? { outcome: 'added' } : because(suspended.refusal);
  };

  const change = async (
    account: Account,
    asked: AskedOfImport,
    job: ImportJob,
    by: Administrator,
  ): Promise<Decision> => {
    // Added by a worker that died before it wrote that down: whoever should have been invited still is.
    const isOfThisRun = !job.isDryRun && job.startedAt !== null && account.createdAt >= job.startedAt;
    const {
      isInvited = isOfThisRun && job.options.isInviting,
      email: _email,
      ...changes
    } = grouped(asked, account.groups);
    const why = whyNotChange(account, changes as AccountChanges, by);
    const isSame = Object.keys(differences(account, changes as AccountChanges)).length === 0;
    if (isSame && (!isInvited || why)) return { outcome: 'unchanged' };
    if (why) return because(why);
    if (job.isDryRun) return { outcome: isSame ? 'unchanged' : 'changed' };
    if (!isSame) {
      const changed = await n.people.change(account.id, changes as AccountChanges, by);
      if (!changed.ok) return because(changed.refusal);
    }
    if (isInvited) {
      const invited = await n.administration.invite(account.email, by);
      // Whoever has a password needs no link.
      if (!invited.ok && invited.refusal.code !== 'password_there') return because(invited.refusal);
    }
    return { outcome: isSame ? 'unchanged' : 'changed' };
  };

  return async (job, batch, by) => {
    const read = batch.map((record) => ({ record, asked: record.values && askedOf(record.values) }));
    const emails = read.flatMap(({ asked }) => (typeof asked === 'object' ? [asked.email] : []));
    const [accounts, before] = await Promise.all([
      n.accounts.byEmails(emails),
      n.imports.addressesBefore(job.id, emails, batch[0]!.line),
    ]);
    const byEmail = new Map(accounts.map((account) => [account.email, account]));
    const taken = new Set(before);
    const decide = async (
      asked: AskedOfImport | ImportColumn | undefined,
      isTwice: boolean,
      isGuest: boolean,
    ): Promise<Decision> => {
      if (asked === undefined) return refused('line_unreadable');
      if (isGuest) return refused('guest_left_out');
      if (typeof asked === 'string') return refused('value_unknown', asked);
      if (!isEmail(asked.email)) return refused('email_invalid', 'email');
      if (isTwice) return refused('email_twice', 'email');
      if (asked.role !== undefined && !job.options.mayGiveRoles) return refused('role_not_allowed', 'role');
      const account = byEmail.get(asked.email);
      return account ? change(account, asked, job, by) : add(asked, job, by);
    };
    const lines: ImportLine[] = [];
    for (let at = 0; at < read.length; at += AT_ONCE) {
      const together = read.slice(at, at + AT_ONCE).map(({ record, asked }) => {
        const email = record.values?.email?.toLowerCase() ?? '';
        const isTwice = email !== '' && taken.has(email);
        taken.add(email);
        return { record, asked, email, isTwice, isGuest: isEntraGuest(record.values?.entra_user_type) };
      });
      const decisions = await Promise.all(
        together.map(({ asked, isTwice, isGuest }) => decide(asked, isTwice, isGuest)),
      );
      for (const [index, { record, email }] of together.entries()) {
        const { outcome, code = null, field = null } = decisions[index]!;
        lines.push({
          line: record.line,
          email: cut(email, LONGEST_SHOWN),
          outcome,
          code,
          field,
          record: outcome === 'refused' ? record.record : null,
        });
      }
    }
    return lines;
  };
}
