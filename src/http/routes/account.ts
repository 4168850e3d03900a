import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Acr } from '../../core/assurance.ts';
import { type Random, token128 } from '../../core/random.ts';
import { ADMIN_SECONDS } from '../../flow/api-callers.ts';
import type { Binding } from '../../flow/binding.ts';
import type { MyAccount, ShownAuthenticator } from '../../flow/my-account.ts';
import { LOCALES, nameOfLanguage, type Translate } from '../../i18n/translate.ts';
import type { PortalSignIn } from '../../oidc/portal-sign-in.ts';
import { setBindingCookie } from '../binding-cookie.ts';
import { FRESH_SECONDS } from '../guards.ts';
import { LANGUAGE_COOKIE } from '../plugins/person.ts';
import { codesFile } from '../recovery-codes.ts';
import { takeSaid } from '../said.ts';
import { text } from '../text.ts';

export interface AccountRoutesNeeds {
  readonly binding: Binding;
  readonly myAccount: MyAccount;
  readonly portal: PortalSignIn;
  readonly random: Random;
  readonly adminAcr: Acr;
  readonly bindingCookie: { readonly name: string; readonly isSecure: boolean };
}

/** At so few recovery codes people are reminded to make new ones. */
const FEW_CODES = 3;

/** The person's own page: what they sign in with. Signing in to it is signing in like to any web app. */
export const accountRoutes: FastifyPluginAsyncZod<AccountRoutesNeeds> = async (app, n) => {
  const config = { guard: 'portal' } as const;
  const fresh = { guard: 'portal-fresh' } as const;
  const params = z.object({ id: z.uuid() });

  app.get('/mfa/sign-in', { config: { public: true } }, async (request, reply) => {
    const { again, fresh: isFresh, console: entering } = request.query as Record<string, string | undefined>;
    const state = token128(n.random);
    request.session.state = state;
    // A link from a mail asks for a sign-in of its own, whoever is signed in here.
    const how =
      entering === undefined
        ? { isAgain: again === 'yes', ...(isFresh ? { maxAge: FRESH_SECONDS - 60 } : {}) }
        : { acr: n.adminAcr, isAgain: entering !== 'strong', maxAge: ADMIN_SECONDS };
    return reply.redirect(n.portal.address(state, how), 303);
  });

  app.get('/mfa/callback', { config: { public: true } }, async (request, reply) => {
    const { state } = request.query as { state?: string };
    const { state: expected, returnTo } = request.session;
    if (!expected || state !== expected) return reply.redirect('/mfa', 303);
    const signedIn = await n.portal.who(request.raw, reply.raw);
    // A new id for the session that now belongs to somebody (session fixation); what was being typed goes along.
    await request.session.regenerate(['draft', 'isSettingUp']);
    if (!signedIn) return reply.redirect('/', 303);
    request.session.signedIn = signedIn;
    return reply.redirect(returnTo && /^\/(mfa|admin)(\/|\?|$)/.test(returnTo) ? returnTo : '/mfa', 303);
  });

  app.get('/mfa/stay', { config }, async (_request, reply) => reply.code(204).send());

  app.get('/mfa', { config }, async (request, reply) => {
    const { t } = request;
    const mine = (await n.myAccount.look(request.portal!.sub))!;
    const left = mine.recoveryCodesLeft;
    return reply.page('account', {
      email: mine.account.email,
      said: takeSaid(request),
      codesReminder: left <= FEW_CODES ? t('account.codes_few', { count: left }) : null,
      authenticators: mine.authenticators.map((a) => cardOf(a, left, mine.account.source === 'ldap', request)),
      addAction: '/mfa/add',
      languageAction: '/mfa/language',
      languages: LOCALES.map((locale) => ({
        locale,
        name: nameOfLanguage(locale),
        isChosen: locale === (mine.account.locale ?? request.locale),
      })),
      signOutPath: n.portal.signOutAddress(),
      consolePath: mine.account.role === null ? null : '/admin',
    });
  });

  app.post('/mfa/add', { config: fresh }, async (request, reply) => {
    const { account, opUid } = request.portal!;
    const opened = await n.binding.open(account, { session: opUid }, 'mfa', request.origin);
    if (!opened) return reply.redirect('/mfa/sign-in', 303);
    setBindingCookie(reply, n.bindingCookie, opened.token, opened.ttlSeconds);
    return reply.redirect('/mfa/setup/choose', 303);
  });

  app.post(
    '/mfa/language',
    { config, schema: { body: z.object({ locale: z.enum(LOCALES) }) } },
    async (request, reply) => {
      const { locale } = request.body;
      await n.myAccount.setLocale(request.portal!.account, locale);
      reply.setCookie(LANGUAGE_COOKIE, locale, {
        path: '/',
        httpOnly: true,
        sameSite: 'lax',
        secure: n.bindingCookie.isSecure,
        maxAge: 365 * 86_400,
      });
      return reply.redirect('/mfa', 303);
    },
  );

  const renamePage = (reply: FastifyReply, id: string, label: string, error?: string) =>
    reply.page(
      'account-rename',
      { action: `/mfa/authenticators/${id}/rename`, label, error: error ?? null, backPath: '/mfa' },
      error ? 422 : 200,
    );

  app.get('/mfa/authenticators/:id/rename', { config: fresh, schema: { params } }, async (request, reply) => {
    const { id } = request.params;
    const mine = await n.myAccount.authenticator(request.portal!.sub, id);
    return mine ? renamePage(reply, id, mine.shown.label) : reply.redirect('/mfa', 303);
  });

  app.post(
    '/mfa/authenticators/:id/rename',
    { config: fresh, schema: { params, body: z.object({ label: text(200).default('') }) } },
    async (request, reply) => {
      const { id } = request.params;
      const renamed = await n.myAccount.rename(request.portal!.account, id, request.body.label, request.origin);
      if (!renamed.ok && renamed.refusal.code === 'label_missing')
        return renamePage(reply, id, '', request.t('account.label_missing'));
      request.session.said = renamed.ok ? 'account.said_renamed' : 'account.said_unknown';
      return reply.redirect('/mfa', 303);
    },
  );

  app.get('/mfa/authenticators/:id/remove', { config: fresh, schema: { params } }, async (request, reply) => {
    const { id } = request.params;
    const mine = await n.myAccount.authenticator(request.portal!.sub, id);
    if (!mine) return reply.redirect('/mfa', 303);
    return reply.page('account-remove', {
      label: mine.shown.label,
      isLast: mine.isLast,
      action: `/mfa/authenticators/${id}/remove`,
      backPath: '/mfa',
    });
  });

  app.post('/mfa/authenticators/:id/remove', { config: fresh, schema: { params } }, async (request, reply) => {
    const removed = await n.myAccount.remove(request.portal!.account, request.params.id, request.origin);
    request.session.said = removed.ok
      ? 'account.said_removed'
      : removed.refusal.code === 'last_authenticator'
        ? 'account.remove_last'
        : 'account.said_unknown';
    return reply.redirect('/mfa', 303);
  });

  app.get('/mfa/recovery-codes', { config: fresh }, async (request, reply) => {
    const mine = (await n.myAccount.look(request.portal!.sub))!;
    return reply.page('account-codes', {
      codes: null,
      codesFile: null,
      left: mine.recoveryCodesLeft,
      action: '/mfa/recovery-codes',
      backPath: '/mfa',
    });
  });

  app.post('/mfa/recovery-codes', { config: fresh }, async (request, reply) => {
    const codes = await n.myAccount.renewRecoveryCodes(request.portal!.account, request.origin);
    return reply.page('account-codes', {
      codes,
      codesFile: codesFile(codes),
      left: codes.length,
      action: '/mfa/recovery-codes',
      backPath: '/mfa',
    });
  });
};

function cardOf(a: ShownAuthenticator, codesLeft: number, isPasswordElsewhere: boolean, { t, times }: FastifyRequest) {
  const { kind, id, state } = a;
  const isOwn = kind === 'password' || kind === 'recovery_code';
  return {
    label: isOwn ? t(`account.kind_${kind}`) : a.label,
    kind: isOwn ? null : kindInWords(a, t),
    added: times.dateTime(a.createdAt),
    lastUsed:
      kind === 'password'
        ? null
        : a.lastUsedAt
          ? t('account.last_used', { time: times.dateTime(a.lastUsedAt) })
          : t('account.never_used'),
    note:
      kind === 'recovery_code'
        ? t('account.recovery_left', { count: codesLeft })
        : kind === 'password' && isPasswordElsewhere
          ? t('account.password_elsewhere')
          : state === 'disabled'
            ? t('account.state_disabled')
            : null,
    links:
      kind === 'password'
        ? isPasswordElsewhere
          ? []
          : [{ path: '/mfa/password', text: t('account.change') }]
        : kind === 'recovery_code'
          ? [{ path: '/mfa/recovery-codes', text: t('account.codes_make') }]
          : [
              { path: `/mfa/authenticators/${id}/rename`, text: t('account.rename') },
              { path: `/mfa/authenticators/${id}/remove`, text: t('account.remove') },
            ],
  };
}

/** Device-bound and synced keys are told apart, because they are lost in different ways. */
function kindInWords({ kind, credential }: ShownAuthenticator, t: Translate): string {
  if (kind === 'webauthn') return t(credential?.isSynced ? 'account.kind_synced_key' : 'account.kind_bound_key');
  if (kind === 'store_app') return t('account.kind_store_app');
  return t(kind === 'totp' ? 'account.kind_totp' : 'account.kind_push');
}
