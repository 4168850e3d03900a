import type { BindDirectoryPassword } from '../authenticators/password/bind.ts';
import type { BindTemporaryPass } from '../authenticators/temporary-pass/bind.ts';
import { addSeconds, type Clock } from '../core/clock.ts';
import { type Random, token256 } from '../core/random.ts';
import { accept, type RefusalCode, type Result, refuse } from '../core/refusals.ts';
import type { CaseCause } from '../core/support-causes.ts';
import { cut } from '../core/text.ts';
import { type SupportRules, supportRulesOf } from '../policy/document.ts';
import { whyNotOn, whyNotSecond } from '../policy/permissions.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { Authenticators } from '../store/authenticators.ts';
import type { CaseKind, CaseState, CaseVerification, SupportCase, SupportCases } from '../store/support-cases.ts';
import type { Throttle } from '../store/throttle.ts';
import type { Access } from './access.ts';
import { type Administrator, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';
import type { CallerCheck } from './caller-check.ts';
import type { EndEverything } from './end-everything.ts';
import { guessesAt } from './guessing.ts';
import { RECOVERY_WAYS, STRONG_WAYS } from './next-step.ts';
import type { Notify } from './notices.ts';

export interface CaseToOpen {
  /** Names the attempt: sent twice, it is done once. A UUID. */
  readonly id?: string | undefined;
  readonly accountId: string;
  readonly kind: CaseKind;
  readonly cause: CaseCause;
  /** Why, for whoever reads it later. */
  readonly reason: string;
  readonly verification: CaseVerification;
}

/** Shown this once: with it and the password a person sets up a first or another way to sign in, and nothing else. */
export interface IssuedPass {
  readonly code: string;
  readonly expiresAt: Date;
}

/** `pass` where it was done at once; without it, a second person must agree first. */
export interface CaseOutcome {
  readonly case: SupportCase;
  readonly pass: IssuedPass | undefined;
}

/** What somebody must do before they may help a person. */
export interface CaseNeeds {
  readonly verify: SupportRules['verify'];
  /** A second person must agree, whatever is verified. */
  readonly needsSecondPerson: boolean;
}

/**
 * Resets and temporary passes, made safe: the caller is verified, a second person agrees where the policy says so, the
 * owner is told everywhere and can undo it, and what is enrolled next takes a temporary pass.
 */
export interface Support {
  needs(account: Account, by: Administrator): Promise<CaseNeeds>;
  /**
   * Refusals: `account_unknown`, `own_account`, `role_too_high`, `reason_missing`, `verification_missing`,
   * `verification_invalid` (a caller check that was not approved, was used, or is too old), `case_open`,
   * `case_repeated`.
   */
  open(request: CaseToOpen, by: Administrator): Promise<Result<CaseOutcome>>;
  /**
   * The second person agrees, and it is done. Refusals: `case_closed`, `second_person_same`, `second_person_machine`,
   * `second_person_keeper`, `own_account`, `role_too_high`.
   */
  approve(caseId: string, by: Administrator): Promise<Result<CaseOutcome>>;
  /** Refusals: `case_closed`, `own_account`, `role_too_high`. */
  cancel(caseId: string, by: Administrator): Promise<Result<SupportCase>>;
  find(caseId: string): Promise<SupportCase | undefined>;
  search(
    filter: { accountId?: string | undefined; state?: CaseState | undefined },
    limit: number,
    before?: string,
  ): Promise<SupportCase[]>;
}

export interface SupportNeeds {
  accounts: Accounts;
  supportCases: SupportCases;
  throttle: Throttle;
  access: Access;
  bindTemporaryPass: BindTemporaryPass;
  authenticators: Authenticators;
  bindDirectoryPassword: BindDirectoryPassword;
  callerCheck: CallerCheck;
  endEverything: EndEverything;
  audit: Audit;
  notify: Notify;
  clock: Clock;
  random: Random;
  publicUrl: string;
}

/** How long the owner can undo a reset, and how long a case waits for a second person. */
export const UNDO_SECONDS = 86_400;
const WAITING_SECONDS = 86_400;
const SHORTEST_WORDS = 5;
const LONGEST_WORDS = 1000;

export function createSupport(n: SupportNeeds): Support {
  const needs: Support['needs'] = async (account, { authority }) => {
    const rules = supportRulesOf((await n.access.policy()).policy);
    // A program acts for the helpdesk.
    const acting = authority.kind === 'person' ? authority.role : 'helpdesk';
    const isAlways =
      rules.secondPersonFor.includes(acting) || (account.role !== null && rules.secondPersonOn.includes(account.role));
    return { verify: rules.verify, needsSecondPerson: authority.kind !== 'operator' && isAlways };
  };

  const eventOf = (c: Pick<SupportCase, 'kind' | 'accountId'>, by: Administrator) => ({
    object: `account:${c.accountId}`,
    accountId: c.accountId,
    ...doneBy(by),
  });

  const issuePass = async (account: Account, c: SupportCase, by: Administrator): Promise<IssuedPass> => {
    const pass = await n.bindTemporaryPass(account.id, n.clock.now());
    // "This was not me" refused it; whoever helps knows whom they have before them.
    if (account.source === 'ldap' && !(await n.authenticators.passwordOf(account.id)))
      await n.bindDirectoryPassword(account.id, n.clock.now());
    await n.throttle.forgive(`temporary_pass:${account.id}`);
    await n.audit({
      ...eventOf(c, by),
      action: 'temporary_pass.issued',
      result: 'success',
      detail: { expiresAt: pass.expiresAt, case: c.id },
    });
    n.notify(account, { kind: 'temporary_pass_issued' });
    return pass;
  };

  /** Does what was asked, now that nothing stands in its way. */
  const perform = async (c: SupportCase, account: Account, by: Administrator): Promise<CaseOutcome> => {
    if (c.kind === 'reset') {
      const now = n.clock.now();
      // Whoever has the stolen phone may have the mailbox on it: nothing is given back to them.
      const undo =
        c.cause === 'stolen' ? undefined : { code: token256(n.random), until: addSeconds(now, UNDO_SECONDS) };
      const revoked = await n.supportCases.reset(c, [...STRONG_WAYS, ...RECOVERY_WAYS], undo, now);
      const sessionsEnded = await n.endEverything(account.id);
      await n.throttle.forgive(...guessesAt(account.id));
      await n.audit({
        ...eventOf(c, by),
        action: 'account.reset',
        result: 'success',
        detail: {
          case: c.id,
          cause: c.cause,
          reason: c.reason,
          verification: c.verification,
          requestedBy: c.requestedBy,
          revoked,
          sessionsEnded,
        },
      });
      n.notify(
        account,
        undo
          ? { kind: 'account_reset', undoUrl: `${n.publicUrl}/undo?code=${undo.code}` }
          : { kind: 'account_reset_stolen' },
      );
    }
    const pass = await issuePass(account, c, by);
    return { case: (await n.supportCases.byId(c.id)) ?? c, pass };
  };

  /** Whoever it is about, where this administrator may act on them. */
  const target = async (accountId: string, by: Administrator): Promise<Result<Account>> => {
    const account = await n.accounts.byId(accountId);
    if (account?.status !== 'active') return refuse('account_unknown');
    const why = whyNotOn(by.authority, account);
    return why ? refuse(why) : accept(account);
  };

  const waitingSince = (now: Date): Date => addSeconds(now, -WAITING_SECONDS);

  /** A case that waits, whoever it is about, and whether this administrator may decide it. */
  const waiting = async (caseId: string, by: Administrator): Promise<Result<{ c: SupportCase; account: Account }>> => {
    const c = await n.supportCases.byId(caseId);
    if (c?.state !== 'waiting' || c.requestedAt <= waitingSince(n.clock.now())) return refuse('case_closed');
    const found = await target(c.accountId, by);
    return found.ok ? accept({ c, account: found.value }) : found;
  };

  return {
    needs,

    async open(request, by) {
      const refused = async (code: RefusalCode): Promise<Result<never>> => {
        await n.audit({
          ...eventOf(request, by),
          action: request.kind === 'reset' ? 'account.reset' : 'temporary_pass.issued',
          result: 'refused',
          detail: { reason: code, cause: request.cause },
        });
        return refuse(code);
      };
      const found = await target(request.accountId, by);
      if (!found.ok) {
        const { code } = found.refusal;
        return code === 'account_unknown' ? found : refused(code);
      }
      const account = found.value;
      const reason = cut(request.reason.trim(), LONGEST_WORDS);
      if (reason.length < SHORTEST_WORDS) return refuse('reason_missing');
      const identity = cut(request.verification.identity?.trim() ?? '', LONGEST_WORDS);
      const { challenge } = request.verification;
      if (challenge !== undefined && !(await n.callerCheck.wasVerified(challenge, account.id, by)))
        return refused('verification_invalid');

      const { verify, needsSecondPerson } = await needs(account, by);
      const isVerified =
        by.authority.kind === 'operator' ||
        (verify.includes('push') && challenge !== undefined) ||
        (verify.includes('identity') && identity.length >= SHORTEST_WORDS);
      if (!isVerified && !verify.includes('second_person')) return refused('verification_missing');
      const mustWait = needsSecondPerson || !isVerified;

      const c: SupportCase = {
        id: request.id ?? n.random.uuid(),
        accountId: account.id,
        kind: request.kind,
        cause: request.cause,
        reason,
        verification: {
          ...(challenge === undefined ? {} : { challenge }),
          ...(identity ? { identity } : {}),
        },
        requestedBy: by.actor,
        requestedAt: n.clock.now(),
        state: mustWait ? 'waiting' : 'done',
        decidedBy: null,
        decidedAt: null,
        undoUntil: null,
        undoneAt: null,
      };
      const added = await n.supportCases.add(c, waitingSince(c.requestedAt));
      if (!added.ok) return added;
      if (!mustWait) return accept(await perform(c, account, by));
      await n.audit({
        ...eventOf(c, by),
        action: 'case.opened',
        result: 'success',
        detail: { case: c.id, kind: c.kind, cause: c.cause, reason, verification: c.verification },
      });
      return accept({ case: c, pass: undefined });
    },

    async approve(caseId, by) {
      const found = await waiting(caseId, by);
      if (!found.ok) return found;
      const { c, account } = found.value;
      const why = whyNotSecond(by, c.requestedBy);
      if (why) return refuse(why);
      const now = n.clock.now();
      const decided = await n.supportCases.decide(caseId, 'done', by.actor, now, waitingSince(now));
      if (!decided) return refuse('case_closed');
      await n.audit({ ...eventOf(c, by), action: 'case.approved', result: 'success', detail: { case: c.id } });
      return accept(await perform(decided, account, by));
    },

    async cancel(caseId, by) {
      const found = await waiting(caseId, by);
      if (!found.ok) return found;
      const { c } = found.value;
      const now = n.clock.now();
      const decided = await n.supportCases.decide(caseId, 'cancelled', by.actor, now, waitingSince(now));
      if (!decided) return refuse('case_closed');
      await n.audit({ ...eventOf(c, by), action: 'case.cancelled', result: 'success', detail: { case: c.id } });
      return accept(decided);
    },

    find: (caseId) => n.supportCases.byId(caseId),
    search: (filter, limit, before) => n.supportCases.search(filter, limit, before),
  };
}
