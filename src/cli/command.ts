import type { Logger } from 'pino';
import type { Config } from '../config/load.ts';
import type { RefusalCode } from '../core/refusals.ts';
import { UUID } from '../core/uuid.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Account } from '../store/accounts.ts';

/** A mistake of whoever typed the command: told in one sentence, exit code 2. */
export class UsageError extends Error {}

/** What was asked cannot be: told in its own words, without the usage, exit code 2. */
export class RefusedError extends Error {}

/** What a command says: to people, and with `--json` to programs. Without `data`, programs get the text. */
export type Said = string | { readonly text: string; readonly data: unknown };

export interface Command {
  readonly words: string;
  readonly usage: string;
  readonly help: string;
  readonly examples?: readonly string[];
  /** Every command takes `--json` besides: it is taken off before. @throws UsageError, RefusedError */
  run(d: Dependencies, args: string[]): Promise<Said>;
}

/** One that needs no installation, or makes one. */
export interface BareCommand extends Omit<Command, 'run'> {
  runBare(config: Config, log: Logger, args: string[]): Promise<Said>;
}

/** Whoever has the machine. */
export const BY = { actor: 'cli', origin: 'cli', authority: { kind: 'operator' } } as const;

const REFUSALS: Partial<Record<RefusalCode, string>> = {
  account_exists: 'There is an account with this e-mail address already.',
  password_there: 'This person has a password. They can choose a new one with “forgotten password”.',
  account_revoked: 'This account was ended for good.',
  account_unknown: 'There is no account with this e-mail address.',
  email_invalid: 'This is not an e-mail address.',
  password_weak: 'A password has 8 to 256 characters.',
  password_common: 'This password is used too often. Choose another.',
  password_personal: 'The password may not be made of the person’s own name or address.',
  last_owner: 'This is the last owner: make somebody else an owner first.',
  kept_elsewhere: 'This person is kept by a directory: change it there.',
  kept_here: 'This person is kept here already.',
  not_revoked: 'This account was not ended: account revoke <e-mail> --yes does that.',
  reason_missing: 'Say why, in a few words: --reason "...".',
  case_open: 'A reset or pass for this person is waiting for a second person already.',
  no_authenticator: 'This person has no phone to answer with.',
  push_frozen: 'This person reported an attack: notifications are switched off.',
  push_exhausted: 'This person was asked too often without an answer. Verify them in another way.',
  line_unreadable: 'This line has too many or too few cells, or a quote too many.',
  value_unknown:
    'A cell says something unknown: language (nl, en), role, status (active, suspended) or invite (yes, no).',
  webhook_unknown: 'There is no such webhook.',
  delivery_unknown: 'There is no such delivery that was given up.',
  alert_unknown: 'There is no such alert that is open.',
  address_invalid: 'Give a whole address that begins with https://.',
  event_invalid: 'Give events like account.*, alert.raised or *: --events.',
  name_missing: 'Give a name.',
  dates_invalid: 'The last day comes after the first, is not past, and at most a year later.',
  campaign_unknown: 'There is no such campaign.',
  campaign_there: 'A campaign for this group is not over yet. End it first.',
  group_empty: 'Nobody in this group can sign in. Choose another group.',
  campaign_ended: 'This campaign is over already.',
  guest_left_out: 'A guest of another organisation, who signs in there.',
  email_twice: 'This address stands earlier in the file already.',
  role_too_high: 'You may not do this for somebody with this role.',
  import_closed: 'This import cannot go on any more.',
  import_too_large: 'The file is larger than 100 MB. Cut it into parts.',
  import_not_text: 'The file is not text in UTF-8.',
  import_columns:
    'The first line does not name the columns well. It needs email, and may have name, notify_email, language, groups, role, status and invite.',
  import_column_unknown:
    'The first line may have the columns email, name, notify_email, language, groups, role, status and invite.',
  group_invalid: 'The name of a group has at most 200 characters and no bar |.',
  wait: 'This person was asked very recently. Wait a moment.',
};

/** A refusal as a sentence. */
export const inWords = (code: string): string => REFUSALS[code as RefusalCode] ?? `Refused: ${code}.`;

export const refused = (code: RefusalCode): UsageError => new UsageError(inWords(code));

export function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (!found) throw new UsageError(`The ${what} is one of: ${known.join(', ')}.`);
  return found;
}

/** How far long work is, and how long it will take, on one line of a terminal; elsewhere nothing. */
export function showProgress(verb: string): { at(done: number, of?: number): void; done(): void } {
  const { stderr } = process;
  const began = performance.now();
  let shown = 0;
  return {
    at(done, of) {
      const now = performance.now();
      if (!stderr.isTTY || now - shown < 200) return;
      shown = now;
      const seconds = of && done > 0 ? Math.ceil(((now - began) / 1000) * (of / done - 1)) : undefined;
      const share = of ? ` of ${of} (${Math.floor((100 * done) / of)} %)` : '';
      stderr.write(`\r\u001b[K${verb} ${done}${share}${seconds === undefined ? '' : `, ${seconds} s left`}`);
    },
    done() {
      if (shown > 0) stderr.write('\r\u001b[K');
    },
  };
}

export const counted = (count: number, what: string): string =>
  count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`;

/** @throws UsageError where there is nobody with this address */
export async function accountOf(d: Dependencies, email: string): Promise<Account> {
  const account = await d.accounts.byEmail(email.trim());
  if (!account) throw refused('account_unknown');
  return account;
}

export function oneEmail(positionals: readonly string[]): string {
  const [email, ...rest] = positionals;
  if (!email || rest.length > 0) throw new UsageError('Give one e-mail address.');
  return email;
}

export function oneId(positionals: readonly string[], of: string): string {
  const [id = '', ...rest] = positionals;
  if (!UUID.test(id) || rest.length > 0) throw new UsageError(`Give the id of one ${of}.`);
  return id;
}
