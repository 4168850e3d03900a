import type { FastifyReply, FastifyRequest } from 'fastify';
import { ACR_MFA, type Acr, satisfies } from '../core/assurance.ts';
import type { Clock } from '../core/clock.ts';
import { ADMIN_SECONDS, type ApiCallers, FRESH_ADMIN_SECONDS } from '../flow/api-callers.ts';
import type { Binding } from '../flow/binding.ts';
import type { Companion } from '../flow/companion.ts';
import type { ConsoleVisits } from '../flow/console-visits.ts';
import type { MyAccount } from '../flow/my-account.ts';
import type { SignIn } from '../flow/sign-in.ts';
import { chooseLocale } from '../i18n/choose.ts';
import type { Interactions } from '../oidc/interactions.ts';
import { contentSecurityPolicy } from './csp.ts';
import { hasBody } from './plugins/body-time.ts';
import type { Guard } from './plugins/guards.ts';
import { LANGUAGE_COOKIE } from './plugins/person.ts';
import { sendProblem, sendRefusal } from './problems.ts';
import type { GuardName } from './types.ts';

export interface GuardNeeds {
  readonly interactions: Interactions;
  readonly signIn: SignIn;
  readonly binding: Binding;
  readonly companion: Companion;
  readonly myAccount: MyAccount;
  readonly clock: Clock;
  readonly bindingCookie: string;
  readonly consoleVisits: ConsoleVisits;
  readonly callers: ApiCallers;
  readonly adminAcr: Acr;
}

/** How fresh a sign-in must be for a change. Seconds. */
export const FRESH_SECONDS = 600;
const LARGEST_DRAFT = 20_000;
/** `?look=again`: a page that the browser opens by itself. */
export const LOOKS_AGAIN = 'again';

export function createGuards(n: GuardNeeds): Readonly<Record<GuardName, Guard>> {
  /** The session was read before the body, which may have taken its time. */
  const isStillOpen = async ({ headers }: FastifyRequest, opUid: string): Promise<boolean> =>
    !hasBody(headers) || n.myAccount.isOpen(opUid);

  /** Signed in at our own pages, with two factors. */
  const portal: Guard = async (request, reply) => {
    const { signedIn } = request.session;
    const account =
      signedIn && satisfies(signedIn.acr, ACR_MFA) && (await isStillOpen(request, signedIn.opUid))
        ? (await n.myAccount.look(signedIn.sub))?.account
        : undefined;
    if (!signedIn || !account) {
      if (request.method === 'GET') request.session.returnTo = request.url;
      return reply.redirect('/mfa/sign-in', 303);
    }
    request.portal = { sub: signedIn.sub, opUid: signedIn.opUid, account };
    return undefined;
  };

  return {
    /** The browser that oidc-provider paused: its cookie is signed and bound to this very address. */
    'sign-in': async (request, reply) => {
      const { uid = '' } = request.params as { uid?: string };
      const paused = await n.interactions.find(request.raw, reply.raw, uid);
      if (!paused) return reply.page('expired', {}, 400);
      useLanguageOf(request, paused.uiLocales);
      if (paused.redirectOrigin) {
        reply.header('content-security-policy', contentSecurityPolicy([paused.redirectOrigin]));
      }
      // Where the pause did not open our row (a step-up), the first request does; the ones after it only read.
      const known = paused.known === null ? undefined : await n.signIn.look(uid, request.origin, paused.known);
      const view = known ?? (await n.signIn.open(paused, request.origin));
      request.signIn = { paused, view };
      return undefined;
    },

    /** A browser in which somebody may enrol, for ten minutes. */
    binding: async (request, reply) => {
      const token = request.cookies[n.bindingCookie];
      const view = await n.binding.look(token);
      if (token && view) {
        request.binding = { token, view };
        return undefined;
      }
      if (!token) return reply.redirect('/mfa', 303);
      const uid = await n.binding.interrupted(token);
      return reply.page('wizard-expired', { againPath: uid ? `/interaction/${uid}` : '/mfa' }, 403);
    },

    portal,

    /** The same, not long ago: what changes how somebody signs in. */
    'portal-fresh': async (request, reply) => {
      const answered = await portal(request, reply);
      if (!request.portal) return answered;
      const authTime = request.session.signedIn?.authTime ?? 0;
      if (n.clock.now().getTime() / 1000 - authTime <= FRESH_SECONDS) return undefined;
      request.portal = null;
      request.session.returnTo = request.method === 'GET' ? request.url : '/mfa';
      return reply.redirect('/mfa/sign-in?fresh=yes', 303);
    },

    /** Signed in at our own pages as strongly as those who administer must be, not long idle, and with leave. */
    console: async (request, reply) => {
      const { signedIn } = request.session;
      const { permission, isDangerous } = request.routeOptions.config;
      const { look } = request.query as { look?: string };
      const { opUid = '', authTime = 0 } = signedIn ?? {};
      const age = n.clock.now().getTime() / 1000 - authTime;
      const isYoung = satisfies(signedIn?.acr, n.adminAcr) && age <= ADMIN_SECONDS;
      const isIdle = isYoung && !(await n.consoleVisits.goOn({ opUid, authTime }, look !== LOOKS_AGAIN));
      const isStrong = isYoung && !isIdle;
      const isFresh = age <= FRESH_ADMIN_SECONDS;
      if (!signedIn || !isStrong || (isDangerous && !isFresh)) {
        const [path = '/admin'] = request.url.split('?');
        keepDraft(request, path);
        request.session.returnTo = request.method === 'GET' ? request.url : path;
        const how = isIdle ? 'again' : isDangerous && isStrong ? 'fresh' : 'strong';
        return reply.redirect(`/mfa/sign-in?console=${how}`, 303);
      }
      const found = await n.consoleVisits.enter(signedIn.sub, request.origin);
      if (!found || !permission || !found.permissions.has(permission)) {
        const { t } = request;
        return reply.page(
          'message',
          { title: t('error.forbidden_title'), text: t('error.forbidden_text'), reference: request.id },
          403,
        );
      }
      request.console = found;
      return undefined;
    },

    /**
     * The API's own check ran before the body was read (api/authenticate.ts): here nobody comes by without it, nor with what has ended
     * meanwhile.
     */
    api: async (request, reply) => {
      const { caller, headers } = request;
      if (!caller) return sendProblem(reply, 401, 'missing_token', {});
      if (!hasBody(headers) || (await n.callers.stillCounts(headers.authorization, caller))) return undefined;
      return sendProblem(reply, 401, 'invalid_token', {});
    },

    /** A phone that proves its key on every call. */
    phone: async (request: FastifyRequest, reply: FastifyReply) => {
      const [path = ''] = request.url.split('?');
      const proof = request.headers.dpop;
      const recognised = await n.companion.recognise(
        typeof proof === 'string' ? proof : undefined,
        request.method,
        path,
      );
      if (!recognised.ok) return sendRefusal(reply, recognised.refusal);
      request.phone = recognised.value;
      return undefined;
    },
  };
}

/** The web app's wish counts where the person has not chosen by themselves. */
function useLanguageOf(request: FastifyRequest, uiLocales: string | undefined): void {
  const query = request.query as { lang?: string };
  if (query.lang || request.cookies[LANGUAGE_COOKIE] || !uiLocales) return;
  request.useLocale(chooseLocale(undefined, uiLocales, request.headers['accept-language']));
}

/** What was typed goes on after signing in again; files and secrets have no place in a session. */
function keepDraft(request: FastifyRequest, path: string): void {
  if (request.method !== 'POST') return;
  const body = (request.body ?? {}) as Record<string, unknown>;
  const values = Object.fromEntries(
    Object.entries(body)
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(' ') : value])
      .filter(([name, value]) => name !== '_csrf' && typeof value === 'string'),
  ) as Record<string, string>;
  if (JSON.stringify(values).length <= LARGEST_DRAFT) request.session.draft = { path, values };
}
