import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Administration } from '../../flow/administration.ts';
import type { Erasure } from '../../flow/erasure.ts';
import type { People, PersonView } from '../../flow/people.ts';
import type { MessageKey } from '../../i18n/translate.ts';
import type { Account, AccountChanges } from '../../store/accounts.ts';
import { formVersion, text } from '../text.ts';
import { type FormMistake, formRefusal } from '../wording.ts';
import { personFields, personForm, personFrom, personPath } from './people.ts';
import { goAndSay, sayOutcome, showConsole, showUnknown, takeDraft } from './show.ts';

export interface PersonChangeNeeds {
  readonly people: People;
  readonly administration: Administration;
  readonly erasure: Erasure;
}

const params = z.object({ id: z.uuid() });

/** What is changed about a person: their details, whether they may sign in, one authenticator less. */
export const personChangePages: FastifyPluginAsyncZod<PersonChangeNeeds> = async (app, n) => {
  const write = { guard: 'console', permission: 'accounts:write', isDangerous: true } as const;

  const editForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    account: Account,
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.edit_person', { name: account.displayName }),
      here: 'people',
      back: { path: personPath(account), text: account.displayName },
      blocks: [
        {
          type: 'form',
          action: `${personPath(account)}/edit`,
          hidden: { version: values.version ?? String(account.version) },
          submit: t('account.save'),
          mistakes,
          cancel: { path: personPath(account), text: t('common.cancel') },
          fields: personFields(t, values, {
            mayGiveRole: request.console!.permissions.has('roles:write'),
            isKept: account.source !== 'local',
          }),
        },
      ],
    });
  };

  app.get('/admin/people/:id/edit', { config: write, schema: { params } }, async (request, reply) => {
    const view = await n.people.look(request.params.id);
    if (!view) return showUnknown(request, reply, 'console.person_unknown');
    const { account } = view;
    const values = {
      email: account.email,
      displayName: account.displayName,
      notifyEmail: account.notifyEmail ?? '',
      locale: account.locale ?? '',
      groups: account.groups.join('\n'),
      role: account.role ?? '',
      ...takeDraft(request),
    };
    return editForm(request, reply, account, values, []);
  });

  app.post(
    '/admin/people/:id/edit',
    {
      config: write,
      schema: {
        params,
        body: personForm.extend({
          version: formVersion,
        }),
      },
    },
    async (request, reply) => {
      const { body, t } = request;
      const { by, permissions } = request.console!;
      const view = await n.people.look(request.params.id);
      if (!view) return showUnknown(request, reply, 'console.person_unknown');
      const { role, ...changes } = personFrom(body);
      const all: AccountChanges = {
        ...changes,
        ...(body.email ? { email: body.email } : {}),
        ...(body.displayName ? { displayName: body.displayName } : {}),
        ...(permissions.has('roles:write') && role !== undefined ? { role } : {}),
      };
      const changed = await n.people.change(view.account.id, all, by, body.version);
      if (changed.ok) return goAndSay(request, reply, personPath(view.account), t('console.said_changed'));
      const { version: _stale, ...typed } = body;
      return editForm(
        request,
        reply,
        view.account,
        { ...typed, role: body.role ?? '' },
        formRefusal(t, changed.refusal),
      );
    },
  );

  /** An act that asks first, with what it does. */
  const asking = (
    verb: 'suspend' | 'resume' | 'revoke' | 'erase' | 'sign-out' | 'invite',
    permission: 'accounts:write' | 'sessions:end' | 'invitations:write',
    act: (account: Account, request: FastifyRequest) => Promise<{ ok: true } | { ok: false; refusal: { code: never } }>,
  ) => {
    const config = { guard: 'console', permission, isDangerous: true } as const;
    const path = `/admin/people/:id/${verb}`;
    const key = verb.replace('-', '_');
    app.get(path, { config, schema: { params } }, async (request, reply) => {
      const { t } = request;
      const view = await n.people.look(request.params.id);
      if (!view) return showUnknown(request, reply, 'console.person_unknown');
      const { account } = view;
      return showConsole(request, reply, {
        title: t(`console.${key}_title` as MessageKey, { name: account.displayName }),
        here: 'people',
        back: { path: personPath(account), text: account.displayName },
        blocks: [
          { type: 'text', text: t(`console.${key}_text` as MessageKey) },
          {
            type: 'form',
            action: `${personPath(account)}/${verb}`,
            submit: t(`console.${key}` as MessageKey),
            ...(['revoke', 'suspend', 'erase'].includes(verb) ? { tone: 'danger' as const } : {}),
            cancel: { path: personPath(account), text: t('common.cancel') },
            fields: [],
          },
        ],
      });
    });
    app.post(path, { config, schema: { params } }, async (request, reply) => {
      const { t } = request;
      const view = await n.people.look(request.params.id);
      if (!view) return showUnknown(request, reply, 'console.person_unknown');
      const done = await act(view.account, request);
      const next = done.ok && verb === 'erase' ? '/admin/people' : personPath(view.account);
      return sayOutcome(request, reply, next, done, t(`console.said_${key}` as MessageKey));
    });
  };
  const status = (to: Account['status']) => (account: Account, request: FastifyRequest) =>
    n.people.change(account.id, { status: to }, request.console!.by) as never;
  asking('suspend', 'accounts:write', status('suspended'));
  asking('resume', 'accounts:write', status('active'));
  asking('revoke', 'accounts:write', status('revoked'));
  asking('erase', 'accounts:write', (account, request) => n.erasure.erase(account.id, request.console!.by) as never);
  asking(
    'sign-out',
    'sessions:end',
    (account, request) => n.people.endSessions(account.id, request.console!.by) as never,
  );
  asking(
    'invite',
    'invitations:write',
    (account, request) => n.administration.invite(account.email, request.console!.by) as never,
  );

  const revokeParams = z.object({ id: z.uuid(), authenticatorId: z.uuid() });
  const revoking = { guard: 'console', permission: 'authenticators:reset', isDangerous: true } as const;
  const revokePath = '/admin/people/:id/authenticators/:authenticatorId';
  const revokeForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    view: PersonView,
    authenticatorId: string,
    reason: string,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    const one = view.authenticators.find(({ id }) => id === authenticatorId);
    if (!one) return showUnknown(request, reply, 'console.person_unknown');
    return showConsole(request, reply, {
      title: t('console.revoke_one_title', { label: one.label }),
      here: 'people',
      back: { path: personPath(view.account), text: view.account.displayName },
      blocks: [
        { type: 'text', text: t('console.revoke_one_text') },
        {
          type: 'form',
          action: `${personPath(view.account)}/authenticators/${authenticatorId}`,
          submit: t('console.revoke_one'),
          tone: 'danger',
          mistakes,
          cancel: { path: personPath(view.account), text: t('common.cancel') },
          fields: [
            {
              name: 'reason',
              label: t('console.reason'),
              hint: t('console.reason_hint'),
              kind: 'text',
              value: reason,
              isRequired: true,
            },
          ],
        },
      ],
    });
  };
  app.get(revokePath, { config: revoking, schema: { params: revokeParams } }, async (request, reply) => {
    const view = await n.people.look(request.params.id);
    return view
      ? revokeForm(request, reply, view, request.params.authenticatorId, takeDraft(request).reason ?? '', [])
      : showUnknown(request, reply, 'console.person_unknown');
  });
  app.post(
    revokePath,
    { config: revoking, schema: { params: revokeParams, body: z.object({ reason: text(1000).default('') }) } },
    async (request, reply) => {
      const { t } = request;
      const { id, authenticatorId } = request.params;
      const { reason } = request.body;
      const view = await n.people.look(id);
      if (!view) return showUnknown(request, reply, 'console.person_unknown');
      if (reason.trim().length < 5)
        return revokeForm(request, reply, view, authenticatorId, reason, [
          { text: t('console.reason_missing'), field: 'reason' },
        ]);
      const revoked = await n.people.revokeAuthenticator(id, authenticatorId, reason, request.console!.by);
      return sayOutcome(request, reply, personPath(view.account), revoked, t('console.said_revoked_one'));
    },
  );
};
