import { z } from 'zod';
import { CASE_CAUSES } from '../../core/support-causes.ts';
import type { CallerCheck } from '../../flow/caller-check.ts';
import type { CaseOutcome, Support } from '../../flow/support.ts';
import type { CaseKind, SupportCase } from '../../store/support-cases.ts';
import { text } from '../text.ts';
import { type Answer, type Endpoint, endpoint } from './endpoint.ts';
import {
  cursorOf,
  idParams,
  iso,
  isoOrNull,
  listOf,
  paging,
  placeOf,
  reason,
  time,
  timeOrNull,
  uuid,
} from './schemas.ts';

const cause = z.enum(CASE_CAUSES);
const state = z.enum(['waiting', 'done', 'cancelled', 'undone']);

const supportCase = z
  .strictObject({
    id: uuid,
    accountId: uuid,
    kind: z.enum(['reset', 'temporary_pass']),
    cause,
    reason: z.string(),
    verification: z.strictObject({ callerCheck: z.string().optional(), identity: z.string().optional() }),
    requestedBy: z.string(),
    requestedAt: time,
    state: state.describe('`waiting`: for a second person, a day at most.'),
    decidedBy: z.string().nullable(),
    decidedAt: timeOrNull,
    undoUntil: timeOrNull.describe('Until when the owner can undo it.'),
    undoneAt: timeOrNull,
  })
  .meta({ id: 'Case' });

const outcome = z
  .strictObject({
    case: supportCase,
    temporaryPass: z
      .strictObject({ code: z.string(), expiresAt: time })
      .nullable()
      .describe('Shown this once: read it out to the person. Null while a second person has not agreed.'),
  })
  .meta({ id: 'CaseOutcome' });

const body = z.strictObject({
  cause: cause.default('other').describe('`stolen`: the owner cannot undo it, as the thief may read their mail.'),
  reason,
  callerCheck: z.string().max(64).optional().describe('A caller check of this person that was verified.'),
  identity: text(1000).optional().describe('How else you made sure of who it is, in words.'),
});

const shownCase = (c: SupportCase): z.infer<typeof supportCase> => ({
  id: c.id,
  accountId: c.accountId,
  kind: c.kind,
  cause: c.cause,
  reason: c.reason,
  verification: {
    ...(c.verification.challenge === undefined ? {} : { callerCheck: c.verification.challenge }),
    ...(c.verification.identity === undefined ? {} : { identity: c.verification.identity }),
  },
  requestedBy: c.requestedBy,
  requestedAt: iso(c.requestedAt),
  state: c.state,
  decidedBy: c.decidedBy,
  decidedAt: isoOrNull(c.decidedAt),
  undoUntil: isoOrNull(c.undoUntil),
  undoneAt: isoOrNull(c.undoneAt),
});

const answerOf = ({ case: c, pass }: CaseOutcome): Answer<z.infer<typeof outcome>> => ({
  status: c.state === 'waiting' ? 202 : 200,
  value: {
    case: shownCase(c),
    temporaryPass: pass ? { code: pass.code, expiresAt: iso(pass.expiresAt) } : null,
  },
});

export const supportEndpoints = (n: { support: Support; callerCheck: CallerCheck }): readonly Endpoint[] => {
  const opening = (
    kind: CaseKind,
    more: Pick<Endpoint, 'path' | 'id' | 'tag' | 'summary' | 'description' | 'permission'>,
  ) =>
    endpoint({
      ...more,
      method: 'POST',
      isDangerous: true,
      isCreating: true,
      params: idParams,
      body,
      answers: { 200: outcome, 202: outcome },
      async run({ params, body: { cause: why, reason: words, callerCheck, identity }, by }) {
        const verification = {
          ...(callerCheck === undefined ? {} : { challenge: callerCheck }),
          ...(identity === undefined ? {} : { identity }),
        };
        const opened = await n.support.open(
          { accountId: params.id, kind, cause: why, reason: words, verification },
          by,
        );
        return opened.ok ? answerOf(opened.value) : opened;
      },
    });

  return [
    opening('reset', {
      path: '/accounts/:id/reset',
      id: 'resetAuthenticators',
      tag: 'authenticators',
      summary: 'Revokes everything that a person confirms with, and gives a temporary pass to begin anew',
      description:
        'Ends all sessions. The person is told on every address and can undo it for 24 hours. The policy says how the caller must be verified, and whether a second person must agree (202).',
      permission: 'authenticators:reset',
    }),
    opening('temporary_pass', {
      path: '/accounts/:id/temporary-passes',
      id: 'issueTemporaryPass',
      tag: 'authenticators',
      summary: 'Gives a temporary pass: for an hour, once, to set up a first or another authenticator',
      description: 'Verified as a reset is.',
      permission: 'passes:write',
    }),
    endpoint({
      method: 'POST',
      path: '/accounts/:id/caller-checks',
      id: 'startCallerCheck',
      tag: 'callers',
      summary: 'Asks the phone of whoever is on the line: read the number out, they type it',
      permission: 'callers:verify',
      isCreating: true,
      params: idParams,
      answers: { 201: z.strictObject({ id: z.string(), number: z.string() }) },
      async run({ params, by }) {
        const started = await n.callerCheck.start(params.id, by);
        if (!started.ok) return started;
        const { challengeId, number } = started.value;
        return { status: 201, value: { id: challengeId, number }, location: `/api/v1/caller-checks/${challengeId}` };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/caller-checks/:id',
      id: 'getCallerCheck',
      tag: 'callers',
      summary: 'How a caller check stands; once it is verified, a reset or pass may name it for a quarter of an hour',
      permission: 'callers:verify',
      params: z.strictObject({ id: z.string().max(64) }),
      answers: {
        200: z.strictObject({
          id: z.string(),
          state: z.enum(['waiting', 'verified', 'denied', 'reported', 'wrong_number', 'expired']),
        }),
      },
      async run({ params: { id }, by }) {
        return { value: { id, state: await n.callerCheck.look(id, by) } };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases',
      id: 'listCases',
      tag: 'cases',
      summary: 'Resets and temporary passes, newest first',
      permission: 'cases:read',
      query: z.strictObject({ ...paging, state: state.optional(), account: uuid.optional() }),
      answers: { 200: listOf(supportCase) },
      async run({ query: { limit, cursor, account, state: wanted } }) {
        const before = placeOf(cursor);
        if (before !== undefined && !z.uuid().safeParse(before).success)
          return { problem: { status: 400, code: 'invalid_request', detail: 'This cursor is not one of ours.' } };
        const found = await n.support.search({ accountId: account, state: wanted }, limit + 1, before);
        const items = found.slice(0, limit);
        const next = found.length > limit ? cursorOf(items.at(-1)!.id) : null;
        return { value: { items: items.map(shownCase), next }, next };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id',
      id: 'getCase',
      tag: 'cases',
      summary: 'One reset or pass',
      permission: 'cases:read',
      params: idParams,
      answers: { 200: supportCase },
      async run({ params }) {
        const found = await n.support.find(params.id);
        return found ? { value: shownCase(found) } : { refusal: { code: 'case_unknown' } };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/approve',
      id: 'approveCase',
      tag: 'cases',
      summary: 'As a second person, agrees to what somebody else asked; it is done at once',
      permission: 'cases:decide',
      isDangerous: true,
      params: idParams,
      answers: { 200: outcome },
      async run({ params, by }) {
        const approved = await n.support.approve(params.id, by);
        return approved.ok ? answerOf(approved.value) : approved;
      },
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/cancel',
      id: 'cancelCase',
      tag: 'cases',
      summary: 'Takes back what waits for a second person',
      permission: 'cases:decide',
      params: idParams,
      answers: { 200: supportCase },
      async run({ params, by }) {
        const cancelled = await n.support.cancel(params.id, by);
        return cancelled.ok ? { value: shownCase(cancelled.value) } : cancelled;
      },
    }),
  ];
};
