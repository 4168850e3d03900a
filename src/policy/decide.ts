import {
  ACR_MFA,
  ACR_PASSWORD,
  ACR_PHISHING_RESISTANT,
  type Acr,
  acrNamed,
  rankOf,
  satisfies,
} from '../core/assurance.ts';
import { type Aspect, aspectsOf, type PolicyDocument, type PolicyRule } from './document.ts';
import { isInNetwork } from './networks.ts';
import { strongest } from './requirements.ts';

/** Everything that a policy looks at. Dates are kept as they are, so that a sign-in can be judged again later. */
export interface Facts {
  readonly client: string;
  /** What the web app's own registration asks at least; null: nothing. */
  readonly clientRequires: Acr | null;
  /** What this request asks at least. */
  readonly requested: Acr | null;
  readonly groups: readonly string[];
  readonly ip: string;
  readonly accountCreatedAt: Date;
  /** Kinds of second factors that can be used. */
  readonly has: readonly string[];
  /** Has a second factor, or had one that was lost, removed or disabled. */
  readonly hasHadOne: boolean;
  readonly lastStrongAt: Date | null;
  /** When this browser was remembered for this person. */
  readonly rememberedAt: Date | null;
  readonly graceSince: Date | null;
  readonly graceSignIns: number;
  readonly now: Date;
}

export interface Decision {
  /** What this sign-in must reach, or that it may not be. */
  readonly access: Acr | 'deny';
  /** Older sign-ins count no longer. Seconds. */
  readonly reauthenticateAfter: number | null;
  readonly enrolment: 'allow' | 'deny' | 'pass';
  /** Setting up a second factor may be put off, this time. */
  readonly mayPostpone: boolean;
  /** For how long this browser may be remembered. Seconds. */
  readonly rememberFor: number | null;
  /** Why, for each aspect that was decided: the rule's name, or the default, in words. */
  readonly because: Readonly<Partial<Record<Aspect, string>>>;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

/**
 * Pure: the same policy and the same facts always give the same decision. The first rule that holds and says something
 * about an aspect settles it. What a web app or its request asks is never lowered by a rule.
 * @param includeReportOnly as if rules that only report were in force
 */
export function decide(policy: PolicyDocument, facts: Facts, includeReportOnly = false): Decision {
  const holding = policy.rules.filter((rule) => (includeReportOnly || !rule.reportOnly) && holds(rule.when, facts));
  const ruleFor = (aspect: Aspect): PolicyRule | undefined => holding.find((rule) => aspectsOf(rule).includes(aspect));
  const because: Partial<Record<Aspect, string>> = {};
  const settledBy = (aspect: Aspect): PolicyRule['outcome'] => {
    const rule = ruleFor(aspect);
    if (rule) because[aspect] = rule.name;
    return rule?.outcome ?? {};
  };

  const memory = settledBy('memory').rememberBrowserHours;
  const rememberFor = memory === undefined ? null : memory * HOUR;
  const hours = settledBy('reauthentication').reauthenticateAfterHours;
  const enrolment = settledBy('enrolment').enrolment ?? 'allow';
  const asked = settledBy('access');
  if (asked.deny) {
    return {
      access: 'deny',
      reauthenticateAfter: hours === undefined ? null : hours * HOUR,
      enrolment,
      mayPostpone: false,
      rememberFor: null,
      because,
    };
  }

  const floor = strongest(facts.clientRequires, facts.requested);
  let byPolicy: Acr = asked.require
    ? acrNamed(asked.require)!
    : asked.allow
      ? ACR_PASSWORD
      : (facts.clientRequires ?? ACR_MFA);
  because.access ??= facts.clientRequires ? 'the web app’s registration' : 'the default: a second factor, always';
  // For as long as this rule says, whatever another one said when it was remembered.
  const isRemembered =
    rememberFor !== null &&
    facts.rememberedAt !== null &&
    facts.now.getTime() - facts.rememberedAt.getTime() <= rememberFor * 1000;
  if (isRemembered && byPolicy === ACR_MFA) {
    byPolicy = ACR_PASSWORD;
    because.access = `${because.memory}: this browser is remembered`;
  }
  const access = strongest(byPolicy, floor) ?? ACR_MFA;
  if (floor && rankOf(floor) > rankOf(byPolicy))
    because.access = facts.requested === floor ? 'the request of the web app' : 'the web app’s registration';

  const grace = settledBy('grace').grace;
  // Only what the policy alone asks can be put off, by somebody who has nothing yet.
  const isOwed = access === ACR_MFA && !satisfies(floor ?? undefined, ACR_MFA) && !facts.hasHadOne;
  return {
    access,
    reauthenticateAfter: hours === undefined ? null : hours * HOUR,
    enrolment,
    mayPostpone: isOwed && grace !== undefined && isGraceLeft(grace, facts),
    rememberFor: access === ACR_PHISHING_RESISTANT ? null : rememberFor,
    because,
  };
}

function isGraceLeft(grace: { days: number } | { signIns: number }, { graceSince, graceSignIns, now }: Facts): boolean {
  if ('signIns' in grace) return graceSignIns < grace.signIns;
  return graceSince === null || now.getTime() - graceSince.getTime() < grace.days * DAY * 1000;
}

function holds(when: PolicyRule['when'], facts: Facts): boolean {
  const hasKind = (kind: string): boolean => (kind === 'any' ? facts.has.length > 0 : facts.has.includes(kind));
  const seconds = (since: Date): number => (facts.now.getTime() - since.getTime()) / 1000;
  const checks: readonly boolean[] = [
    when.clients?.includes(facts.client) ?? true,
    when.groups?.some((group) => facts.groups.includes(group)) ?? true,
    when.networks?.some((network) => isInNetwork(facts.ip, network)) ?? true,
    !when.notNetworks?.some((network) => isInNetwork(facts.ip, network)),
    within(seconds(facts.accountCreatedAt) / DAY, when.accountAgeDays),
    when.has?.every(hasKind) ?? true,
    !when.lacks?.some(hasKind),
    within(
      facts.lastStrongAt ? seconds(facts.lastStrongAt) / HOUR : Number.POSITIVE_INFINITY,
      when.hoursSinceStrongSignIn,
    ),
    when.rememberedBrowser === undefined || when.rememberedBrowser === (facts.rememberedAt !== null),
  ];
  return checks.every(Boolean);
}

const within = (value: number, range: { min?: number | undefined; max?: number | undefined } | undefined): boolean =>
  range === undefined || (value >= (range.min ?? 0) && value <= (range.max ?? Number.POSITIVE_INFINITY));
