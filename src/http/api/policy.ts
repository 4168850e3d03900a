import { z } from 'zod';
import { acrNamed } from '../../core/assurance.ts';
import type { Mistake } from '../../core/mistakes.ts';
import type { People } from '../../flow/people.ts';
import type { PolicyAdministration } from '../../flow/policy-administration.ts';
import { mistakeInEnglish } from '../../i18n/mistakes.ts';
import type { Decision } from '../../policy/decide.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { iso, time, uuid } from './schemas.ts';

const document = z.record(z.string(), z.unknown()).describe('A policy: docs/policy.md says what it may hold.');
const version = z.string().describe('A number that grows; 0 for the default.');
const kept = z.strictObject({ version, document }).meta({ id: 'Policy' });

const decision = z
  .strictObject({
    access: z.string().describe('The class that must be reached, or `deny`.'),
    reauthenticateAfter: z.number().nullable(),
    enrolment: z.enum(['allow', 'deny', 'pass']),
    mayPostpone: z.boolean(),
    rememberFor: z.number().nullable(),
    because: z.record(z.string(), z.string()).describe('The rule that decided each aspect.'),
  })
  .meta({ id: 'Decision' });

const shown = (d: Decision): z.infer<typeof decision> => ({ ...d, because: { ...d.because } });

const refused = (mistakes: readonly Mistake[]) =>
  ({
    problem: {
      status: 422,
      code: 'policy_refused',
      detail: mistakes.map(mistakeInEnglish).join(' '),
      errors: mistakes.map((each) => ({ path: '', message: mistakeInEnglish(each) })),
    },
  }) as const;

export const policyEndpoints = (n: {
  policyAdministration: PolicyAdministration;
  people: People;
}): readonly Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/policy',
    id: 'getPolicy',
    tag: 'policy',
    summary: 'The policy in force',
    permission: 'policy:read',
    answers: { 200: kept },
    async run() {
      const { policy, version: current } = await n.policyAdministration.current();
      return { value: { version: current, document: { ...policy } }, version: current };
    },
  }),
  endpoint({
    method: 'PUT',
    path: '/policy',
    id: 'setPolicy',
    tag: 'policy',
    summary: 'Puts another policy in force',
    permission: 'policy:write',
    isDangerous: true,
    isVersioned: true,
    body: document,
    answers: { 200: kept },
    async run({ body, by, version: expected }) {
      const set = await n.policyAdministration.set(body, by, expected === undefined ? undefined : String(expected));
      if (!set.ok) return set.mistakes.length > 0 ? refused(set.mistakes) : { refusal: { code: 'version_changed' } };
      const { policy } = await n.policyAdministration.current();
      return { value: { version: set.version, document: { ...policy } }, version: set.version };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/policy/versions',
    id: 'listPolicyVersions',
    tag: 'policy',
    summary: 'The policies that were in force, newest first',
    permission: 'policy:read',
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) }),
    answers: {
      200: z.strictObject({
        items: z.array(z.strictObject({ version, document, author: z.string(), createdAt: time })),
      }),
    },
    async run({ query }) {
      const versions = await n.policyAdministration.versions(query.limit);
      return {
        value: {
          items: versions.map((v) => ({
            version: v.version,
            document: v.document as Record<string, unknown>,
            author: v.author,
            createdAt: iso(v.createdAt),
          })),
        },
      };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/policy/check',
    id: 'checkPolicy',
    tag: 'policy',
    summary: 'What is wrong with a policy; nothing is changed',
    permission: 'policy:read',
    body: document,
    answers: { 200: z.strictObject({ problems: z.array(z.string()) }) },
    async run({ body }) {
      return { value: { problems: (await n.policyAdministration.mistakes(body)).map(mistakeInEnglish) } };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/policy/what-if',
    id: 'whatIf',
    tag: 'policy',
    summary: 'What would be asked of somebody, and which rule says so; nothing is changed',
    permission: 'policy:read',
    body: z.strictObject({
      accountId: uuid,
      clientId: z.string().max(100),
      ip: z.string().max(60).default('192.0.2.1'),
      at: time.optional(),
      requestedAcr: z.string().max(100).optional(),
      isBrowserRemembered: z.boolean().default(false),
      document: document.optional().describe('Another policy than the one in force.'),
    }),
    answers: { 200: z.strictObject({ decision, withReportOnly: decision }) },
    async run({ body }) {
      const person = await n.people.look(body.accountId);
      if (!person) return { refusal: { code: 'account_unknown' } };
      let policy: PolicyDocument | undefined;
      if (body.document !== undefined) {
        const parsed = n.policyAdministration.read(body.document);
        if (!parsed.ok) return refused(parsed.mistakes);
        policy = parsed.policy;
      }
      const requested = body.requestedAcr === undefined ? null : acrNamed(body.requestedAcr);
      if (requested === undefined) return { problem: { status: 422, code: 'acr_unknown' } };
      const { accountId, document: _document, requestedAcr, at, ...question } = body;
      const answer = await n.policyAdministration.whatIf(
        { ...question, account: person.account, requested, at: at ? new Date(at) : undefined },
        policy,
      );
      return { value: { decision: shown(answer.decision), withReportOnly: shown(answer.withReportOnly) } };
    },
  }),
];
