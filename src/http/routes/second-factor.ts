import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Organisation } from '../../core/organisation.ts';
import type { Refusal, Result } from '../../core/refusals.ts';
import type { Approvals, PushBudget } from '../../flow/approvals.ts';
import { RECOVERY_WAYS, type Way } from '../../flow/next-step.ts';
import type { SecondFactor } from '../../flow/second-factor.ts';
import type { SignIn } from '../../flow/sign-in.ts';
import type { Waiting } from '../../flow/waiting.ts';
import type { Translate } from '../../i18n/translate.ts';
import type { LoginTransaction } from '../../store/login-transactions.ts';
import type { Completing } from '../completing.ts';
import type { EventStreams } from '../event-stream.ts';
import { qrSvg } from '../qr.ts';
import { storeAppState } from '../store-app-state.ts';
import { text } from '../text.ts';
import { preferredWay, rememberWay, WAY_PATHS } from '../ways.ts';
import { assertionSchema, fromField, responseField } from '../webauthn.ts';
import { refusalInWords, spokenNumber, waitInWords } from '../wording.ts';

export interface SecondFactorRoutesNeeds {
  readonly signIn: SignIn;
  readonly secondFactor: SecondFactor;
  readonly approvals: Approvals;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
  readonly organisation: Organisation;
  readonly isSecure: boolean;
}

export interface SecondFactorFormsNeeds extends SecondFactorRoutesNeeds {
  readonly completing: Completing;
}

/** Draws the page of one way to prove a second factor. */
export type ShowWay = (request: FastifyRequest, reply: FastifyReply, way?: Way) => Promise<FastifyReply>;

type Draw = (request: FastifyRequest, reply: FastifyReply, refusal?: Refusal) => Promise<FastifyReply>;

const statusOf = (refusal: Refusal | undefined): number =>
  refusal === undefined ? 200 : refusal.code === 'wait' ? 429 : 401;

export function createShowWay(n: SecondFactorRoutesNeeds): { show: ShowWay; draw: Readonly<Record<Way, Draw>> } {
  const common = (request: FastifyRequest) => {
    const { paused, view } = request.signIn!;
    const base = `/interaction/${paused.uid}`;
    return {
      client: view.client?.name ?? n.organisation.name,
      waysPath: `${base}/ways`,
      cancelAction: `${base}/cancel`,
    };
  };
  const actionOf = (request: FastifyRequest, way: Way): string =>
    `/interaction/${request.signIn!.paused.uid}/${WAY_PATHS[way]}`;
  const inWords = (request: FastifyRequest, refusal: Refusal | undefined): string | null =>
    refusal ? refusalInWords(request.t, refusal, 'prove.throttled') : null;

  const approve: Draw = async (request, reply, refusal) => {
    const { t } = request;
    const { paused, view } = request.signIn!;
    const sent = view.challenge?.channel === 'companion' ? view.challenge : undefined;
    const waiting = sent && !refusal ? await n.approvals.waiting(sent) : undefined;
    const budget = view.account && !waiting ? await n.approvals.budget(view.account.id, 'sign_in') : undefined;
    const told = refusal ? refusalInWords(t, refusal, 'approve.budget') : expiredInWords(t, budget);
    const base = `/interaction/${paused.uid}`;
    return reply.page(
      'approve',
      {
        ...common(request),
        waiting: waiting
          ? {
              number: waiting.number,
              spoken: spokenNumber(waiting.number),
              qrSvg: await qrSvg(waiting.qrUrl),
              until: request.times.time(waiting.challenge.expiresAt),
              eventsPath: `${base}/events`,
            }
          : null,
        message: waiting ? null : told,
        canSendAgain: !refusal && budget?.may !== 'exhausted',
        againAction: actionOf(request, 'push'),
        herePath: base,
      },
      refusal ? 429 : 200,
    );
  };

  const typed =
    (way: 'totp' | 'recovery_code' | 'temporary_pass'): Draw =>
    async (request, reply, refusal) => {
      const { paused, view } = request.signIn!;
      const { step } = view;
      const mayPostpone = step.step === 'prove' && step.mayPostpone;
      return reply.page(
        'typed',
        {
          ...common(request),
          way,
          action: actionOf(request, way),
          error: inWords(request, refusal),
          laterAction: mayPostpone ? `/interaction/${paused.uid}/later` : null,
          hasNoneLeft: !mayPostpone && step.step === 'prove' && step.ways.every((each) => RECOVERY_WAYS.includes(each)),
        },
        statusOf(refusal),
      );
    };

  const storeApp: Draw = async (request, reply, refusal) => {
    const { paused, view } = request.signIn!;
    const base = `/interaction/${paused.uid}`;
    const { client, waysPath, cancelAction } = common(request);
    return reply.page(
      'store-app',
      {
        ...(await storeAppState(n.approvals, view.challenge, view.account?.id, 'sign_in', request, refusal)),
        isTest: false,
        client,
        eventsPath: `${base}/events`,
        herePath: actionOf(request, 'store_app'),
        codeAction: `${actionOf(request, 'store_app')}/code`,
        againAction: actionOf(request, 'store_app'),
        waysPath,
        cancelAction,
      },
      statusOf(refusal),
    );
  };

  const key: Draw = async (request, reply, refusal) =>
    reply.page(
      'key',
      {
        ...common(request),
        action: actionOf(request, 'webauthn'),
        options: JSON.stringify(await n.secondFactor.keyOptions(request.signIn!.view)),
        error: inWords(request, refusal),
      },
      statusOf(refusal),
    );

  const draw = {
    push: approve,
    store_app: storeApp,
    webauthn: key,
    totp: typed('totp'),
    recovery_code: typed('recovery_code'),
    temporary_pass: typed('temporary_pass'),
  };

  return {
    draw,
    async show(request, reply, chosen) {
      const { paused, view } = request.signIn!;
      if (view.step.step !== 'prove') return reply.redirect(`/interaction/${paused.uid}`, 303);
      const way = chosen ?? preferredWay(request, view.step.ways);
      // The phone is asked once by itself; again only when the person says so.
      const channel = way === 'push' ? 'companion' : way === 'store_app' ? 'store_app' : undefined;
      if (channel && view.challenge?.channel !== channel) {
        const asked = await n.signIn.askApproval(view, request.origin, !view.challenge, channel);
        request.signIn!.view = (await n.signIn.look(paused.uid, request.origin)) ?? view;
        return draw[way](request, reply, asked.ok ? undefined : asked.refusal);
      }
      return draw[way](request, reply);
    },
  };
}

/** Proving a second factor: each way has its page, and its form. */
export const secondFactorRoutes: FastifyPluginAsyncZod<SecondFactorFormsNeeds> = async (app, n) => {
  const config = { guard: 'sign-in' } as const;
  const { show, draw } = createShowWay(n);

  /** Whether this way is one that this sign-in may take now. */
  const isOpen = ({ signIn }: FastifyRequest, way: Way): boolean =>
    signIn!.view.step.step === 'prove' && signIn!.view.step.ways.includes(way);
  const base = ({ signIn }: FastifyRequest): string => `/interaction/${signIn!.paused.uid}`;

  const answered = async (
    request: FastifyRequest,
    reply: FastifyReply,
    way: Way,
    result: Result<LoginTransaction>,
  ): Promise<FastifyReply> => {
    if (result.ok) return n.completing.goOn(request, reply, n.signIn.goneOn(request.signIn!.view, result.value));
    const { retryAfterSeconds } = result.refusal;
    if (retryAfterSeconds) reply.header('retry-after', retryAfterSeconds);
    return draw[way](request, reply, result.refusal);
  };

  for (const [way, path] of Object.entries(WAY_PATHS) as [Way, string][]) {
    app.get(`/interaction/:uid/${path}`, { config }, async (request, reply) => {
      if (!isOpen(request, way)) return reply.redirect(base(request), 303);
      if (!RECOVERY_WAYS.includes(way)) rememberWay(reply, way, n.isSecure);
      // An approval goes on from the sign-in's own address, where the laptop waits.
      return way === 'push' ? reply.redirect(base(request), 303) : show(request, reply, way);
    });
  }

  app.get('/interaction/:uid/ways', { config }, async (request, reply) => {
    const { paused, view } = request.signIn!;
    if (view.step.step !== 'prove') return reply.redirect(base(request), 303);
    return reply.page('ways', {
      client: view.client?.name ?? n.organisation.name,
      ways: view.step.ways.map((way) => ({ way, path: `/interaction/${paused.uid}/${WAY_PATHS[way]}` })),
      cancelAction: `/interaction/${paused.uid}/cancel`,
    });
  });

  app.post('/interaction/:uid/approve', { config }, async (request, reply) => {
    if (!isOpen(request, 'push')) return reply.redirect(base(request), 303);
    const asked = await n.signIn.askApproval(request.signIn!.view, request.origin, false);
    return asked.ok ? reply.redirect(base(request), 303) : answered(request, reply, 'push', asked);
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

  app.post('/interaction/:uid/store-app', { config }, async (request, reply) => {
    if (!isOpen(request, 'store_app')) return reply.redirect(base(request), 303);
    const asked = await n.signIn.askApproval(request.signIn!.view, request.origin, false, 'store_app');
    return asked.ok ? reply.redirect(`${base(request)}/store-app`, 303) : answered(request, reply, 'store_app', asked);
  });

  const codeBody = { config, schema: { body: z.object({ code: text(200).default('') }) } };
  app.post('/interaction/:uid/code', codeBody, async (request, reply) => {
    if (!isOpen(request, 'totp')) return reply.redirect(base(request), 303);
    const { view } = request.signIn!;
    return answered(request, reply, 'totp', await n.secondFactor.totp(view, request.body.code, request.origin));
  });
  app.post('/interaction/:uid/store-app/code', codeBody, async (request, reply) => {
    if (!isOpen(request, 'store_app')) return reply.redirect(base(request), 303);
    const used = await n.signIn.appCode(request.signIn!.view, request.body.code, request.origin);
    // What was wrong too often has ended the sign-in, and its own page says so.
    const isOver = !used.ok && (used.refusal.code === 'challenge_closed' || used.refusal.triesLeft === 0);
    return isOver ? reply.redirect(base(request), 303) : answered(request, reply, 'store_app', used);
  });
  app.post('/interaction/:uid/recovery', codeBody, async (request, reply) => {
    if (!isOpen(request, 'recovery_code')) return reply.redirect(base(request), 303);
    const used = await n.secondFactor.recoveryCode(request.signIn!.view, request.body.code, request.origin);
    return answered(request, reply, 'recovery_code', used);
  });
  app.post('/interaction/:uid/pass', codeBody, async (request, reply) => {
    if (!isOpen(request, 'temporary_pass')) return reply.redirect(base(request), 303);
    const used = await n.secondFactor.temporaryPass(request.signIn!.view, request.body.code, request.origin);
    return answered(request, reply, 'temporary_pass', used);
  });

  app.post(
    '/interaction/:uid/key',
    { config, schema: { body: z.object({ response: responseField }) } },
    async (request, reply) => {
      if (!isOpen(request, 'webauthn')) return reply.redirect(base(request), 303);
      const response = fromField(assertionSchema, request.body.response);
      const { view } = request.signIn!;
      return answered(
        request,
        reply,
        'webauthn',
        response
          ? await n.secondFactor.key(view, response, request.origin)
          : { ok: false, refusal: { code: 'key_invalid' } },
      );
    },
  );
};

/** Why there is nothing to wait for, and when a new notification may be sent. */
function expiredInWords(t: Translate, budget: PushBudget | undefined): string {
  if (budget?.may === 'exhausted') return t('approve.exhausted');
  return budget?.may === 'wait' ? `${t('approve.expired')} ${waitInWords(t, budget.seconds)}` : t('approve.expired');
}
