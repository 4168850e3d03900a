import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { MyAccount } from '../../flow/my-account.ts';
import type { People, PersonView } from '../../flow/people.ts';
import type { Support } from '../../flow/support.ts';
import type { Account } from '../../store/accounts.ts';
import { eventInWords } from '../history.ts';
import { browserName } from '../plugins/person.ts';
import type { Block } from './blocks.ts';
import { caseRows, doersOf } from './cases.ts';
import { personPath } from './people.ts';
import { showConsole, showUnknown } from './show.ts';

export interface PersonPagesNeeds {
  readonly people: People;
  readonly support: Support;
  readonly myAccount: MyAccount;
  readonly placeOf: (ip: string) => string | null;
}

const params = z.object({ id: z.uuid() });

/** One person: what they have, where they are, what happened, and everything that can be done for them. */
export const personPages: FastifyPluginAsyncZod<PersonPagesNeeds> = async (app, n) => {
  const read = { guard: 'console', permission: 'accounts:read' } as const;

  app.get('/admin/people/:id', { config: read, schema: { params } }, async (request, reply) => {
    const { t } = request;
    const view = await n.people.look(request.params.id);
    if (!view) return showUnknown(request, reply, 'console.person_unknown');
    const { account } = view;
    const { permissions, by } = request.console!;
    const whyNot = n.people.whyNot(account, by);
    const [cases, history, names] = await Promise.all([
      permissions.has('cases:read') ? n.support.search({ accountId: account.id }, 5) : [],
      n.myAccount.history(account.id),
      n.myAccount.clientNames(),
    ]);
    const staff = new Map(
      (await n.people.byIds([...new Set([account.id, ...cases.flatMap(doersOf)])])).map(({ id, displayName }) => [
        id,
        displayName,
      ]),
    );
    const actions = actionsFor(view, request, whyNot);
    return showConsole(request, reply, {
      title: account.displayName,
      here: 'people',
      back: { path: '/admin/people', text: t('console.part_people') },
      blocks: [
        account.pushFrozenAt !== null && { type: 'notice', tone: 'bad', text: t('console.is_frozen') },
        account.passRequiredAt !== null && { type: 'notice', tone: 'note', text: t('console.needs_pass') },
        view.authenticators.every(({ kind }) => kind !== 'password') &&
          account.status === 'active' && { type: 'notice', tone: 'note', text: t('console.no_password') },
        account.source !== 'local' && { type: 'notice', tone: 'note', text: t('console.is_kept') },
        whyNot && {
          type: 'notice',
          tone: 'note',
          text: t(whyNot === 'own_account' ? 'console.is_yourself' : 'console.is_out_of_reach'),
        },
        actions.length > 0 && { type: 'links', items: actions },
        { type: 'facts', items: factsOf(account, request) },
        { type: 'heading', text: t('console.authenticators') },
        authenticatorTable(view, request, whyNot !== undefined),
        { type: 'heading', text: t('console.sessions') },
        {
          type: 'table',
          caption: t('console.sessions'),
          isCaptionHidden: true,
          columns: [t('console.browser'), t('console.where'), t('console.last_used'), t('console.apps')],
          empty: t('console.sessions_none'),
          rows: view.sessions.map((s) => [
            { text: browserName(s.userAgent ?? undefined) || t('account.browser_unknown') },
            { text: [s.ip, s.ip && n.placeOf(s.ip)].filter(Boolean).join(' · ') || '–' },
            { text: request.times.dateTime(s.lastUsedAt) },
            { text: s.clientIds.flatMap((id) => names.get(id) ?? []).join(', ') || '–' },
          ]),
        },
        ...(cases.length > 0
          ? ([
              { type: 'heading', text: t('console.part_cases') },
              { ...caseRows(cases, staff, request), isCaptionHidden: true },
            ] as Block[])
          : []),
        { type: 'heading', text: t('console.history') },
        {
          type: 'table',
          caption: t('console.history'),
          isCaptionHidden: true,
          columns: [t('console.when'), t('console.what'), t('console.where')],
          empty: t('console.history_none'),
          rows: history.events.map((event) => {
            const told = eventInWords(event, request, names, n.placeOf);
            return [
              { text: told.time },
              told.isBad ? { text: told.text, tone: 'bad' as const } : { text: told.text },
              { text: told.where ?? '–' },
            ];
          }),
        },
        permissions.has('audit:read') && {
          type: 'links',
          items: [{ path: `/admin/audit?account=${encodeURIComponent(account.email)}`, text: t('console.all_events') }],
        },
      ],
    });
  });
};

function factsOf(account: Account, { t, times }: FastifyRequest) {
  return [
    { label: t('console.email'), value: account.email },
    ...(account.notifyEmail ? [{ label: t('console.notify_email'), value: account.notifyEmail }] : []),
    { label: t('console.status'), value: t(`console.status_${account.status}`) },
    { label: t('console.role'), value: account.role ? t(`console.role_${account.role}`) : t('console.role_none') },
    { label: t('console.groups'), value: account.groups.join(', ') || '–' },
    {
      label: t('console.last_strong'),
      value: account.lastStrongAt ? times.dateTime(account.lastStrongAt) : t('console.never'),
    },
    { label: t('console.since'), value: times.dateTime(account.createdAt) },
  ];
}

/** What this visitor may do for this person, most used first. */
function actionsFor(
  { account, authenticators }: PersonView,
  { t, console: visitor }: FastifyRequest,
  whyNot: ReturnType<People['whyNot']>,
) {
  const may = visitor!.permissions;
  const path = personPath(account);
  const isActive = account.status === 'active';
  const hasPhone = authenticators.some(({ kind, state }) => kind === 'push' && state === 'active');
  const hasPassword = authenticators.some(({ kind }) => kind === 'password');
  const items: ({ path: string; text: string; tone?: 'danger' | 'quiet' | '' } | false)[] = [
    isActive && hasPhone && may.has('callers:verify') && { path: `${path}/verify`, text: t('console.verify_caller') },
    isActive && may.has('authenticators:reset') && { path: `${path}/reset`, text: t('console.reset') },
    isActive && may.has('passes:write') && { path: `${path}/pass`, text: t('console.pass') },
    isActive &&
      !hasPassword &&
      account.source !== 'ldap' &&
      may.has('invitations:write') && { path: `${path}/invite`, text: t('console.invite') },
    account.status !== 'revoked' &&
      may.has('sessions:end') && { path: `${path}/sign-out`, text: t('console.sign_out') },
    account.status !== 'revoked' && may.has('accounts:write') && { path: `${path}/edit`, text: t('console.edit') },
    isActive && may.has('accounts:write') && { path: `${path}/suspend`, text: t('console.suspend') },
    account.status === 'suspended' &&
      may.has('accounts:write') && { path: `${path}/resume`, text: t('console.resume') },
    account.status !== 'revoked' &&
      may.has('accounts:write') && { path: `${path}/revoke`, text: t('console.revoke'), tone: 'danger' },
    account.status === 'revoked' &&
      may.has('accounts:write') && { path: `${path}/erase`, text: t('console.erase'), tone: 'danger' },
  ];
  // Of oneself: the name and the groups. The rest is on one's own page.
  const isOut = (path: string): boolean =>
    whyNot === 'role_too_high' || (whyNot === 'own_account' && !path.endsWith('/edit'));
  return items.filter((item) => item !== false).filter((item) => !isOut(item.path));
}

function authenticatorTable(
  { account, authenticators, recoveryCodesLeft }: PersonView,
  { t, times, console: visitor }: FastifyRequest,
  isOutOfReach: boolean,
): Block {
  const mayRevoke = !isOutOfReach && visitor!.permissions.has('authenticators:reset');
  return {
    type: 'table',
    caption: t('console.authenticators'),
    isCaptionHidden: true,
    columns: [t('console.kind'), t('console.label'), t('console.status'), t('console.last_used'), t('console.since')],
    empty: t('console.authenticators_none'),
    rows: authenticators
      .filter(({ parentId }) => parentId === null)
      .map((a) => [
        { text: t(`console.kind_${a.kind}`) },
        {
          text:
            a.kind === 'recovery_code'
              ? t('account.recovery_left', { count: recoveryCodesLeft })
              : a.kind === 'password'
                ? '–'
                : a.label,
          ...(mayRevoke && a.kind !== 'password' ? { path: `${personPath(account)}/authenticators/${a.id}` } : {}),
        },
        {
          text: t(a.state === 'active' ? 'console.works' : 'console.disabled'),
          tone: a.state === 'active' ? ('good' as const) : ('bad' as const),
        },
        {
          // When a password was used is in the events below.
          text: a.lastUsedAt ? times.dateTime(a.lastUsedAt) : a.kind === 'password' ? '–' : t('console.never'),
        },
        { text: times.dateTime(a.createdAt) },
      ]),
  };
}
