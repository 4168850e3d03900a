import type { BindDirectoryPassword } from '../authenticators/password/bind.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { DirectorySyncRun, DirectorySyncs, SyncReport } from '../store/directory-syncs.ts';
import type { Administrator } from './actor.ts';
import type { Audit } from './audit.ts';
import type { Directory, PersonInDirectory } from './directory.ts';
import { differences } from './people.ts';

/** Everybody whom the directory names now, and how many entries lack an id or an address. */
export type ReadDirectory = () => Promise<{
  readonly people: readonly {
    readonly id: string;
    readonly email: string;
    readonly displayName: string;
    readonly groups: readonly string[] | undefined;
  }[];
  readonly incomplete: number;
}>;

export interface SyncOptions {
  /** Says what would happen, and does nothing. */
  readonly isDryRun?: boolean;
  /** Suspends whoever is missing, however many they are. */
  readonly mayBeMany?: boolean;
  readonly onProgress?: (done: number, of: number) => void;
}

export interface SyncOutcome {
  readonly report: SyncReport;
  readonly problem: 'too_many_missing' | null;
}

/** Takes over who there is from a directory that is read: whom it names comes in, whom it no longer names is suspended. */
export interface DirectorySync {
  /**
   * Now. @returns undefined where somebody is at it already
   * @throws Fault `directory_unreachable`
   */
  run(options: SyncOptions, by: Administrator): Promise<SyncOutcome | undefined>;
  /** The same, where the last time is long enough ago. Failures are noted, not thrown. */
  runIfDue(): Promise<void>;
  last(): Promise<DirectorySyncRun | undefined>;
}

const SOURCE = 'ldap';
const LEASE_SECONDS = 1800;
const PAGE = 1000;
const MOST_PROBLEMS = 100;
/** So few may go at once, whatever share of all they are. */
const FEW = 5;
const DIRECTORY: Administrator = {
  actor: 'directory:ldap',
  origin: 'ldap',
  authority: { kind: 'directory', source: SOURCE },
};

export interface DirectorySyncNeeds {
  read: ReadDirectory;
  directory: Directory;
  directorySyncs: DirectorySyncs;
  accounts: Accounts;
  bindDirectoryPassword: BindDirectoryPassword;
  audit: Audit;
  clock: Clock;
  everyMinutes: number;
  /** How many of those whom the directory keeps it may suspend at once, in hundredths. */
  mostSuspendedPercent: number;
}

export function createDirectorySync(n: DirectorySyncNeeds): DirectorySync {
  /** Whom the directory keeps already, by its own id. */
  const kept = async (): Promise<Map<string, Account>> => {
    const found = new Map<string, Account>();
    let after: string | undefined;
    for (;;) {
      const page = await n.accounts.search({ source: SOURCE }, PAGE, after === undefined ? {} : { after });
      for (const account of page) if (account.externalId !== null) found.set(account.externalId, account);
      if (page.length < PAGE) return found;
      after = page.at(-1)!.email;
    }
  };

  const synchronise = async (
    { isDryRun = false, mayBeMany = false, onProgress }: SyncOptions,
    by: Administrator,
  ): Promise<SyncOutcome> => {
    const { people, incomplete } = await n.read();
    const known = await kept();
    const seen = new Set<string>();
    const problems: { email: string; code: string }[] = [];
    let added = 0;
    let changed = 0;
    let refused = 0;
    const refuse = (email: string, code: string): void => {
      refused += 1;
      if (problems.length < MOST_PROBLEMS) problems.push({ email, code });
    };

    const takeOver = async (before: Account, person: PersonInDirectory): Promise<void> => {
      const { isActive, ...asked } = person;
      const wanted = { ...asked, source: SOURCE, status: isActive ? 'active' : 'suspended' } as const;
      if (Object.keys(differences(before, wanted)).length === 0) return;
      if (isDryRun) {
        changed += 1;
        return;
      }
      const result = await n.directory.changePerson(before.id, person, by);
      if (!result.ok) return refuse(person.email, result.refusal.code);
      changed += 1;
      // From now on the directory knows the password; the one that was kept here is no more.
      if (before.source !== SOURCE) await n.bindDirectoryPassword(before.id, n.clock.now());
    };

    for (let at = 0; at < people.length; at += PAGE) {
      const page = people.slice(at, at + PAGE);
      const byEmail = new Map(
        (await n.accounts.byEmails(page.map(({ email }) => email.toLowerCase()))).map((each) => [each.email, each]),
      );
      for (const { id, groups, ...person } of page) {
        const email = person.email.toLowerCase();
        const before = known.get(id) ?? byEmail.get(email);
        const said = {
          email,
          displayName: person.displayName,
          notifyEmail: before?.notifyEmail ?? null,
          isActive: true,
          externalId: id,
          ...(groups ? { groups } : {}),
        };
        if (before?.status === 'revoked') refuse(email, 'account_revoked');
        else if (before && seen.has(before.id)) refuse(email, 'email_twice');
        else if (before) {
          seen.add(before.id);
          await takeOver(before, said);
        } else if (isDryRun) added += 1;
        else {
          const result = await n.directory.addPerson(said, by);
          if (result.ok) {
            added += 1;
            seen.add(result.value.id);
            byEmail.set(email, result.value);
            await n.bindDirectoryPassword(result.value.id, n.clock.now());
          } else refuse(email, result.refusal.code);
        }
      }
      onProgress?.(Math.min(at + PAGE, people.length), people.length);
    }

    const active = [...known.values()].filter(({ status }) => status === 'active');
    const gone = active.filter(({ id }) => !seen.has(id));
    // A filter with a mistake in it, or half a directory, must not lock everybody out.
    const isTooMany = !mayBeMany && gone.length > Math.max(FEW, (active.length * n.mostSuspendedPercent) / 100);
    let suspended = 0;
    if (!isTooMany)
      for (const account of gone) {
        const { email, displayName, notifyEmail, externalId } = account;
        const person = { email, displayName, notifyEmail, externalId, isActive: false };
        const result = isDryRun ? undefined : await n.directory.changePerson(account.id, person, by);
        if (result && !result.ok) refuse(email, result.refusal.code);
        else suspended += 1;
      }
    const missing = isTooMany ? gone.length : 0;
    const report = { found: people.length, added, changed, suspended, missing, incomplete, refused, problems };
    return { report, problem: isTooMany ? 'too_many_missing' : null };
  };

  const record = async (report: SyncReport | null, problem: string | null, by: Administrator): Promise<void> => {
    const before = await n.directorySyncs.last(SOURCE);
    await n.directorySyncs.finish(SOURCE, report, problem, n.clock.now());
    const { problems: _problems, ...counts } = report ?? { problems: [] };
    const isNews =
      problem !== (before?.problem ?? null) || (report && report.added + report.changed + report.suspended > 0);
    if (!isNews) return;
    await n.audit({
      action: 'directory.synchronised',
      object: `directory:${SOURCE}`,
      result: problem === null ? 'success' : 'failure',
      actor: by.actor,
      origin: by.origin,
      requestId: by.requestId,
      detail: { ...counts, problem },
    });
  };

  const run = async (options: SyncOptions, by: Administrator, dueBefore?: Date): Promise<SyncOutcome | undefined> => {
    if (options.isDryRun) return synchronise(options, by);
    const now = n.clock.now();
    if (!(await n.directorySyncs.take(SOURCE, now, addSeconds(now, LEASE_SECONDS), dueBefore))) return undefined;
    try {
      const outcome = await synchronise(options, by);
      await record(outcome.report, outcome.problem, by);
      return outcome;
    } catch (error) {
      const { code } = error as { code?: string };
      await record(null, code === 'directory_unreachable' ? code : 'fault', by);
      throw error;
    }
  };

  return {
    run: (options, by) => run(options, by),
    async runIfDue() {
      await run({}, DIRECTORY, addSeconds(n.clock.now(), -60 * n.everyMinutes));
    },
    last: () => n.directorySyncs.last(SOURCE),
  };
}
