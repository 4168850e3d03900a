import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CASE_CAUSES } from '../../core/support-causes.ts';
import type { CallerCheck } from '../../flow/caller-check.ts';
import type { People, PersonView } from '../../flow/people.ts';
import type { CaseOutcome, Support } from '../../flow/support.ts';
import type { Account } from '../../store/accounts.ts';
import type { CaseKind } from '../../store/support-cases.ts';
import { text, tokenText } from '../text.ts';
import { type FormMistake, formRefusal } from '../wording.ts';
import { personPath } from './people.ts';
import { showConsole, showUnknown, takeDraft } from './show.ts';

export interface SupportPagesNeeds {
  readonly people: People;
  readonly support: Support;
  readonly callerCheck: CallerCheck;
}

const params = z.object({ id: z.uuid() });
const KINDS = { reset: 'reset', pass: 'temporary_pass' } as const satisfies Record<string, CaseKind>;

/** What came of a reset or pass: the code to read out, or that a second person must agree. */
export function outcomePage(
  request: FastifyRequest,
  reply: FastifyReply,
  account: Account,
  { case: c, pass }: CaseOutcome,
): FastifyReply {
  const { t, times } = request;
  return showConsole(request, reply, {
    title: t(pass ? `console.done_${c.kind}` : 'console.done_waiting', { name: account.displayName }),
    here: 'people',
    back: { path: personPath(account), text: account.displayName },
    blocks: pass
      ? [
          {
            type: 'secret',
            label: t('console.pass_read_out'),
            value: pass.code,
            hint: t('console.pass_until', { time: times.dateTime(pass.expiresAt) }),
          },
          { type: 'text', text: t('console.pass_what_next') },
          c.kind === 'reset' && {
            type: 'text',
            text: t(c.undoUntil ? 'console.undo_told' : 'console.undo_none'),
            isHint: true,
          },
        ]
      : [
          { type: 'notice', tone: 'note', text: t('console.waiting_text') },
          { type: 'links', items: [{ path: '/admin/cases', text: t('console.part_cases') }] },
        ],
  });
}

/** The helpdesk with somebody on the line: make sure who it is, take away what is lost, give a pass. */
export const supportPages: FastifyPluginAsyncZod<SupportPagesNeeds> = async (app, n) => {
  for (const [word, kind] of Object.entries(KINDS) as ['reset' | 'pass', CaseKind][]) {
    const permission = word === 'reset' ? 'authenticators:reset' : 'passes:write';
    const config = { guard: 'console', permission, isDangerous: true } as const;
    const path = `/admin/people/:id/${word}`;

    const form = async (
      request: FastifyRequest,
      reply: FastifyReply,
      { account, authenticators }: PersonView,
      values: Readonly<Record<string, string>>,
      mistakes: readonly FormMistake[],
    ) => {
      const { t } = request;
      const hasPhone = authenticators.some(({ kind, state }) => kind === 'push' && state === 'active');
      const { verify, needsSecondPerson } = await n.support.needs(account, request.console!.by);
      const check = values.check ?? '';
      const isVerified = check !== '' && (await n.callerCheck.wasVerified(check, account.id, request.console!.by));
      return showConsole(request, reply, {
        title: t(`console.${word}_title`, { name: account.displayName }),
        here: 'people',
        back: { path: personPath(account), text: account.displayName },
        blocks: [
          { type: 'text', text: t(`console.${word}_text`) },
          isVerified
            ? { type: 'notice', tone: 'good', text: t('console.is_verified') }
            : {
                type: 'notice',
                tone: 'note',
                text: t(
                  needsSecondPerson
                    ? 'console.second_always'
                    : verify.includes('second_person')
                      ? 'console.verify_or_second'
                      : 'console.verify_first',
                ),
              },
          !isVerified &&
            hasPhone &&
            verify.includes('push') && {
              type: 'links',
              items: [{ path: `${personPath(account)}/verify`, text: t('console.verify_caller') }],
            },
          {
            type: 'form',
            action: `${personPath(account)}/${word}`,
            hidden: { ...(isVerified ? { check } : {}), attempt: randomUUID() },
            submit: t(`console.${word}_submit`),
            ...(word === 'reset' ? { tone: 'danger' as const } : {}),
            mistakes,
            cancel: { path: personPath(account), text: t('common.cancel') },
            fields: [
              {
                name: 'cause',
                label: t('console.cause'),
                kind: 'radio',
                value: values.cause ?? '',
                isRequired: true,
                options: CASE_CAUSES.map((value) => ({ value, text: t(`console.cause_${value}`) })),
              },
              {
                name: 'reason',
                label: t('console.reason'),
                hint: t('console.reason_hint'),
                kind: 'text',
                value: values.reason ?? '',
                isRequired: true,
              },
              ...(verify.includes('identity') && !isVerified
                ? ([
                    {
                      name: 'identity',
                      label: t('console.identity'),
                      hint: t('console.identity_hint'),
                      kind: 'text',
                      value: values.identity ?? '',
                    },
                  ] as const)
                : []),
            ],
          },
        ],
      });
    };

    app.get(
      path,
      { config, schema: { params, querystring: z.object({ check: tokenText(64).optional() }) } },
      async (request, reply) => {
        const view = await n.people.look(request.params.id);
        if (!view) return showUnknown(request, reply, 'console.person_unknown');
        const { check } = request.query;
        return form(request, reply, view, { ...takeDraft(request), ...(check ? { check } : {}) }, []);
      },
    );

    app.post(
      path,
      {
        config,
        schema: {
          params,
          body: z.object({
            cause: z.enum([...CASE_CAUSES, '']).default(''),
            reason: text(1000).default(''),
            identity: text(1000).default(''),
            check: tokenText(64).optional(),
            attempt: z.uuid().optional(),
          }),
        },
      },
      async (request, reply) => {
        const { body, t } = request;
        const view = await n.people.look(request.params.id);
        if (!view) return showUnknown(request, reply, 'console.person_unknown');
        const { cause, reason, identity, check, attempt } = body;
        const again = (mistakes: readonly FormMistake[]) =>
          form(request, reply, view, { cause, reason, identity, check: check ?? '' }, mistakes);
        if (cause === '') return again([{ text: t('console.cause_missing'), field: 'cause' }]);
        const opened = await n.support.open(
          {
            id: attempt,
            accountId: view.account.id,
            kind,
            cause,
            reason,
            verification: { ...(check ? { challenge: check } : {}), ...(identity.trim() ? { identity } : {}) },
          },
          request.console!.by,
        );
        if (opened.ok) return outcomePage(request, reply, view.account, opened.value);
        return again(formRefusal(t, opened.refusal));
      },
    );
  }
};
