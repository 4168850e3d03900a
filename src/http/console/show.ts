import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Permission } from '../../core/permissions.ts';
import type { MessageKey } from '../../i18n/translate.ts';
import { refusalInWords } from '../wording.ts';
import type { Block } from './blocks.ts';

/** The parts of the console, in the order of the menu, and what it takes to see them. */
const PARTS = [
  { name: 'home', path: '/admin', permission: 'accounts:read' },
  { name: 'people', path: '/admin/people', permission: 'accounts:read' },
  { name: 'cases', path: '/admin/cases', permission: 'cases:read' },
  { name: 'coverage', path: '/admin/coverage', permission: 'coverage:read' },
  { name: 'campaigns', path: '/admin/campaigns', permission: 'coverage:read' },
  { name: 'imports', path: '/admin/imports', permission: 'imports:write' },
  { name: 'clients', path: '/admin/clients', permission: 'clients:read' },
  { name: 'policy', path: '/admin/policy', permission: 'policy:read' },
  { name: 'audit', path: '/admin/audit', permission: 'audit:read' },
  { name: 'alerts', path: '/admin/alerts', permission: 'alerts:read' },
  { name: 'webhooks', path: '/admin/webhooks', permission: 'webhooks:read' },
  { name: 'settings', path: '/admin/settings', permission: 'settings:read' },
] as const satisfies readonly { name: string; path: string; permission: Permission }[];

export type ConsolePart = (typeof PARTS)[number]['name'];

export interface ConsolePage {
  readonly title: string;
  readonly here: ConsolePart;
  readonly blocks: readonly (Block | false | null | undefined)[];
  readonly back?: { readonly path: string; readonly text: string };
  /** Goes on by itself when something happens. */
  readonly waiting?: { readonly eventsPath: string; readonly herePath: string };
  /** Without it, 422 where a form has a mistake. */
  readonly status?: number;
}

/** Draws a page of the console, with the menu that this person may use, and what the form before it came to. */
export function showConsole(request: FastifyRequest, reply: FastifyReply, page: ConsolePage): FastifyReply {
  const { t, session } = request;
  const { permissions, openAlerts, waitingCases } = request.console!;
  const { consoleSaid } = session;
  delete session.consoleSaid;
  const counts: Partial<Record<ConsolePart, number>> = { alerts: openAlerts, cases: waitingCases };
  const said: Block[] = consoleSaid ? [{ type: 'notice', tone: consoleSaid.tone, text: consoleSaid.text }] : [];
  return reply.page(
    'console',
    {
      title: page.title,
      email: request.console!.account.email,
      nav: PARTS.filter(({ permission }) => permissions.has(permission)).map(({ name, path }) => ({
        path,
        text: t(`console.part_${name}` as MessageKey),
        isHere: name === page.here,
        count: counts[name] ?? 0,
      })),
      back: page.back ?? null,
      waiting: page.waiting ?? null,
      blocks: [...said, ...settingUp(request), ...page.blocks.filter((block): block is Block => Boolean(block))],
    },
    page.status ?? (page.blocks.some((block) => block && block.type === 'form' && block.mistakes?.length) ? 422 : 200),
  );
}

/** Where a new installation is set up, step by step. */
export const START_PATH = '/admin/start';

/** The way back to the first steps, from where one of them is done. */
const settingUp = ({ session, t, url }: FastifyRequest): Block[] =>
  session.isSettingUp && !url.startsWith(START_PATH)
    ? [{ type: 'notice', tone: 'note', text: t('console.start_go_on'), path: START_PATH }]
    : [];

/** There is no such person, app or case: the same answer as to an address that does not exist. */
export function showUnknown({ t }: FastifyRequest, reply: FastifyReply, text: MessageKey): FastifyReply {
  return reply.page('message', { title: t('error.not_found_title'), text: t(text), reference: null }, 404);
}

/** Back to where the form came from, with what came of it. */
export function sayOutcome(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  done: { readonly ok: true } | { readonly ok: false; readonly refusal: Parameters<typeof refusalInWords>[1] },
  said: string,
): FastifyReply {
  return done.ok
    ? goAndSay(request, reply, path, said)
    : goAndSay(request, reply, path, refusalInWords(request.t, done.refusal, 'console.try_later'), 'bad');
}

/** Goes to another page, which says this first. */
export function goAndSay(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  text: string,
  tone: 'good' | 'bad' = 'good',
): FastifyReply {
  request.session.consoleSaid = { text, tone };
  return reply.redirect(path, 303);
}

/** What was typed before somebody had to sign in again: nothing of it is lost. */
export function takeDraft(request: FastifyRequest): Readonly<Record<string, string>> {
  const { draft } = request.session;
  delete request.session.draft;
  const [path] = request.url.split('?');
  if (!draft || draft.path !== path) return {};
  request.session.consoleSaid = { text: request.t('console.draft'), tone: 'note' };
  return draft.values;
}
