import { ACR_PASSWORD, type Acr, satisfies } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import { type Mistake, mistake } from '../core/mistakes.ts';
import { type Decision, decide, type Facts } from '../policy/decide.ts';
import { type PolicyDocument, parsePolicy } from '../policy/document.ts';
import type { Account, Accounts } from '../store/accounts.ts';
import type { AuditStore } from '../store/audit.ts';
import type { Clients } from '../store/clients.ts';
import type { Policies, StoredPolicy } from '../store/policies.ts';
import type { Access } from './access.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';

/** A sign-in that did not happen, to ask about. */
export interface WhatIf {
  readonly account: Account;
  readonly clientId: string;
  readonly ip: string;
  /** Now, where it does not say. */
  readonly at?: Date | undefined;
  readonly requested: Acr | null;
  readonly isBrowserRemembered: boolean;
}

export interface Answer {
  readonly decision: Decision;
  /** With the rules that only report in force. */
  readonly withReportOnly: Decision;
  readonly facts: Facts;
}

/** A real sign-in that would have gone differently. */
export interface Change {
  readonly at: Date;
  readonly accountId: string;
  readonly client: string;
  readonly ip: string;
  readonly was: Decision;
  readonly wouldBe: Decision;
}

export interface Replay {
  readonly signIns: number;
  readonly changes: readonly Change[];
}

export interface PolicyAdministration {
  current(): Promise<{ policy: PolicyDocument; version: string }>;
  versions(limit: number): Promise<StoredPolicy[]>;
  /**
   * Why a policy cannot be used: malformed, contradictory, about web apps that do not
   * exist, or locking out every administrator. Empty when it can.
   */
  mistakes(document: unknown): Promise<readonly Mistake[]>;
  /**
   * Puts a policy in force. @returns its version, or the mistakes; none where `expected` is not in force any more
   */
  set(
    document: unknown,
    by: Actor,
    expected?: string,
  ): Promise<{ ok: true; version: string } | { ok: false; mistakes: readonly Mistake[] }>;
  /** Reads a policy, without looking whether it can be put in force. */
  read(document: unknown): ReturnType<typeof parsePolicy>;
  /** What a policy would ask, and why; without a document the one in force. */
  whatIf(question: WhatIf, document?: PolicyDocument): Promise<Answer>;
  /** What a policy, or the rules of the present one that only report, would have changed in real sign-ins. */
  replay(since: Date, document?: PolicyDocument): Promise<Replay>;
}

export interface PolicyAdministrationNeeds {
  access: Access;
  accounts: Accounts;
  auditStore: AuditStore;
  clients: Clients;
  policies: Policies;
  audit: Audit;
  clock: Clock;
  /** Our own pages, where administrators must be able to go. */
  portalClientId: string;
}

const MOST_REPLAYED = 100_000;

export function createPolicyAdministration(n: PolicyAdministrationNeeds): PolicyAdministration {
  const whatIf: PolicyAdministration['whatIf'] = async (question, document) => {
    const policy = document ?? (await n.access.policy()).policy;
    const { account, clientId, requested, ip, at = n.clock.now() } = question;
    const facts: Facts = {
      ...(await n.access.facts({ account, clientId, requested, ip, rememberedToken: undefined })),
      rememberedAt: question.isBrowserRemembered ? at : null,
      now: at,
    };
    return { decision: decide(policy, facts), withReportOnly: decide(policy, facts, true), facts };
  };

  const mistakes: PolicyAdministration['mistakes'] = async (document) => {
    const parsed = parsePolicy(document);
    if (!parsed.ok) return parsed.mistakes;
    const { policy } = parsed;
    const known = new Set([n.portalClientId, ...(await n.clients.list()).map(({ id }) => id)]);
    const unknown = policy.rules.flatMap(({ name: rule, when }) =>
      (when.clients ?? []).filter((id) => !known.has(id)).map((id) => mistake('rule_client_unknown', { rule, id })),
    );
    if (unknown.length > 0) return unknown;
    const lockedOut = await whoIsLockedOut(policy);
    return lockedOut ? [lockedOut] : [];
  };

  /** Some administrator must be able to reach our own pages, from an address that is used or that the policy names. */
  const whoIsLockedOut = async (policy: PolicyDocument): Promise<Mistake | undefined> => {
    const administrators = await n.accounts.withRole(['owner', 'administrator']);
    if (administrators.length === 0) return undefined;
    let reason = '';
    for (const account of administrators) {
      const seen = await n.auditStore.list({ action: 'sign_in.completed', accountId: account.id, limit: 20 });
      const named = policy.rules.flatMap(({ when }) => [...(when.networks ?? []), ...(when.notNetworks ?? [])]);
      const addresses = new Set([
        ...seen.map(({ origin }) => origin),
        ...named.map((network) => network.replace(/\/.*$/, '')),
        '192.0.2.1',
      ]);
      for (const ip of addresses) {
        const { decision, facts } = await whatIf(
          {
            account,
            clientId: n.portalClientId,
            ip,
            at: n.clock.now(),
            requested: null,
            isBrowserRemembered: false,
          },
          policy,
        );
        if (canReach(decision, facts)) return undefined;
        reason = decision.access === 'deny' ? (decision.because.access ?? '') : (decision.because.enrolment ?? '');
      }
    }
    return mistake('locks_out', { count: administrators.length, rule: reason });
  };

  return {
    current: n.access.policy,
    versions: (limit) => n.policies.list(limit),
    mistakes,
    read: parsePolicy,
    whatIf,

    async set(document, by, expected) {
      const found = await mistakes(document);
      const event = { action: 'policy.changed' as const, object: 'policy', ...doneBy(by) };
      if (found.length > 0) {
        await n.audit({ ...event, result: 'refused', detail: { mistakes: found } });
        return { ok: false, mistakes: found };
      }
      const parsed = parsePolicy(document);
      if (!parsed.ok) return parsed;
      const version = await n.policies.add(parsed.policy, by.actor, n.clock.now(), expected);
      if (version === undefined) return { ok: false, mistakes: [] };
      await n.audit({ ...event, result: 'success', detail: { version, document: parsed.policy } });
      return { ok: true, version };
    },

    async replay(since, document) {
      const policy = document ?? (await n.access.policy()).policy;
      const events = await n.auditStore.since('sign_in.completed', since, MOST_REPLAYED);
      const changes: Change[] = [];
      let signIns = 0;
      for (const { at, accountId, detail, origin } of events) {
        const { facts: kept, decided } = (detail ?? {}) as { facts?: Facts; decided?: Decision };
        if (!kept || !decided) continue;
        signIns += 1;
        const facts = withDates(kept);
        const wouldBe = decide(policy, facts, document === undefined);
        // Another policy is held against what happened; rules that only report against the policy that they are in.
        const was = document ? decided : decide(policy, facts);
        if (differs(was, wouldBe))
          changes.push({ at, accountId: accountId ?? '', client: facts.client, ip: origin, was, wouldBe });
      }
      return { signIns, changes };
    },
  };
}

/** Whether somebody gets in: they have what is asked, or may set it up. */
function canReach({ access, enrolment }: Decision, { has }: Facts): boolean {
  if (access === 'deny') return false;
  const hasSecond = has.length > 0;
  if (!hasSecond && enrolment === 'deny') return satisfies(ACR_PASSWORD, access);
  return true;
}

/** What matters to a person: what is asked of them, not the words of the reason. */
const differs = (a: Decision, b: Decision): boolean => {
  const asked = ({ because, ...rest }: Decision): string =>
    JSON.stringify([rest.access, rest.reauthenticateAfter, rest.enrolment, rest.mayPostpone, rest.rememberFor]);
  return asked(a) !== asked(b);
};

/** Facts come back from the log as JSON. */
const withDates = (facts: Facts): Facts => ({
  ...facts,
  accountCreatedAt: new Date(facts.accountCreatedAt),
  lastStrongAt: facts.lastStrongAt && new Date(facts.lastStrongAt),
  graceSince: facts.graceSince && new Date(facts.graceSince),
  rememberedAt: facts.rememberedAt && new Date(facts.rememberedAt),
  now: new Date(facts.now),
});
