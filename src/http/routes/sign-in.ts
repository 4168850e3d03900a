import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Organisation } from '../../core/organisation.ts';
import type { PasswordLinks } from '../../flow/password-links.ts';
import type { SecondFactor } from '../../flow/second-factor.ts';
import type { SignIn, SignInView } from '../../flow/sign-in.ts';
import type { SignInEnd } from '../../flow/sign-in-end.ts';
import type { Interactions } from '../../oidc/interactions.ts';
import { PORTAL_CLIENT_ID } from '../../oidc/portal-client.ts';
import { setBindingCookie } from '../binding-cookie.ts';
import type { Completing } from '../completing.ts';
import { clearLinkCookie, linkCookie } from '../link-cookie.ts';
import type { PageModels } from '../pages.ts';
import { setRememberedCookie } from '../remembered-cookie.ts';
import { text } from '../text.ts';
import { assertionSchema, fromField, responseField } from '../webauthn.ts';
import { refusalInWords } from '../wording.ts';
import type { ShowWay } from './second-factor.ts';

export interface SignInRoutesNeeds {
  readonly interactions: Interactions;
  readonly signIn: SignIn;
  readonly signInEnd: SignInEnd;
  readonly secondFactor: SecondFactor;
  readonly passwordLinks: PasswordLinks;
  readonly isSecure: boolean;
  readonly showWay: ShowWay;
  readonly organisation: Organisation;
  readonly bindingCookie: { readonly name: string; readonly isSecure: boolean };
  readonly completing: Completing;
}

const ENDINGS = ['denied', 'reported', 'wrong_number', 'cancelled', 'revoked'] as const;

/** A sign-in, step by step: every page is a form first. The order of the steps is `flow/next-step.ts`. */
export const signInRoutes: FastifyPluginAsyncZod<SignInRoutesNeeds> = async (app, n) => {
  const config = { guard: 'sign-in' } as const;
  const clientName = (view: SignInView): string => view.client?.name ?? n.organisation.name;

  const passwordPage = async (
    request: FastifyRequest,
    reply: FastifyReply,
    more: Partial<PageModels['sign-in']> = {},
    status = 200,
  ): Promise<FastifyReply> => {
    const { paused, view } = request.signIn!;
    const model = {
      action: `/interaction/${paused.uid}/password`,
      client: clientName(view),
      isAgain: paused.session !== undefined,
      email: paused.loginHint ?? '',
      forgottenPath: '/password/forgotten',
      passkeyAction: `/interaction/${paused.uid}/passkey`,
      passkeyOptions: JSON.stringify(await n.secondFactor.passkeyOptions(paused.uid)),
      error: null,
      emailError: null,
      passwordError: null,
      ...more,
    };
    return reply.page('sign-in', model, status);
  };

  const newPasswordPage = (request: FastifyRequest, reply: FastifyReply, error: string | null = null): FastifyReply => {
    const { paused, view } = request.signIn!;
    const base = `/interaction/${paused.uid}`;
    return reply.page(
      'new-password',
      {
        email: view.account?.email ?? '',
        action: `${base}/new-password`,
        error,
        cancelAction: `${base}/cancel`,
      },
      error ? 422 : 200,
    );
  };

  app.get('/interaction/:uid', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    const { step } = view;
    const base = `/interaction/${paused.uid}`;
    switch (step.step) {
      case 'password': {
        // Somebody who followed a link from a mail, at our own pages: the link stands in for the password.
        const code = paused.clientId === PORTAL_CLIENT_ID ? linkCookie(request, n.isSecure) : undefined;
        if (code && (await n.passwordLinks.start(paused.uid, code, request.origin))) return reply.redirect(base, 303);
        if (code) clearLinkCookie(reply, n.isSecure);
        return passwordPage(request, reply);
      }
      case 'new_password':
        return newPasswordPage(request, reply);
      case 'enrol':
        return reply.page('more-info', {
          action: `${base}/enrol`,
          cancelAction: `${base}/cancel`,
          laterAction: step.mayPostpone ? `${base}/later` : null,
          mayEnrol: step.mayEnrol,
          client: clientName(view),
          reason: step.needsKey
            ? 'key'
            : view.transaction.proofs.includes('recovery_code')
              ? 'recovery_code'
              : view.transaction.proofs.includes('temporary_pass')
                ? 'temporary_pass'
                : 'first',
        });
      case 'prove':
        return n.showWay(request, reply);
      case 'denied':
        return reply.page('denied', { what: step.what, client: clientName(view), backAction: `${base}/cancel` }, 403);
      case 'ended': {
        const reason = ENDINGS.find((ending) => ending === step.reason) ?? 'cancelled';
        return reply.page('ended', { reason, client: clientName(view), backAction: `${base}/cancel` });
      }
      case 'finish': {
        const seconds = n.signInEnd.mayRemember(view);
        if (!seconds) return n.completing.complete(request, reply);
        const hours = Math.max(1, Math.round(seconds / 3600));
        return reply.page('remember', { action: `${base}/remember`, hours, client: clientName(view) });
      }
    }
  });

  app.post(
    '/interaction/:uid/password',
    {
      config,
      schema: {
        body: z.object({ email: text(1000).default(''), password: z.string().max(4000).default('') }),
      },
    },
    async (request, reply) => {
      const { t } = request;
      const { paused, view } = request.signIn!;
      if (view.transaction.state !== 'open') return reply.redirect(`/interaction/${paused.uid}`, 303);
      const email = request.body.email.trim().slice(0, 254);
      const { password } = request.body;
      if (!email || !password) {
        return passwordPage(
          request,
          reply,
          {
            email,
            emailError: email ? null : t('sign_in.email_missing'),
            passwordError: password ? null : t('sign_in.password_missing'),
          },
          422,
        );
      }
      const verified = await n.signIn.password(paused.uid, email, password, request.origin);
      if (verified.ok) return reply.redirect(`/interaction/${paused.uid}`, 303);
      const { refusal } = verified;
      if (refusal.retryAfterSeconds) reply.header('retry-after', refusal.retryAfterSeconds);
      const error = refusalInWords(t, refusal, 'sign_in.throttled');
      return passwordPage(request, reply, { email, error }, refusal.code === 'wait' ? 429 : 401);
    },
  );

  app.post(
    '/interaction/:uid/passkey',
    { config, schema: { body: z.object({ response: responseField }) } },
    async (request, reply) => {
      const { paused, view: before } = request.signIn!;
      const { uid } = paused;
      if (before.transaction.state !== 'open') return reply.redirect(`/interaction/${uid}`, 303);
      const response = fromField(assertionSchema, request.body.response);
      const verified = response
        ? await n.secondFactor.passkey(uid, response, request.origin)
        : ({ ok: false, refusal: { code: 'key_invalid' } } as const);
      if (verified.ok) {
        const view = await n.signIn.look(uid, request.origin, verified.value);
        return view ? n.completing.goOn(request, reply, view) : reply.redirect(`/interaction/${uid}`, 303);
      }
      return passwordPage(
        request,
        reply,
        { error: refusalInWords(request.t, verified.refusal, 'sign_in.throttled') },
        401,
      );
    },
  );

  app.post(
    '/interaction/:uid/new-password',
    { config, schema: { body: z.object({ password: z.string().max(4000).default('') }) } },
    async (request, reply) => {
      const { paused, view } = request.signIn!;
      const code = linkCookie(request, n.isSecure) ?? '';
      const set = await n.passwordLinks.setPassword(view, code, request.body.password, request.origin);
      if (!set.ok && set.refusal.code !== 'link_invalid')
        return newPasswordPage(request, reply, refusalInWords(request.t, set.refusal, 'sign_in.throttled'));
      if (!set.ok && view.step.step === 'new_password') {
        const { t } = request;
        return reply.page('message', { title: t('link.gone_title'), text: t('link.gone_text'), reference: null }, 410);
      }
      clearLinkCookie(reply, n.isSecure);
      return reply.redirect(`/interaction/${paused.uid}`, 303);
    },
  );

  app.post(
    '/interaction/:uid/remember',
    { config, schema: { body: z.object({ answer: z.enum(['yes', 'no']).default('no') }) } },
    async (request, reply) => {
      const userAgent = (request.headers['user-agent'] ?? '').slice(0, 500);
      const remembered =
        request.body.answer === 'yes'
          ? await n.signInEnd.remember(request.signIn!.view, userAgent, request.origin)
          : undefined;
      if (remembered) setRememberedCookie(reply, n.isSecure, remembered.token, remembered.seconds);
      return n.completing.complete(request, reply);
    },
  );

  app.post('/interaction/:uid/later', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    await n.signInEnd.postpone(view, request.origin);
    return reply.redirect(`/interaction/${paused.uid}`, 303);
  });

  app.post('/interaction/:uid/enrol', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    const opened = await n.signIn.enrol(view, request.origin);
    if (!opened) return reply.redirect(`/interaction/${paused.uid}`, 303);
    setBindingCookie(reply, n.bindingCookie, opened.token, opened.ttlSeconds);
    const needsKey = view.step.step === 'enrol' && view.step.needsKey;
    return reply.redirect(needsKey ? '/mfa/setup/key' : '/mfa/setup', 303);
  });

  app.post('/interaction/:uid/cancel', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    await n.signInEnd.cancel(view, request.origin);
    clearLinkCookie(reply, n.isSecure);
    const cannot = view.step.step === 'enrol' && view.step.needsKey;
    const path = await n.interactions.refuse(
      request.raw,
      paused,
      cannot
        ? {
            error: 'unmet_authentication_requirements',
            description: 'the account has nothing that reaches what was asked',
          }
        : { error: 'access_denied', description: 'the person did not sign in' },
    );
    return path === undefined ? reply.page('expired', {}, 400) : reply.redirect(path, 303);
  });
};
