import { z } from 'zod';
import { ROLES } from '../core/roles.ts';
import { isNetwork } from './networks.ts';

/** NIST SP 800-63B-4, section 2.2.3: at AAL2 a person proves two factors at least every 24 hours. */
export const MOST_REMEMBERED_HOURS = 24;

const names = z.array(z.string().min(1).max(200)).min(1, 'must not be empty');
const range = z
  .strictObject({ min: z.number().min(0).optional(), max: z.number().min(0).optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'needs min, max or both')
  .refine(({ min = 0, max = Number.POSITIVE_INFINITY }) => min <= max, 'has a min above its max');
const networks = z.array(z.string().refine(isNetwork, 'is not an address or a network like 10.0.0.0/8')).min(1);
const kinds = z.array(z.enum(['push', 'store_app', 'totp', 'webauthn', 'any'])).min(1);

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
    .min(1)
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

/** Reads a policy. @returns the document, or every mistake in a sentence: malformed or contradictory */
export function parsePolicy(
  document: unknown,
): { ok: true; policy: PolicyDocument } | { ok: false; problems: readonly string[] } {
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) {
    return {
      ok: false,
      problems: parsed.error.issues.map(({ path, message }) => `${placeOf(path, document)}: ${message}.`),
    };
  }
  const problems = contradictions(parsed.data);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policy: parsed.data };
}

function placeOf(path: readonly PropertyKey[], document: unknown): string {
  if (path.length === 0) return 'The policy';
  const [first, index, ...rest] = path;
  const named = (document as { rules?: { name?: unknown }[] } | null)?.rules?.[index as number]?.name;
  if (first !== 'rules' || index === undefined) return path.join('.');
  const rule = typeof named === 'string' && named ? `Rule “${named}”` : `Rule ${Number(index) + 1}`;
  return rest.length > 0 ? `${rule}, ${rest.join('.')}` : rule;
}

function contradictions({ rules }: PolicyDocument): string[] {
  const problems: string[] = [];
  const settled = new Map<Aspect, string>();
  const seen = new Set<string>();
  for (const each of rules) {
    const { name, when, outcome } = each;
    const say = (text: string): void => void problems.push(`Rule “${name}” ${text}`);
    if (seen.has(name)) say('has the same name as another one.');
    seen.add(name);
    if ([outcome.require, outcome.allow, outcome.deny].filter(Boolean).length > 1)
      say('says more than one of require, allow and deny.');
    const aspects = aspectsOf(each);
    if (aspects.length === 0) say('decides nothing.');
    if (outcome.acceptDeviation && outcome.rememberBrowserHours === undefined)
      say('accepts a deviation without having one.');
    if ((outcome.rememberBrowserHours ?? 0) > MOST_REMEMBERED_HOURS && !outcome.acceptDeviation)
      say(
        `remembers a browser for more than ${MOST_REMEMBERED_HOURS} hours (NIST SP 800-63B-4): say why in acceptDeviation.`,
      );
    const both = when.has?.find((kind) => when.lacks?.includes(kind));
    if (both) say(`can never hold: it wants ${both} to be there and not to be there.`);
    if (when.has && when.lacks?.includes('any')) say('can never hold: it wants a second factor and none.');
    const before = aspects.map((aspect) => settled.get(aspect));
    if (aspects.length > 0 && before.every((other) => other !== undefined))
      say(`is never reached: “${before[0]}” before it always decides.`);
    if (Object.keys(when).length === 0 && !each.reportOnly)
      for (const aspect of aspects) if (!settled.has(aspect)) settled.set(aspect, name);
  }
  return problems;
}
