import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Refusal } from '../../core/refusals.ts';
import type { Approvals, PushBudget } from '../../flow/approvals.ts';
import type { Binding } from '../../flow/binding.ts';
import type { SignIn, SignInView } from '../../flow/sign-in.ts';
import type { Waiting } from '../../flow/waiting.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { Interactions, PausedSignIn, SignInResult } from '../../oidc/interactions.ts';
import { clearBindingCookie, setBindingCookie } from '../binding-cookie.ts';
import type { EventStreams } from '../event-stream.ts';
import type { PageModels } from '../pages.ts';
import { qrSvg } from '../qr.ts';
import { text } from '../text.ts';
import { refusalInWords, spokenNumber, waitInWords } from '../wording.ts';

export interface SignInRoutesNeeds {
  readonly interactions: Interactions;
  readonly signIn: SignIn;
  readonly approvals: Approvals;
  readonly binding: Binding;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
  readonly organisation: string;
  readonly bindingCookie: { readonly name: string; readonly isSecure: boolean };
}

const ENDINGS = ['denied', 'reported', 'wrong_number', 'cancelled', 'revoked'] as const;

/** A sign-in, step by step: every page is a form first. The order of the steps is `flow/next-step.ts`. */
export const signInRoutes: FastifyPluginAsyncZod<SignInRoutesNeeds> = async (app, n) => {
  const config = { guard: 'sign-in' } as const;
  const clientName = (view: SignInView): string => view.client?.name ?? n.organisation;

  const finish = async (
    request: FastifyRequest,
    reply: FastifyReply,
    paused: PausedSignIn,
    result: SignInResult,
  ): Promise<FastifyReply> => reply.redirect(await n.interactions.finish(request.raw, reply.raw, paused, result), 303);

  const passwordPage = (
    request: FastifyRequest,
    reply: FastifyReply,
    more: Partial<PageModels['sign-in']> = {},
    status = 200,
  ): FastifyReply => {
    const { paused, view } = request.signIn!;
    const model = {
      action: `/interaction/${paused.uid}/password`,
      client: clientName(view),
      isAgain: paused.session !== undefined,
      email: paused.loginHint ?? '',
      error: null,
      emailError: null,
      passwordError: null,
      ...more,
    };
    return reply.page('sign-in', model, status);
  };

  const approvePage = async (
    request: FastifyRequest,
    reply: FastifyReply,
    refusal?: Refusal,
  ): Promise<FastifyReply> => {
    const { t } = request;
    const { paused, view } = request.signIn!;
    const base = `/interaction/${paused.uid}`;
    const waiting = view.challenge && !refusal ? await n.approvals.waiting(view.challenge) : undefined;
    const budget = view.account && !waiting ? await n.approvals.budget(view.account.id, 'sign_in') : undefined;
    const told = refusal ? refusalInWords(t, refusal, 'approve.budget') : expiredInWords(t, budget);
    const message = waiting ? null : told;
    return reply.page(
      'approve',
      {
        client: clientName(view),
        waiting: waiting
          ? {
              number: waiting.number,
              spoken: spokenNumber(waiting.number),
              qrSvg: await qrSvg(waiting.qrUrl),
              until: request.times.time(waiting.challenge.expiresAt),
              eventsPath: `${base}/events`,
            }
          : null,
        message,
        canSendAgain: !refusal && budget?.may !== 'exhausted',
        againAction: `${base}/approve`,
        recoveryPath: `${base}/recovery`,
        cancelAction: `${base}/cancel`,
        herePath: base,
      },
      refusal ? 429 : 200,
    );
  };

  const recoverPage = (
    request: FastifyRequest,
    reply: FastifyReply,
    error: string | null,
    status = 200,
  ): FastifyReply => {
    const { paused, view } = request.signIn!;
    const base = `/interaction/${paused.uid}`;
    return reply.page(
      'recover',
      {
        action: `${base}/recovery`,
        error,
        hasPhone: view.step.step === 'approve',
        phonePath: base,
        cancelAction: `${base}/cancel`,
      },
      status,
    );
  };

  app.get('/interaction/:uid', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    const { step } = view;
    const base = `/interaction/${paused.uid}`;
    switch (step.step) {
      case 'password':
        return passwordPage(request, reply);
      case 'enrol':
        return reply.page('more-info', {
          action: `${base}/enrol`,
          cancelAction: `${base}/cancel`,
          isAfterRecovery: view.transaction.proofs.includes('recovery_code'),
        });
      case 'recover':
        return recoverPage(request, reply, null);
      case 'unreachable':
        return reply.page('unreachable', { client: clientName(view), backAction: `${base}/cancel` });
      case 'ended': {
        const reason = ENDINGS.find((ending) => ending === step.reason) ?? 'cancelled';
        return reply.page('ended', { reason, client: clientName(view), backAction: `${base}/cancel` });
      }
      case 'finish': {
        const { acr, amr } = step.assurance;
        await n.signIn.finished(view, acr ?? '', request.origin);
        clearBindingCookie(reply, n.bindingCookie);
        return finish(request, reply, paused, {
          accountId: view.transaction.accountId!,
          acr: acr!,
          amr,
          authTime: view.transaction.authTime ?? new Date(),
        });
      }
      case 'approve': {
        if (view.challenge) return approvePage(request, reply);
        const asked = await n.signIn.askApproval(view, request.origin, true);
        request.signIn!.view = (await n.signIn.look(paused.uid, request.origin)) ?? view;
        return approvePage(request, reply, asked.ok ? undefined : asked.refusal);
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
      const { paused } = request.signIn!;
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

  app.post('/interaction/:uid/enrol', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    if (view.step.step !== 'enrol' || !view.account) return reply.redirect(`/interaction/${paused.uid}`, 303);
    const basis = view.transaction.proofs.includes('recovery_code') ? 'recovery_code' : 'password';
    const opened = await n.binding.open(view.account, paused.uid, basis, request.origin);
    setBindingCookie(reply, n.bindingCookie, opened.token, opened.ttlSeconds);
    return reply.redirect('/mfa/setup', 303);
  });

  app.post('/interaction/:uid/approve', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    if (view.step.step !== 'approve') return reply.redirect(`/interaction/${paused.uid}`, 303);
    const asked = await n.signIn.askApproval(view, request.origin, false);
    return asked.ok ? reply.redirect(`/interaction/${paused.uid}`, 303) : approvePage(request, reply, asked.refusal);
  });

  app.get('/interaction/:uid/events', { config }, (request, reply) => {
    const { challenge } = request.signIn!.view;
    n.streams.open(reply, `sign-in:${request.signIn!.paused.uid}`, (send, end) => {
      const changed = (): void => {
        send('changed');
        end();
      };
      if (!challenge) {
        changed();
        return () => {};
      }
      return n.waiting.forChallenge(challenge.id, changed);
    });
  });

  app.get('/interaction/:uid/recovery', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    if (view.step.step !== 'approve' && view.step.step !== 'recover')
      return reply.redirect(`/interaction/${paused.uid}`, 303);
    return recoverPage(request, reply, null);
  });

  app.post(
    '/interaction/:uid/recovery',
    { config, schema: { body: z.object({ code: text(200).default('') }) } },
    async (request, reply) => {
      const { paused, view } = request.signIn!;
      if (view.step.step !== 'approve' && view.step.step !== 'recover')
        return reply.redirect(`/interaction/${paused.uid}`, 303);
      const used = await n.signIn.recoveryCode(view, request.body.code, request.origin);
      if (used.ok) return reply.redirect(`/interaction/${paused.uid}`, 303);
      const isWait = used.refusal.code === 'wait';
      return recoverPage(
        request,
        reply,
        refusalInWords(request.t, used.refusal, 'sign_in.throttled'),
        isWait ? 429 : 401,
      );
    },
  );

  app.post('/interaction/:uid/cancel', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    await n.signIn.cancel(view, request.origin);
    return finish(
      request,
      reply,
      paused,
      view.step.step === 'unreachable'
        ? {
            error: 'unmet_authentication_requirements',
            description: 'the account has nothing that reaches what was asked',
          }
        : { error: 'access_denied', description: 'the person did not sign in' },
    );
  });
};

/** Why there is nothing to wait for, and when a new notification may be sent. */
function expiredInWords(t: Translate, budget: PushBudget | undefined): string {
  if (budget?.may === 'exhausted') return t('approve.exhausted');
  return budget?.may === 'wait' ? `${t('approve.expired')} ${waitInWords(t, budget.seconds)}` : t('approve.expired');
}
