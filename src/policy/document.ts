import { z } from 'zod';
import { type Mistake, type MistakeName, mistake } from '../core/mistakes.ts';
import { ROLES } from '../core/roles.ts';
import { isNetwork } from './networks.ts';

// What a check of ours says is the name of a mistake.
const says = (name: MistakeName): MistakeName => name;

/** NIST SP 800-63B-4, section 2.2.3: at AAL2 a person proves two factors at least every 24 hours. */
export const MOST_REMEMBERED_HOURS = 24;

const names = z.array(z.string().min(1).max(200)).min(1, says('list_empty'));
const range = z
  .strictObject({ min: z.number().min(0).optional(), max: z.number().min(0).optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, says('range_empty'))
  .refine(({ min = 0, max = Number.POSITIVE_INFINITY }) => min <= max, says('range_reversed'));
const networks = z.array(z.string().refine(isNetwork, says('network_invalid'))).min(1, says('list_empty'));
const kinds = z.array(z.enum(['push', 'store_app', 'totp', 'webauthn', 'any'])).min(1, says('list_empty'));

/** All of them must hold; one that is left out always does. */
const conditions = z
  .strictObject({
    /** Ids of web apps. */
    clients: names,
    groups: names,
    networks,
    notNetworks: networks,
    accountAgeDays: range,
    /** Second factors that the account has; `any` for whichever. */
    has: kinds,
    lacks: kinds,
    /** Hours since the last sign-in with two factors; somebody who never did has waited forever. */
    hoursSinceStrongSignIn: range,
    rememberedBrowser: z.boolean(),
  })
  .partial();

const outcomes = z
  .strictObject({
    require: z.enum(['mfa', 'phr']),
    allow: z.literal('1fa'),
    deny: z.literal(true),
    reauthenticateAfterHours: z.number().positive().max(24),
    /** `pass`: only with a temporary pass. */
    enrolment: z.enum(['allow', 'deny', 'pass']),
    /** How long setting up a second factor may be put off. */
    grace: z.union([
      z.strictObject({ days: z.number().int().min(1).max(90) }),
      z.strictObject({ signIns: z.number().int().min(1).max(50) }),
    ]),
    rememberBrowserHours: z
      .number()
      .positive()
      .max(24 * 90),
    /** Why a longer memory than 24 hours is accepted, for whoever audits. */
    acceptDeviation: z.string().min(10).max(500),
  })
  .partial();

const rule = z.strictObject({
  name: z.string().trim().min(1).max(120),
  when: conditions.default({}),
  outcome: outcomes,
  /** Decides nothing, but its effect is recorded with each sign-in. */
  reportOnly: z.boolean().default(false),
});

/** What the helpdesk must do before it resets somebody's devices or gives them a temporary pass. */
const support = z.strictObject({
  /** One of these is needed; `second_person` is another one of the helpdesk who agrees. */
  verify: z
    .array(z.enum(['push', 'identity', 'second_person']))
    .min(1, says('list_empty'))
    .default(['push', 'identity', 'second_person']),
  /** What people with these roles do waits for a second person, always. */
  secondPersonFor: z.array(z.enum(ROLES)).default([]),
  /** So does what is done to people with these roles. */
  secondPersonOn: z.array(z.enum(ROLES)).default([]),
});

const documentSchema = z.strictObject({ rules: z.array(rule).max(200), support: support.optional() });

export type PolicyDocument = z.output<typeof documentSchema>;
export type PolicyRule = PolicyDocument['rules'][number];

/** A second factor for everyone, everywhere, no grace. */
export const DEFAULT_POLICY: PolicyDocument = { rules: [] };

export type SupportRules = z.output<typeof support>;

/** What the policy says about resets, or what is so where it says nothing. */
export const supportRulesOf = (policy: PolicyDocument): SupportRules => policy.support ?? support.parse({});

/** What one rule decides about; the first rule that says something about one of these settles it. */
export const ASPECTS = ['access', 'reauthentication', 'enrolment', 'grace', 'memory'] as const;
export type Aspect = (typeof ASPECTS)[number];

export function aspectsOf({ outcome }: PolicyRule): Aspect[] {
  const found: Aspect[] = [];
  if (outcome.require || outcome.allow || outcome.deny) found.push('access');
  if (outcome.reauthenticateAfterHours !== undefined) found.push('reauthentication');
  if (outcome.enrolment) found.push('enrolment');
  if (outcome.grace) found.push('grace');
  if (outcome.rememberBrowserHours !== undefined) found.push('memory');
  return found;
}

/** Reads a policy. @returns the document, or every mistake in it: malformed or contradictory */
export function parsePolicy(
  document: unknown,
): { ok: true; policy: PolicyDocument } | { ok: false; mistakes: readonly Mistake[] } {
  const parsed = documentSchema.safeParse(document, { reportInput: true });
  if (!parsed.success)
    return {
      ok: false,
      mistakes: parsed.error.issues.map((issue) => shapeMistake(issue, placeOf(issue.path, document))),
    };
  const mistakes = contradictions(parsed.data);
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, policy: parsed.data };
}

const OURS: readonly string[] = ['list_empty', 'range_empty', 'range_reversed', 'network_invalid'];

/** What zod found, as a mistake of ours. */
function shapeMistake(issue: z.core.$ZodIssue, place: string): Mistake {
  if (OURS.includes(issue.message)) return mistake(issue.message as MistakeName, { place });
  if (issue.path.length === 0 && issue.code === 'invalid_type') return mistake('not_object');
  const isMissing = 'input' in issue && issue.input === undefined;
  if (isMissing && issue.code !== 'unrecognized_keys') return mistake('value_missing', { place });
  switch (issue.code) {
    case 'unrecognized_keys':
      return mistake('key_unknown', { place, keys: issue.keys.join(', ') });
    case 'invalid_type':
      return mistake('value_wrong_type', { place, expected: issue.expected });
    case 'invalid_value':
      return mistake('value_not_one_of', { place, known: issue.values.map(String).join(', ') });
    case 'too_small':
      return mistake('value_too_small', { place, least: Number(issue.minimum) });
    case 'too_big':
      return mistake('value_too_large', { place, most: Number(issue.maximum) });
    default:
      return mistake('value_invalid', { place });
  }
}

/** Where in a policy, as a path: `“kantoor”.when.networks.0`. */
function placeOf(path: readonly PropertyKey[], document: unknown): string {
  const [first, index, ...rest] = path;
  if (first !== 'rules' || index === undefined) return path.join('.') || '{ }';
  const named = (document as { rules?: { name?: unknown }[] } | null)?.rules?.[index as number]?.name;
  const rule = typeof named === 'string' && named ? `“${named}”` : `rules.${String(index)}`;
  return [rule, ...rest].join('.');
}

function contradictions({ rules }: PolicyDocument): Mistake[] {
  const found: Mistake[] = [];
  const settled = new Map<Aspect, string>();
  const seen = new Set<string>();
  for (const each of rules) {
    const { name: rule, when, outcome } = each;
    const say = (name: MistakeName, facts: Mistake['facts'] = {}): void =>
      void found.push(mistake(name, { rule, ...facts }));
    if (seen.has(rule)) say('rule_same_name');
    seen.add(rule);
    if ([outcome.require, outcome.allow, outcome.deny].filter(Boolean).length > 1) say('rule_says_too_much');
    const aspects = aspectsOf(each);
    if (aspects.length === 0) say('rule_decides_nothing');
    if (outcome.acceptDeviation && outcome.rememberBrowserHours === undefined) say('rule_needless_deviation');
    if ((outcome.rememberBrowserHours ?? 0) > MOST_REMEMBERED_HOURS && !outcome.acceptDeviation)
      say('rule_remembers_long', { hours: MOST_REMEMBERED_HOURS });
    const both = when.has?.find((kind) => when.lacks?.includes(kind));
    if (both) say('rule_impossible', { kind: both });
    if (when.has && when.lacks?.includes('any')) say('rule_impossible_any');
    const before = aspects.map((aspect) => settled.get(aspect));
    if (aspects.length > 0 && before.every((other) => other !== undefined))
      say('rule_never_reached', { before: before[0]! });
    if (Object.keys(when).length === 0 && !each.reportOnly)
      for (const aspect of aspects) if (!settled.has(aspect)) settled.set(aspect, rule);
  }
  return found;
}
