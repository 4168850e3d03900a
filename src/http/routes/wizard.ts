import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Refusal } from '../../core/refusals.ts';
import type { Approvals } from '../../flow/approvals.ts';
import type { Binding, BindingView } from '../../flow/binding.ts';
import type { SignIn } from '../../flow/sign-in.ts';
import type { Waiting } from '../../flow/waiting.ts';
import type { EventStreams } from '../event-stream.ts';
import { qrSvg } from '../qr.ts';
import { codesFile } from '../recovery-codes.ts';
import { text } from '../text.ts';
import { MORE_TIME_PATH, placeOf } from '../wizard-place.ts';
import { refusalInWords, spokenNumber, waitInWords } from '../wording.ts';

export interface WizardRoutesNeeds {
  readonly approvals: Approvals;
  readonly binding: Binding;
  readonly signIn: SignIn;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
  readonly publicUrl: string;
  readonly clock: Clock;
}

/**
 * Enrolment: get the app, scan, test, done. Each step is an address of its own, so that reload, back and a second
 * tab work; a step that is not due yet, or no longer, sends the browser to the one that is.
 */
export const wizardRoutes: FastifyPluginAsyncZod<WizardRoutesNeeds> = async (app, n) => {
  const config = { guard: 'binding' } as const;

  app.get('/mfa/setup', { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    if (place && place !== '/mfa/setup/scan') return reply.redirect(place, 303);
    const url = `${n.publicUrl}/app`;
    return reply.page('wizard-app', {
      qrSvg: await qrSvg(url),
      url,
      nextPath: '/mfa/setup/scan',
      samePath: '/app',
      choosePath: '/mfa/setup/choose',
    });
  });

  app.post(
    MORE_TIME_PATH,
    { config, schema: { body: z.object({ path: text(100).default('') }) } },
    async (request, reply) => {
      const { token, view } = request.binding!;
      await n.binding.moreTime(token, view, request.origin);
      const { path } = request.body;
      const back = /^\/mfa\/setup(\/[a-z-]+)*$/.test(path) ? path : '/mfa/setup';
      return reply.redirect(placeOf(view) ?? back, 303);
    },
  );

  app.get('/mfa/setup/scan', { config }, async (request, reply) => {
    const { view } = request.binding!;
    const place = placeOf(view);
    if (place && place !== '/mfa/setup/scan') return reply.redirect(place, 303);
    const isBound = view.session.state === 'bound' && view.authenticator;
    const offer = isBound ? undefined : await n.binding.offer(view);
    return reply.page('wizard-scan', {
      offer: offer
        ? {
            qrSvg: await qrSvg(offer.qrUrl),
            typed: offer.typed,
            samePath: offer.qrUrl,
            eventsPath: '/mfa/setup/events',
          }
        : null,
      bound: isBound ? { label: view.authenticator!.label, email: view.account.email } : null,
      herePath: '/mfa/setup/scan',
      backPath: '/mfa/setup',
      testAction: '/mfa/setup/test',
      againAction: '/mfa/setup/again',
    });
  });

  app.get('/mfa/setup/events', { config }, (request, reply) => {
    const { token, view } = request.binding!;
    const { test } = view;
    n.streams.open(reply, `binding:${view.session.id}`, (send, end) => {
      const changed = (): void => {
        send('changed');
        end();
      };
      const isTesting = view.session.state === 'bound' && test !== undefined;
      return isTesting ? n.waiting.forChallenge(test.id, changed) : n.waiting.forBinding(token, changed);
    });
  });

  app.post('/mfa/setup/again', { config }, async (request, reply) => {
    const { view } = request.binding!;
    await n.binding.startAgain(view, request.origin);
    const isOurApp = !view.authenticator || view.authenticator.kind === 'push';
    return reply.redirect(isOurApp ? '/mfa/setup/scan' : '/mfa/setup/choose', 303);
  });

  const testPage = async (
    request: FastifyRequest,
    reply: FastifyReply,
    view: BindingView,
    refusal?: Refusal,
  ): Promise<FastifyReply> => {
    const { t } = request;
    const waiting = view.test && !refusal ? await n.approvals.waiting(view.test) : undefined;
    const budget = waiting ? undefined : await n.approvals.budget(view.account.id, 'enrolment_test');
    const wait = budget?.may === 'wait' ? ` ${waitInWords(t, budget.seconds)}` : '';
    return reply.page(
      'wizard-test',
      {
        label: view.authenticator?.label ?? '',
        waiting: waiting
          ? {
              number: waiting.number,
              spoken: spokenNumber(waiting.number),
              until: request.times.time(waiting.challenge.expiresAt),
              eventsPath: '/mfa/setup/events',
            }
          : null,
        message: refusal
          ? refusalInWords(t, refusal, 'approve.budget')
          : !waiting && view.test
            ? t(testMessage(view.test.state)) + wait
            : null,
        canSendAgain: budget?.may !== 'exhausted',
        herePath: '/mfa/setup/test',
        testAction: '/mfa/setup/test',
        againAction: '/mfa/setup/again',
      },
      refusal ? 429 : 200,
    );
  };

  app.get('/mfa/setup/test', { config }, async (request, reply) => {
    const { view } = request.binding!;
    if (view.session.state === 'open' || view.authenticator?.kind !== 'push')
      return reply.redirect(placeOf(view) ?? '/mfa/setup/scan', 303);
    if (await n.binding.completeTest(view, request.origin)) return reply.redirect('/mfa/setup/done', 303);
    return testPage(request, reply, view);
  });

  app.post('/mfa/setup/test', { config }, async (request, reply) => {
    const { view } = request.binding!;
    if (view.authenticator?.kind !== 'push') return reply.redirect(placeOf(view) ?? '/mfa/setup/scan', 303);
    const started = await n.binding.startTest(view, request.origin);
    if (started.ok || started.refusal.code === 'binding_not_ready') return reply.redirect('/mfa/setup/test', 303);
    return testPage(request, reply, view, started.refusal);
  });

  app.get('/mfa/setup/done', { config }, async (request, reply) => {
    const { view } = request.binding!;
    if (view.session.state !== 'tested') return reply.redirect(placeOf(view) ?? '/mfa/setup', 303);
    const codes = await n.binding.recoveryCodes(view, request.origin);
    const { loginUid } = view.session;
    const interrupted = loginUid ? await n.signIn.look(loginUid, request.origin) : undefined;
    const canGoOn = interrupted?.transaction.state === 'open' && interrupted.transaction.expiresAt > n.clock.now();
    return reply.page('wizard-done', {
      kind:
        (['push', 'store_app', 'totp', 'webauthn'] as const).find((kind) => kind === view.authenticator?.kind) ??
        'push',
      label: view.authenticator?.label ?? '',
      codes: codes ?? null,
      codesFile: codes ? codesFile(codes) : null,
      continuePath: canGoOn ? `/interaction/${loginUid}` : '/mfa',
      client: canGoOn ? (interrupted.client?.name ?? null) : null,
    });
  });
};

function testMessage(state: string): 'wizard.test_denied' | 'wizard.test_wrong_number' | 'wizard.test_expired' {
  if (state === 'denied') return 'wizard.test_denied';
  return state === 'wrong_number' ? 'wizard.test_wrong_number' : 'wizard.test_expired';
}
