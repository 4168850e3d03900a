import type { BindDirectoryPassword } from '../authenticators/password/bind.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { DirectorySyncRun, DirectorySyncs, SyncDue, SyncReport } from '../store/directory-syncs.ts';
import type { Administrator } from './actor.ts';
import type { Audit } from './audit.ts';
import type { Directory, PersonInDirectory } from './directory.ts';
import { decidePerson } from './directory-person.ts';

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
  /** The first of them, by address. */
  readonly who: Readonly<Record<'added' | 'changed' | 'suspended' | 'missing', readonly string[]>>;
}

/** Takes over who there is from a directory that is read: whom it names comes in, whom it no longer names is suspended. */
export interface DirectorySync {
  /**
   * Now. @returns undefined where somebody is at it already
   * @throws Fault `directory_unreachable`
   */
  run(options: SyncOptions, by: Administrator): Promise<SyncOutcome | undefined>;
  /** As a server that starts: its settings may be new. */
  runAtStart(): Promise<void>;
  /** Where the last time is long enough ago, or had a problem a while ago. */
  runIfDue(): Promise<void>;
  last(): Promise<DirectorySyncRun | undefined>;
}

const SOURCE = 'ldap';
/** Longer than reading takes, and than a page of people. */
const LEASE_SECONDS = 300;
const RETRY_SECONDS = 300;
const PAGE = 200;
const MOST_NAMED = 100;
/** Mistakes of ours with single entries that do not stop the rest. */
const MOST_FAULTS = 20;
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
  authenticators: Authenticators;
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

  /** @param goOn whether this is still ours to do */
  const synchronise = async (
    { isDryRun = false, mayBeMany = false, onProgress }: SyncOptions,
    by: Administrator,
    goOn: () => Promise<boolean>,
  ): Promise<SyncOutcome | undefined> => {
    const { people, incomplete } = await n.read();
    if (!isDryRun)
      for (const id of await n.authenticators.lackingDirectoryPassword())
        await n.bindDirectoryPassword(id, n.clock.now());
    const known = await kept();
    const seen = new Set<string>();
    const problems: { email: string; code: string }[] = [];
    const who = { added: [] as string[], changed: [] as string[], suspended: [] as string[], missing: [] as string[] };
    const counts = { added: 0, changed: 0, suspended: 0, missing: 0 };
    const count = (what: keyof typeof counts, email: string): void => {
      counts[what] += 1;
      if (who[what].length < MOST_NAMED) who[what].push(email);
    };
    let refused = 0;
    let faults = 0;
    const refuse = (email: string, code: string): void => {
      refused += 1;
      if (problems.length < MOST_NAMED) problems.push({ email, code });
    };

    const add = async (person: PersonInDirectory): Promise<void> => {
      const result = isDryRun ? undefined : await n.directory.addPerson(person, by);
      if (result && !result.ok) return refuse(person.email, result.refusal.code);
      count('added', person.email);
      if (!result) return;
      seen.add(result.value.id);
      await n.bindDirectoryPassword(result.value.id, n.clock.now());
    };
    const change = async (before: Account, person: PersonInDirectory): Promise<void> => {
      const result = isDryRun ? undefined : await n.directory.changePerson(before.id, person, by);
      if (result && !result.ok) return refuse(before.email, result.refusal.code);
      count(person.isActive ? 'changed' : 'suspended', before.email);
      // From now on the directory knows the password; the one that was kept here is no more.
      if (result && before.source !== SOURCE) await n.bindDirectoryPassword(before.id, n.clock.now());
    };
    const one = async (email: string, work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        faults += 1;
        if (faults > MOST_FAULTS) throw error;
        refuse(email, 'fault');
      }
    };

    for (let at = 0; at < people.length; at += PAGE) {
      if (!(await goOn())) return undefined;
      const page = people.slice(at, at + PAGE);
      const byEmail = new Map(
        (await n.accounts.byEmails(page.map(({ email }) => email.toLowerCase()))).map((each) => [each.email, each]),
      );
      const named = new Set<string>();
      for (const { id, groups, email: written, displayName } of page) {
        const email = written.toLowerCase();
        const own = known.get(id);
        const plan = decidePerson({
          own,
          other: byEmail.get(email),
          isTwice: named.has(email) || (own !== undefined && seen.has(own.id)),
          person: { email, displayName, externalId: id, ...(groups ? { groups } : {}) },
        });
        named.add(email);
        // Whoever is named is there, whatever comes of it.
        if (own) seen.add(own.id);
        if (plan.what === 'refuse') refuse(email, plan.code);
        else if (plan.what === 'add') await one(email, () => add(plan.person));
        else if (plan.what === 'change') await one(email, () => change(plan.before, plan.person));
      }
      onProgress?.(Math.min(at + PAGE, people.length), people.length);
    }

    const active = [...known.values()].filter(({ status }) => status === 'active');
    const gone = active.filter(({ id }) => !seen.has(id));
    // A filter with a mistake in it, or half a directory, must not lock everybody out.
    const isTooMany = !mayBeMany && gone.length > Math.max(FEW, (active.length * n.mostSuspendedPercent) / 100);
    for (const [index, account] of gone.entries()) {
      if (isTooMany) {
        count('missing', account.email);
        continue;
      }
      if (index % PAGE === 0 && !(await goOn())) return undefined;
      const { email, displayName, notifyEmail, externalId } = account;
      await one(email, () => change(account, { email, displayName, notifyEmail, externalId, isActive: false }));
    }
    const report = { found: people.length, ...counts, incomplete, refused, problems };
    return { report, problem: isTooMany ? 'too_many_missing' : null, who };
  };

  const record = async (
    run: number,
    report: SyncReport | null,
    problem: string | null,
    by: Administrator,
  ): Promise<void> => {
    const before = await n.directorySyncs.last(SOURCE);
    await n.directorySyncs.finish(SOURCE, run, report, problem, n.clock.now());
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

  const run = async (options: SyncOptions, by: Administrator, due?: SyncDue): Promise<SyncOutcome | undefined> => {
    if (options.isDryRun) return synchronise(options, by, async () => true);
    const lease = (): Date => addSeconds(n.clock.now(), LEASE_SECONDS);
    const taken = await n.directorySyncs.take(SOURCE, n.clock.now(), lease(), due);
    if (taken === undefined) return undefined;
    try {
      const outcome = await synchronise(options, by, () => n.directorySyncs.renew(SOURCE, taken, lease()));
      if (outcome) await record(taken, outcome.report, outcome.problem, by);
      return outcome;
    } catch (error) {
      const { code } = error as { code?: string };
      await record(taken, null, code === 'directory_unreachable' ? code : 'fault', by);
      throw error;
    }
  };

  return {
    run: (options, by) => run(options, by),
    async runAtStart() {
      await run({}, DIRECTORY);
    },
    async runIfDue() {
      const now = n.clock.now();
      await run({}, DIRECTORY, {
        before: addSeconds(now, -60 * n.everyMinutes),
        retryBefore: addSeconds(now, -RETRY_SECONDS),
      });
    },
    last: () => n.directorySyncs.last(SOURCE),
  };
}
