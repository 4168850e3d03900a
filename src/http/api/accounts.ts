import { z } from 'zod';
import type { Administration } from '../../flow/administration.ts';
import type { Erasure } from '../../flow/erasure.ts';
import type { People } from '../../flow/people.ts';
import type { AccountFilter } from '../../store/accounts.ts';
import { text } from '../text.ts';
import { account, authenticator, session, shownAccount, shownAuthenticators, status } from './account-shapes.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import {
  cursorOf,
  email,
  groupName,
  idParams,
  iso,
  listOf,
  locale,
  nothing,
  paging,
  placeOf,
  reason,
  role,
  uuid,
} from './schemas.ts';

const UNKNOWN = { refusal: { code: 'account_unknown' } } as const;
const unknownAuthenticator = { problem: { status: 404, code: 'authenticator_unknown' } } as const;
const changeable = {
  displayName: text(200).min(1),
  notifyEmail: email.nullable(),
  locale: locale.nullable(),
  groups: z.array(groupName).max(100),
};

export const accountEndpoints = (n: {
  people: People;
  erasure: Erasure;
  administration: Administration;
}): readonly Endpoint[] => [
  endpoint({
    method: 'GET',
    path: '/accounts',
    id: 'listAccounts',
    tag: 'accounts',
    summary: 'People, in the order of their addresses',
    permission: 'accounts:read',
    query: z.strictObject({
      ...paging,
      q: text(200).optional().describe('Beginnings of words of the name or address, all of them.'),
      status: status.optional(),
      role: z.union([role, z.enum(['any', 'none'])]).optional(),
      group: groupName.optional(),
      source: z.enum(['local', 'scim', 'ldap']).optional(),
      covered: z.stringbool().optional().describe('Whether they have a second factor that can be used.'),
    }),
    answers: { 200: listOf(account) },
    async run({ query: { limit, cursor, q, covered, ...filter } }) {
      const after = placeOf(cursor);
      const found = await n.people.search(
        { ...filter, words: q, isCovered: covered } as AccountFilter,
        limit + 1,
        after === undefined ? {} : { after },
      );
      const items = found.slice(0, limit);
      const next = found.length > limit ? cursorOf(items.at(-1)!.email) : null;
      return { value: { items: items.map(shownAccount), next }, next };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/accounts',
    id: 'createAccount',
    tag: 'accounts',
    summary: 'Adds a person',
    description:
      'They choose a password by a link in a mail, unless `invite` is false. A role takes `roles:write` as well.',
    permission: 'accounts:write',
    isDangerous: true,
    isCreating: true,
    body: z.strictObject({
      email,
      displayName: changeable.displayName,
      notifyEmail: changeable.notifyEmail.optional(),
      locale: changeable.locale.optional(),
      groups: changeable.groups.optional(),
      role: role.nullable().optional(),
      invite: z.boolean().default(true),
    }),
    answers: { 201: account },
    async run({ body: { invite, ...person }, by, may }) {
      if (person.role && !may('roles:write'))
        return { problem: { status: 403, code: 'insufficient_scope', detail: 'A role takes the scope roles:write.' } };
      const added = await n.administration.addAccount({ ...person, isSilent: !invite }, by);
      if (!added.ok) return added;
      const { id, version } = added.value;
      return { status: 201, value: shownAccount(added.value), version, location: `/api/v1/accounts/${id}` };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/accounts/:id',
    id: 'getAccount',
    tag: 'accounts',
    summary: 'One person',
    permission: 'accounts:read',
    params: idParams,
    answers: { 200: account },
    async run({ params }) {
      const found = await n.people.look(params.id);
      return found ? { value: shownAccount(found.account), version: found.account.version } : UNKNOWN;
    },
  }),
  endpoint({
    method: 'PATCH',
    path: '/accounts/:id',
    id: 'changeAccount',
    tag: 'accounts',
    summary: 'Changes what is mentioned of a person',
    description: 'Suspending ends everything that they have open, at once.',
    permission: 'accounts:write',
    isDangerous: true,
    isVersioned: true,
    params: idParams,
    body: z
      .strictObject(
        { ...changeable, email, status: z.enum(['active', 'suspended']) },
        {
          error: (issue) =>
            issue.code === 'unrecognized_keys' && issue.keys?.includes('role')
              ? 'A role is given with PUT /accounts/{id}/role.'
              : undefined,
        },
      )
      .partial(),
    answers: { 200: account },
    async run({ params, body, by, version }) {
      const changes = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
      const changed = await n.people.change(params.id, changes, by, version);
      return changed.ok ? { value: shownAccount(changed.value), version: changed.value.version } : changed;
    },
  }),
  endpoint({
    method: 'PUT',
    path: '/accounts/:id/role',
    id: 'setRole',
    tag: 'accounts',
    summary: 'Gives a person a role, or takes it',
    permission: 'roles:write',
    isDangerous: true,
    isVersioned: true,
    params: idParams,
    body: z.strictObject({ role: role.nullable() }),
    answers: { 200: account },
    async run({ params, body, by, version }) {
      const changed = await n.people.change(params.id, { role: body.role }, by, version);
      return changed.ok ? { value: shownAccount(changed.value), version: changed.value.version } : changed;
    },
  }),
  endpoint({
    method: 'POST',
    path: '/accounts/:id/revoke',
    id: 'revokeAccount',
    tag: 'accounts',
    summary: 'Ends an account for good',
    permission: 'accounts:write',
    isDangerous: true,
    params: idParams,
    answers: { 200: account },
    async run({ params, by }) {
      const changed = await n.people.change(params.id, { status: 'revoked' }, by);
      return changed.ok ? { value: shownAccount(changed.value), version: changed.value.version } : changed;
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/accounts/:id',
    id: 'eraseAccount',
    tag: 'accounts',
    summary: 'Erases what is kept of somebody whose account was ended',
    description:
      'For good. The audit log keeps its events until the end of their retention; the address is free again.',
    permission: 'accounts:write',
    isDangerous: true,
    params: idParams,
    answers: { 204: nothing },
    async run({ params, by }) {
      const erased = await n.erasure.erase(params.id, by);
      return erased.ok ? { status: 204, value: null } : erased;
    },
  }),
  endpoint({
    method: 'POST',
    path: '/accounts/:id/invitations',
    id: 'inviteAccount',
    tag: 'accounts',
    summary: 'Mails a link to choose a first password',
    permission: 'invitations:write',
    isCreating: true,
    params: idParams,
    answers: { 202: z.strictObject({ sentTo: email }) },
    async run({ params, by }) {
      const found = await n.people.look(params.id);
      if (!found) return UNKNOWN;
      const invited = await n.administration.invite(found.account.email, by);
      return invited.ok ? { status: 202, value: { sentTo: found.account.email } } : invited;
    },
  }),
  endpoint({
    method: 'GET',
    path: '/accounts/:id/authenticators',
    id: 'listAuthenticators',
    tag: 'authenticators',
    summary: 'What a person signs in with',
    permission: 'authenticators:read',
    params: idParams,
    answers: { 200: z.strictObject({ items: z.array(authenticator), recoveryCodesLeft: z.number().int() }) },
    async run({ params }) {
      const found = await n.people.look(params.id);
      if (!found) return UNKNOWN;
      return { value: { items: shownAuthenticators(found), recoveryCodesLeft: found.recoveryCodesLeft } };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/accounts/:id/authenticators/:authenticatorId',
    id: 'revokeAuthenticator',
    tag: 'authenticators',
    summary: 'Revokes one authenticator, for good',
    description: 'Where it was the last one, what is enrolled next takes a temporary pass. Its owner is told.',
    permission: 'authenticators:reset',
    isDangerous: true,
    params: z.strictObject({ id: uuid, authenticatorId: uuid }),
    query: z.strictObject({ reason }),
    answers: { 204: nothing },
    async run({ params, query, by }) {
      const revoked = await n.people.revokeAuthenticator(params.id, params.authenticatorId, query.reason, by);
      if (revoked.ok) return { status: 204, value: null };
      return revoked.refusal.code === 'authenticator_unknown' ? unknownAuthenticator : revoked;
    },
  }),
  endpoint({
    method: 'GET',
    path: '/accounts/:id/sessions',
    id: 'listSessions',
    tag: 'sessions',
    summary: 'Where a person is signed in',
    permission: 'sessions:read',
    params: idParams,
    answers: { 200: z.strictObject({ items: z.array(session) }) },
    async run({ params }) {
      const found = await n.people.look(params.id);
      if (!found) return UNKNOWN;
      return {
        value: {
          items: found.sessions.map((s) => ({
            userAgent: s.userAgent,
            ip: s.ip,
            createdAt: iso(s.createdAt),
            lastUsedAt: iso(s.lastUsedAt),
            clientIds: [...s.clientIds],
          })),
        },
      };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/accounts/:id/sessions',
    id: 'endSessions',
    tag: 'sessions',
    summary: 'Signs a person out everywhere, with their tokens; their web apps are told',
    permission: 'sessions:end',
    params: idParams,
    answers: { 200: z.strictObject({ ended: z.number().int() }) },
    async run({ params, by }) {
      const ended = await n.people.endSessions(params.id, by);
      return ended.ok ? { value: { ended: ended.value } } : ended;
    },
  }),
];
