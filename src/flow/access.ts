import { ACR_MFA, type Acr, satisfies } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import { type Decision, decide, type Facts } from '../policy/decide.ts';
import { DEFAULT_POLICY, type PolicyDocument } from '../policy/document.ts';
import { strongest } from '../policy/requirements.ts';
import type { Account } from '../store/accounts.ts';
import type { Authenticator, Authenticators } from '../store/authenticators.ts';
import type { Clients } from '../store/clients.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import type { Policies } from '../store/policies.ts';
import type { RememberedBrowsers } from '../store/remembered-browsers.ts';
import { hasHadSecondFactor, STRONG_WAYS } from './next-step.ts';

export interface AccessQuestion {
  readonly account: Account;
  readonly clientId: string;
  /** What this request asks at least. */
  readonly requested: Acr | null;
  readonly ip: string;
  /** The cookie of a remembered browser. */
  readonly rememberedToken: string | undefined;
  /** Where they have been read already. */
  readonly authenticators?: readonly Authenticator[] | undefined;
}

/** What the policy says of one sign-in, and on which facts. */
export interface Judgement {
  readonly decision: Decision;
  readonly facts: Facts;
  readonly policyVersion: string;
  /** What it would be if the rules that only report were in force, where that differs. */
  readonly reportOnly: Decision | undefined;
}

/** Gathers the facts of a sign-in and asks the policy. */
export interface Access {
  policy(): Promise<{ policy: PolicyDocument; version: string }>;
  facts(question: AccessQuestion): Promise<Facts>;
  judge(question: AccessQuestion): Promise<Judgement>;
  /** The same for a session that exists: whether a second factor was put off in it, with leave. */
  judgeSession(question: AccessQuestion, signedInAt: number): Promise<Decision & { readonly isPutOff: boolean }>;
}

export interface AccessNeeds {
  authenticators: Authenticators;
  clients: Clients;
  policies: Policies;
  transactions: LoginTransactions;
  rememberedBrowsers: RememberedBrowsers;
  clock: Clock;
  /** Our own pages, and what they ask at least. */
  portal: { readonly clientId: string; readonly requires: Acr };
}

export function createAccess(n: AccessNeeds): Access {
  const policy: Access['policy'] = async () => {
    const stored = await n.policies.current();
    // What is stored was read by `parsePolicy` before it was kept.
    return stored
      ? { policy: stored.document as PolicyDocument, version: stored.version }
      : { policy: DEFAULT_POLICY, version: '0' };
  };

  const facts: Access['facts'] = async ({ account, clientId, requested, ip, rememberedToken, authenticators }) => {
    const now = n.clock.now();
    const mine = authenticators ?? (await n.authenticators.ofAccount(account.id));
    const clientRequires =
      clientId === n.portal.clientId ? n.portal.requires : ((await n.clients.byId(clientId))?.requiredAcr ?? null);
    return {
      client: clientId,
      clientRequires,
      requested,
      groups: account.groups,
      ip,
      accountCreatedAt: account.createdAt,
      has: STRONG_WAYS.filter((way) => mine.some(({ kind, state }) => kind === way && state === 'active')),
      hasHadOne: hasHadSecondFactor({ authenticators: mine, isPushFrozen: account.pushFrozenAt !== null }),
      lastStrongAt: account.lastStrongAt,
      rememberedAt: rememberedToken
        ? ((await n.rememberedBrowsers.rememberedAt(rememberedToken, account.id, now)) ?? null)
        : null,
      graceSince: account.graceSince,
      graceSignIns: account.graceSignIns,
      now,
    };
  };

  const judge: Access['judge'] = async (question) => {
    const [{ policy: document, version }, known] = await Promise.all([policy(), facts(question)]);
    const decision = decide(document, known);
    const reported = decide(document, known, true);
    return {
      decision,
      facts: known,
      policyVersion: version,
      reportOnly: JSON.stringify(reported) === JSON.stringify(decision) ? undefined : reported,
    };
  };

  return {
    policy,
    facts,
    judge,
    async judgeSession(question, signedInAt) {
      const { decision, facts: known } = await judge(question);
      // Only what the policy alone asks could be put off, and only by somebody who has nothing still.
      const isOwed =
        decision.access === ACR_MFA && !known.hasHadOne && !satisfies(floorOf(known) ?? undefined, ACR_MFA);
      const isPutOff = isOwed && (await n.transactions.wasPostponed(question.account.id, signedInAt));
      return { ...decision, isPutOff };
    },
  };
}

/** The floor that a web app and its request set together. */
export const floorOf = ({ clientRequires, requested }: Facts): Acr | null => strongest(clientRequires, requested);
