import type { Result } from '../core/refusals.ts';
import { accept, refuse } from '../core/refusals.ts';
import { type Database, isUniqueViolation } from './database.ts';
import type { Account as AccountRow } from './generated/client.ts';

export type Locale = 'nl' | 'en';
export type Role = 'owner' | 'administrator' | 'helpdesk' | 'auditor';
export type AccountStatus = 'active' | 'suspended' | 'revoked';

/** The record of a person. `email` is in lower case. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly notifyEmail: string | null;
  readonly locale: Locale | null;
  readonly role: Role | null;
  readonly status: AccountStatus;
  readonly pushFrozenAt: Date | null;
  readonly groups: readonly string[];
  /** The last sign-in with two factors. */
  readonly lastStrongAt: Date | null;
  /** Since when, and how often, setting up a second factor was put off. */
  readonly graceSince: Date | null;
  readonly graceSignIns: number;
  readonly createdAt: Date;
}

export interface NewAccount {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly notifyEmail?: string | null;
  readonly locale?: Locale | null;
  readonly role?: Role | null;
  readonly groups?: readonly string[];
}

export interface Accounts {
  /** Refusal: `account_exists`. */
  add(account: NewAccount, now: Date): Promise<Result<Account>>;
  byEmail(email: string): Promise<Account | undefined>;
  byId(id: string): Promise<Account | undefined>;
  list(): Promise<Account[]>;
  countWithRole(role: Role): Promise<number>;
  setLocale(id: string, locale: Locale, now: Date): Promise<void>;
  setStatus(id: string, status: AccountStatus, now: Date): Promise<void>;
  setGroups(id: string, groups: readonly string[], now: Date): Promise<void>;
  signedInStrongly(id: string, now: Date): Promise<void>;
  /**
   * Counts one more sign-in without a second factor, after `seen`; the first one starts the time.
   * @returns false where another was counted meanwhile
   */
  postponed(id: string, seen: number, now: Date): Promise<boolean>;
  setPushFrozen(id: string, at: Date | null, now: Date): Promise<void>;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function createAccounts({ prisma, sql }: Database): Accounts {
  return {
    async add(account, now) {
      try {
        const row = await prisma.account.create({
          data: {
            id: account.id,
            email: account.email,
            displayName: account.displayName,
            notifyEmail: account.notifyEmail ?? null,
            locale: account.locale ?? null,
            role: account.role ?? null,
            groups: [...(account.groups ?? [])],
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
      return toAccountOrNone(await prisma.account.findUnique({ where: { email: email.toLowerCase() } }));
    },
    async byId(id) {
      return UUID.test(id) ? toAccountOrNone(await prisma.account.findUnique({ where: { id } })) : undefined;
    },
    async list() {
      return (await prisma.account.findMany({ orderBy: { email: 'asc' } })).map(toAccount);
    },
    countWithRole: (role) => prisma.account.count({ where: { role, status: 'active' } }),
    async setLocale(id, locale, now) {
      await prisma.account.update({ where: { id }, data: { locale, updatedAt: now } });
    },
    async setStatus(id, status, now) {
      await prisma.account.update({ where: { id }, data: { status, updatedAt: now } });
    },
    async setGroups(id, groups, now) {
      await prisma.account.update({ where: { id }, data: { groups: [...groups], updatedAt: now } });
    },
    async signedInStrongly(id, now) {
      await sql`UPDATE account SET last_strong_at = ${now} WHERE id = ${id}`;
    },
    async postponed(id, seen, now) {
      const rows =
        await sql`UPDATE account SET grace_sign_ins = grace_sign_ins + 1, grace_since = coalesce(grace_since, ${now})
        WHERE id = ${id} AND grace_sign_ins = ${seen} RETURNING id`;
      return rows.length === 1;
    },
    async setPushFrozen(id, at, now) {
      await prisma.account.update({ where: { id }, data: { pushFrozenAt: at, updatedAt: now } });
    },
  };
}

const toAccountOrNone = (row: AccountRow | null): Account | undefined => (row ? toAccount(row) : undefined);

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    displayName: row.displayName,
    notifyEmail: row.notifyEmail,
    locale: row.locale as Locale | null,
    role: row.role as Role | null,
    status: row.status as AccountStatus,
    pushFrozenAt: row.pushFrozenAt,
    groups: row.groups,
    lastStrongAt: row.lastStrongAt,
    graceSince: row.graceSince,
    graceSignIns: row.graceSignIns,
    createdAt: row.createdAt,
  };
}
