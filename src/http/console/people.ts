import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ROLES } from '../../core/roles.ts';
import type { Administration } from '../../flow/administration.ts';
import type { People } from '../../flow/people.ts';
import { LOCALES, type Locale, nameOfLanguage, type Translate } from '../../i18n/translate.ts';
import type { Account, Role } from '../../store/accounts.ts';
import { text } from '../text.ts';
import { type FormMistake, formRefusal } from '../wording.ts';
import type { Field } from './blocks.ts';
import { goAndSay, showConsole, takeDraft } from './show.ts';

const PAGE = 25;

/** The fields of a person that administrators fill in; a role only for those who may give one. */
export function personFields(
  t: Translate,
  values: Readonly<Record<string, string>>,
  { mayGiveRole, isKept }: { mayGiveRole: boolean; isKept: boolean },
): Field[] {
  const get = (name: string): string => values[name] ?? '';
  return [
    ...(isKept
      ? []
      : ([
          {
            name: 'email',
            label: t('console.email'),
            kind: 'email',
            value: get('email'),
            isRequired: true,
            longest: 254,
          },
          {
            name: 'displayName',
            label: t('console.name'),
            kind: 'text',
            value: get('displayName'),
            isRequired: true,
            longest: 200,
          },
        ] as const)),
    {
      name: 'notifyEmail',
      label: t('console.notify_email'),
      hint: t('console.notify_email_hint'),
      kind: 'email',
      value: get('notifyEmail'),
      longest: 254,
    },
    {
      name: 'locale',
      label: t('console.language'),
      kind: 'select',
      value: get('locale'),
      options: [
        { value: '', text: t('console.language_any') },
        ...LOCALES.map((locale) => ({ value: locale, text: nameOfLanguage(locale) })),
      ],
    },
    {
      name: 'groups',
      label: t('console.groups'),
      hint: t('console.groups_hint'),
      kind: 'textarea',
      value: get('groups'),
      rows: 3,
      longest: 8000,
    },
    ...(mayGiveRole
      ? ([
          {
            name: 'role',
            label: t('console.role'),
            hint: t('console.role_hint'),
            kind: 'select',
            value: get('role'),
            options: [
              { value: '', text: t('console.role_none') },
              ...ROLES.map((role) => ({ value: role, text: t(`console.role_${role}`) })),
            ],
          },
        ] as const)
      : []),
  ];
}

export const personForm = z.object({
  email: text(254).default(''),
  displayName: text(200).default(''),
  notifyEmail: text(254).default(''),
  locale: z.enum([...LOCALES, '']).default(''),
  groups: text(8000).default(''),
  role: z.enum([...ROLES, '']).optional(),
});

/** What was filled in, as flows take it. */
export const personFrom = (body: z.output<typeof personForm>) => ({
  notifyEmail: body.notifyEmail.trim().toLowerCase() || null,
  locale: (body.locale || null) as Locale | null,
  groups: [...new Set(body.groups.split(/\r?\n/).map((group) => group.trim()))].filter(Boolean),
  ...(body.role === undefined ? {} : { role: (body.role || null) as Role | null }),
});

export const personPath = ({ id }: { id: string }): string => `/admin/people/${id}`;

/** Finding people, and adding one. */
export const peoplePages: FastifyPluginAsyncZod<{ people: People; administration: Administration }> = async (
  app,
  n,
) => {
  app.get(
    '/admin/people',
    {
      config: { guard: 'console', permission: 'accounts:read' },
      schema: {
        querystring: z.object({
          q: text(200).default('').catch(''),
          status: z.enum(['active', 'suspended', 'revoked', '']).default('').catch(''),
          covered: z.enum(['yes', 'no', '']).default('').catch(''),
          after: text(254).optional().catch(undefined),
        }),
      },
    },
    async (request, reply) => {
      const { t, times } = request;
      const { q, status, covered, after } = request.query;
      const filter = {
        words: q || undefined,
        status: status || undefined,
        isCovered: covered === '' ? undefined : covered === 'yes',
      };
      const found = await n.people.search(filter, PAGE + 1, after === undefined ? {} : { after });
      const shown = found.slice(0, PAGE);
      const next = new URLSearchParams({ q, status, covered, after: shown.at(-1)?.email ?? '' });
      return showConsole(request, reply, {
        title: t('console.part_people'),
        here: 'people',
        blocks: [
          {
            type: 'form',
            method: 'get',
            action: '/admin/people',
            submit: t('console.search'),
            isInline: true,
            fields: [
              {
                name: 'q',
                label: t('console.search_people'),
                hint: t('console.search_people_hint'),
                kind: 'search',
                value: q,
                longest: 200,
              },
              {
                name: 'status',
                label: t('console.status'),
                kind: 'select',
                value: status,
                options: [
                  { value: '', text: t('console.all') },
                  ...(['active', 'suspended', 'revoked'] as const).map((value) => ({
                    value,
                    text: t(`console.status_${value}`),
                  })),
                ],
              },
              {
                name: 'covered',
                label: t('console.second_factor'),
                kind: 'select',
                value: covered,
                options: [
                  { value: '', text: t('console.all') },
                  { value: 'yes', text: t('console.covered') },
                  { value: 'no', text: t('console.uncovered') },
                ],
              },
            ],
          },
          request.console!.permissions.has('accounts:write') && {
            type: 'links',
            items: [{ path: '/admin/people/new', text: t('console.add_person') }],
          },
          {
            type: 'table',
            caption: t('console.part_people'),
            isCaptionHidden: true,
            columns: [
              t('console.name'),
              t('console.email'),
              t('console.status'),
              t('console.role'),
              t('console.last_strong'),
            ],
            empty: q || status || covered ? t('console.people_none') : t('console.people_empty'),
            rows: shown.map((account) => rowOf(account, t, times)),
            nextPath: found.length > PAGE ? `/admin/people?${next}` : null,
          },
        ],
      });
    },
  );

  const config = { guard: 'console', permission: 'accounts:write', isDangerous: true } as const;
  const form = (
    request: Parameters<typeof showConsole>[0],
    reply: Parameters<typeof showConsole>[1],
    values: Readonly<Record<string, string>>,
    mistakes: readonly FormMistake[],
  ) => {
    const { t } = request;
    return showConsole(request, reply, {
      title: t('console.add_person'),
      here: 'people',
      back: { path: '/admin/people', text: t('console.part_people') },
      blocks: [
        { type: 'text', text: t('console.add_person_text') },
        {
          type: 'form',
          action: '/admin/people/new',
          submit: t('console.add_person'),
          mistakes,
          fields: [
            ...personFields(t, values, { mayGiveRole: request.console!.permissions.has('roles:write'), isKept: false }),
            { name: 'invite', label: t('console.invite_now'), kind: 'checkbox', value: values.invite ?? 'yes' },
          ],
        },
      ],
    });
  };

  app.get('/admin/people/new', { config }, async (request, reply) => form(request, reply, takeDraft(request), []));

  app.post(
    '/admin/people/new',
    { config, schema: { body: personForm.extend({ invite: z.literal('yes').optional() }) } },
    async (request, reply) => {
      const { body, t } = request;
      const { by, permissions } = request.console!;
      const person = { ...personFrom(body), email: body.email, displayName: body.displayName };
      const role = permissions.has('roles:write') ? person.role : undefined;
      const added = await n.administration.addAccount({ ...person, role, isSilent: body.invite !== 'yes' }, by);
      if (!added.ok)
        return form(
          request,
          reply,
          { ...body, role: body.role ?? '', invite: body.invite ?? 'no' },
          formRefusal(t, added.refusal),
        );
      return goAndSay(
        request,
        reply,
        personPath(added.value),
        t(body.invite === 'yes' ? 'console.said_invited' : 'console.said_added'),
      );
    },
  );
};

const rowOf = (account: Account, t: Translate, times: { dateTime(at: Date): string }) => [
  { text: account.displayName, path: personPath(account) },
  { text: account.email, ...(account.groups.length > 0 ? { hint: account.groups.join(', ') } : {}) },
  { text: t(`console.status_${account.status}`), ...(account.status === 'active' ? {} : { tone: 'bad' as const }) },
  { text: account.role ? t(`console.role_${account.role}`) : '–' },
  { text: account.lastStrongAt ? times.dateTime(account.lastStrongAt) : t('console.never') },
];
