import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Clock } from '../../core/clock.ts';
import { type Random, token128 } from '../../core/random.ts';
import type { Binding } from '../../flow/binding.ts';
import type { MyAccount } from '../../flow/my-account.ts';
import type { PortalSignIn } from '../../oidc/portal-sign-in.ts';
import { setBindingCookie } from '../binding-cookie.ts';

export interface AccountRoutesNeeds {
  readonly binding: Binding;
  readonly myAccount: MyAccount;
  readonly portal: PortalSignIn;
  readonly random: Random;
  readonly clock: Clock;
  readonly bindingCookie: { readonly name: string; readonly isSecure: boolean };
}

/** A phone is added only soon after signing in with two factors. Seconds. */
const FRESH_SECONDS = 600;

/** The person's own page. Signing in to it is signing in like to any web app. */
export const accountRoutes: FastifyPluginAsyncZod<AccountRoutesNeeds> = async (app, n) => {
  const config = { guard: 'portal' } as const;

  app.get('/mfa/sign-in', { config: { public: true } }, async (request, reply) => {
    const state = token128(n.random);
    request.session.state = state;
    // A link from a mail asks for a sign-in of its own, whoever is signed in here.
    const isAgain = (request.query as { again?: string }).again === 'yes';
    return reply.redirect(n.portal.address(state, { isAgain }), 303);
  });

  app.get('/mfa/callback', { config: { public: true } }, async (request, reply) => {
    const { state } = request.query as { state?: string };
    const expected = request.session.state;
    if (!expected || state !== expected) return reply.redirect('/mfa', 303);
    const signedIn = await n.portal.who(request.raw, reply.raw);
    // A new id for the session that now belongs to somebody (session fixation).
    await request.session.regenerate();
    if (!signedIn) return reply.redirect('/', 303);
    request.session.signedIn = signedIn;
    return reply.redirect('/mfa', 303);
  });

  app.get('/mfa', { config }, async (request, reply) => {
    const { t } = request;
    const mine = await n.myAccount.look(request.portal!.sub);
    if (!mine) return reply.redirect('/', 303);
    return reply.page('account', {
      email: mine.account.email,
      isProtected: mine.isProtected,
      authenticators: mine.authenticators.map(({ kind, label, state, createdAt, lastUsedAt }) => ({
        kind,
        label: kind === 'password' || kind === 'recovery_code' ? t(`account.kind_${kind}`) : label,
        added: request.times.dateTime(createdAt),
        lastUsed:
          kind === 'password'
            ? null
            : lastUsedAt
              ? t('account.last_used', { time: request.times.dateTime(lastUsedAt) })
              : t('account.never_used'),
        note:
          kind === 'recovery_code'
            ? t('account.recovery_left', { count: mine.recoveryCodesLeft })
            : state === 'removed'
              ? t('account.state_removed')
              : state === 'disabled'
                ? t('account.state_disabled')
                : null,
      })),
      addAction: '/mfa/add',
      signOutPath: n.portal.signOutAddress(),
    });
  });

  app.post('/mfa/add', { config }, async (request, reply) => {
    const mine = await n.myAccount.look(request.portal!.sub);
    const authTime = request.session.signedIn?.authTime ?? 0;
    if (!mine || n.clock.now().getTime() / 1000 - authTime > FRESH_SECONDS) {
      const state = token128(n.random);
      request.session.state = state;
      return reply.redirect(n.portal.address(state, { maxAge: FRESH_SECONDS - 60 }), 303);
    }
    const opened = await n.binding.open(mine.account, null, 'mfa', request.origin);
    setBindingCookie(reply, n.bindingCookie, opened.token, opened.ttlSeconds);
    return reply.redirect('/mfa/setup', 303);
  });
};
