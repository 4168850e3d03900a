import type { Locale } from '../core/locales.ts';
import type { Result } from '../core/refusals.ts';
import { accept, refuse } from '../core/refusals.ts';
import type { Role } from '../core/roles.ts';
import { UUID } from '../core/uuid.ts';
import { type Condition, type Database, isUniqueViolation, whereStatement } from './database.ts';
import type { Account as AccountRow } from './generated/client.ts';

export type { Locale, Role };
export type AccountStatus = 'active' | 'suspended' | 'revoked';
/** Who decides about name, address and status. */
export type AccountSource = 'local' | 'scim' | 'ldap';

/** The record of a person. `email` is in lower case. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly notifyEmail: string | null;
  readonly locale: Locale | null;
  readonly role: Role | null;
  readonly status: AccountStatus;
  readonly source: AccountSource;
  /** The directory's own id of the person. */
  readonly externalId: string | null;
  readonly pushFrozenAt: Date | null;
  /** Was reset by the helpdesk: what is enrolled next takes a temporary pass. */
  readonly passRequiredAt: Date | null;
  readonly groups: readonly string[];
  /** The last sign-in with two factors. */
  readonly lastStrongAt: Date | null;
  /** Since when, and how often, setting up a second factor was put off. */
  readonly graceSince: Date | null;
  readonly graceSignIns: number;
  /** Grows with each change. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewAccount {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly notifyEmail?: string | null;
  readonly locale?: Locale | null;
  readonly role?: Role | null;
  readonly groups?: readonly string[];
  readonly source?: AccountSource;
  readonly externalId?: string | null;
}

export type AccountChanges = Partial<
  Pick<
    Account,
    'email' | 'displayName' | 'notifyEmail' | 'locale' | 'role' | 'status' | 'groups' | 'source' | 'externalId'
  >
>;

/** What to look for; what is left out matches everybody. */
export interface AccountFilter {
  /** The beginnings of words of name or address, all of them. */
  readonly words?: string | undefined;
  readonly status?: AccountStatus | undefined;
  readonly isRevoked?: boolean | undefined;
  readonly role?: Role | 'any' | 'none' | undefined;
  readonly group?: string | undefined;
  readonly source?: AccountSource | undefined;
  /** Whether there is a second factor that can be used. */
  readonly isCovered?: boolean | undefined;
  readonly email?: string | undefined;
  readonly externalId?: string | undefined;
}

export interface Accounts {
  /** Refusal: `account_exists`. */
  add(account: NewAccount, now: Date): Promise<Result<Account>>;
  byEmail(email: string): Promise<Account | undefined>;
  byId(id: string): Promise<Account | undefined>;
  byIds(ids: readonly string[]): Promise<Account[]>;
  byEmails(emails: readonly string[]): Promise<Account[]>;
  list(): Promise<Account[]>;
  /** In the order of their addresses, after this one; or after so many of them. */
  search(filter: AccountFilter, limit: number, start?: { after?: string; offset?: number }): Promise<Account[]>;
  count(filter: AccountFilter): Promise<number>;
  /** Those who look after this installation and may sign in. */
  withRole(roles: readonly Role[]): Promise<Account[]>;
  countWithRole(role: Role): Promise<number>;
  /**
   * Changes what is mentioned, in one transaction; `version` where it must not have changed since it was read.
   * Refusals: `account_unknown`, `version_changed`, `account_exists` (the address is taken), `last_owner`.
   */
  change(id: string, changes: AccountChanges, now: Date, version?: number): Promise<Result<Account>>;
  setLocale(id: string, locale: Locale, now: Date): Promise<void>;
  /**
   * Counts one more sign-in without a second factor, after `seen`; the first one starts the time.
   * @returns false where another was counted meanwhile
   */
  postponed(id: string, seen: number, now: Date): Promise<boolean>;
  setPushFrozen(id: string, at: Date | null, now: Date): Promise<void>;
  /** Groups that anybody is in. */
  groups(): Promise<string[]>;
}

/** Whether the account of this name in a statement has a second factor that can be used. */
export const isCovered = (account: string): string =>
  `EXISTS (SELECT 1 FROM authenticator x WHERE x.account_id = ${account}.id AND x.state = 'active'
  AND x.kind IN ('push', 'store_app', 'totp', 'webauthn'))`;

export function createAccounts(db: Database): Accounts {
  const { sql } = db;
  const byId: Accounts['byId'] = async (id) =>
    UUID.test(id)
      ? (await db.query<Account>(`SELECT ${ACCOUNT_COLUMNS} FROM account WHERE id = $1`, [id]))[0]
      : undefined;
  const count: Accounts['count'] = async (filter) => {
    const [row] = await db.query<{ count: number }>(
      ...whereStatement('SELECT count(*)::int AS count FROM account', conditionsOf(filter), ''),
    );
    return row!.count;
  };
  return {
    async add(account, now) {
      try {
        const { account: table } = await db.prisma();
        const row = await table.create({
          data: {
            id: account.id,
            email: account.email,
            displayName: account.displayName,
            notifyEmail: account.notifyEmail ?? null,
            locale: account.locale ?? null,
            role: account.role ?? null,
            groups: [...(account.groups ?? [])],
            source: account.source ?? 'local',
            externalId: account.externalId ?? null,
            createdAt: now,
            updatedAt: now,
          },
        });
        return accept(toAccount(row));
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('account_exists');
        throw error;
      }
    },
    async byEmail(email) {
      return (
        await db.query<Account>(`SELECT ${ACCOUNT_COLUMNS} FROM account WHERE email = $1`, [email.toLowerCase()])
      )[0];
    },
    byId,
    async byIds(ids) {
      return db.query<Account>(`SELECT ${ACCOUNT_COLUMNS} FROM account WHERE id = ANY($1::uuid[])`, [
        ids.filter((id) => UUID.test(id)),
      ]);
    },
    async byEmails(emails) {
      return db.query<Account>(`SELECT ${ACCOUNT_COLUMNS} FROM account WHERE email = ANY($1::text[])`, [emails]);
    },
    async list() {
      const { account } = await db.prisma();
      return (await account.findMany({ orderBy: { email: 'asc' } })).map(toAccount);
    },
    search: (filter, limit, { after, offset = 0 } = {}) =>
      db.query<Account>(
        ...whereStatement(
          `SELECT ${ACCOUNT_COLUMNS} FROM account`,
          [...conditionsOf(filter), ['email > ?', after]],
          `ORDER BY email LIMIT ${Number(limit)} OFFSET ${Number(offset)}`,
        ),
      ),
    count,
    withRole: (roles) =>
      db.query<Account>(
        `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE role = ANY($1::text[]) AND status = 'active' ORDER BY email`,
        [roles],
      ),
    countWithRole: (role) => count({ role, status: 'active' }),
    async change(id, changes, now, version) {
      try {
        return await db.transaction(async (tx) => {
          // In one order, so that two owners who take each other's role at once do not both succeed.
          const owners = await tx<{ id: string }>`SELECT id FROM account
            WHERE role = 'owner' AND status = 'active' ORDER BY id FOR UPDATE`;
          const [row] = await tx<AccountRow>`SELECT * FROM account WHERE id = ${id} FOR UPDATE`;
          if (!row) return refuse('account_unknown');
          if (version !== undefined && row.version !== version) return refuse('version_changed');
          const next = { ...toAccount(row), ...changes };
          const staysOwner = next.role === 'owner' && next.status === 'active';
          if (!staysOwner && owners.length === 1 && owners[0]!.id === id) return refuse('last_owner');
          const [changed] =
            await tx<AccountRow>`UPDATE account SET email = ${next.email}, display_name = ${next.displayName},
              notify_email = ${next.notifyEmail}, locale = ${next.locale}, role = ${next.role}, status = ${next.status},
              groups = ${next.groups}, source = ${next.source}, external_id = ${next.externalId}, updated_at = ${now}
            WHERE id = ${id} RETURNING *`;
          return accept(toAccount(changed!));
        });
      } catch (error) {
        if (isUniqueViolation(error)) return refuse('account_exists');
        throw error;
      }
    },
    async setLocale(id, locale, now) {
      await sql`UPDATE account SET locale = ${locale}, updated_at = ${now} WHERE id = ${id}`;
    },
    async postponed(id, seen, now) {
      const rows =
        await sql`UPDATE account SET grace_sign_ins = grace_sign_ins + 1, grace_since = coalesce(grace_since, ${now})
        WHERE id = ${id} AND grace_sign_ins = ${seen} RETURNING id`;
      return rows.length === 1;
    },
    async setPushFrozen(id, at, now) {
      await sql`UPDATE account SET push_frozen_at = ${at}, updated_at = ${now} WHERE id = ${id}`;
    },
    async groups() {
      const rows = await sql<{ name: string }>`SELECT DISTINCT unnest(groups) AS name FROM account ORDER BY name`;
      return rows.map(({ name }) => name);
    },
  };
}

export const ACCOUNT_COLUMNS = `id, email, display_name, notify_email, locale, role, status, source, external_id, push_frozen_at,
  pass_required_at, groups, last_strong_at, grace_since, grace_sign_ins, version, created_at, updated_at`;

function conditionsOf(f: AccountFilter): Condition[] {
  const covered: Condition[] = f.isCovered === undefined ? [] : [[`${isCovered('account')} = ?`, f.isCovered]];
  const role: Condition[] =
    f.role === undefined
      ? []
      : f.role === 'any' || f.role === 'none'
        ? [['(role IS NOT NULL) = ?', f.role === 'any']]
        : [['role = ?', f.role]];
  return [
    [`search @@ to_tsquery('simple', ?)`, wordsToQuery(f.words)],
    ['status = ?', f.status],
    [`(status = 'revoked') = ?`, f.isRevoked],
    ['groups @> ARRAY[?]::text[]', f.group],
    ['source = ?', f.source],
    ['email = ?', f.email?.toLowerCase()],
    ['external_id = ?', f.externalId],
    ...role,
    ...covered,
  ];
}

/** Each word as the beginning of one; nothing of what the search has a meaning of its own for. */
function wordsToQuery(words: string | undefined): string | undefined {
  const found = words?.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return found.length > 0 ? found.map((word) => `${word}:*`).join(' & ') : undefined;
}

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    displayName: row.displayName,
    notifyEmail: row.notifyEmail,
    locale: row.locale,
    role: row.role as Role | null,
    status: row.status as AccountStatus,
    source: row.source as AccountSource,
    externalId: row.externalId,
    pushFrozenAt: row.pushFrozenAt,
    passRequiredAt: row.passRequiredAt,
    groups: row.groups,
    lastStrongAt: row.lastStrongAt,
    graceSince: row.graceSince,
    graceSignIns: row.graceSignIns,
    version: row.version,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
