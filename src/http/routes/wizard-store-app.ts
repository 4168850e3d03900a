import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Refusal } from '../../core/refusals.ts';
import type { Approvals } from '../../flow/approvals.ts';
import type { Binding } from '../../flow/binding.ts';
import type { StoreApp } from '../../flow/store-app.ts';
import { qrSvg } from '../qr.ts';
import { storeAppState } from '../store-app-state.ts';
import { text } from '../text.ts';
import { placeOf } from '../wizard-place.ts';

export interface StoreAppWizardRoutesNeeds {
  readonly approvals: Approvals;
  readonly binding: Binding;
  readonly storeApp: StoreApp;
}

const SCAN = '/mfa/setup/store-app';
const TEST = '/mfa/setup/store-app/test';

/** Enrolment of an app from a store that approves, but must be opened by hand. */
export const storeAppWizardRoutes: FastifyPluginAsyncZod<StoreAppWizardRoutesNeeds> = async (app, n) => {
  const config = { guard: 'binding' } as const;

  app.get(SCAN, { config }, async (request, reply) => {
    const { view } = request.binding!;
    const place = placeOf(view);
    if (place) return reply.redirect(place, 303);
    const address = await n.storeApp.offer(view);
    return reply.page('wizard-store-app', {
      qrSvg: await qrSvg(address),
      address,
      eventsPath: '/mfa/setup/events',
      herePath: SCAN,
      choosePath: '/mfa/setup/choose',
    });
  });

  const testPage = async (request: FastifyRequest, reply: FastifyReply, refusal?: Refusal): Promise<FastifyReply> => {
    const { view } = request.binding!;
    return reply.page(
      'store-app',
      {
        ...(await storeAppState(n.approvals, view.test, view.account.id, 'enrolment_test', request, refusal)),
        isTest: true,
        client: null,
        eventsPath: '/mfa/setup/events',
        herePath: TEST,
        codeAction: `${TEST}/code`,
        againAction: TEST,
        waysPath: null,
        cancelAction: '/mfa/setup/again',
      },
      refusal ? 422 : 200,
    );
  };

  app.get(TEST, { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    return place === TEST ? testPage(request, reply) : reply.redirect(place ?? SCAN, 303);
  });

  app.post(TEST, { config }, async (request, reply) => {
    const { view } = request.binding!;
    const place = placeOf(view);
    if (place !== TEST) return reply.redirect(place ?? SCAN, 303);
    const started = await n.binding.startTest(view, request.origin);
    return started.ok ? reply.redirect(TEST, 303) : testPage(request, reply, started.refusal);
  });

  app.post(
    `${TEST}/code`,
    { config, schema: { body: z.object({ code: text(200).default('') }) } },
    async (request, reply) => {
      const { view } = request.binding!;
      const completed = await n.storeApp.completeTest(view, request.body.code, request.origin);
      if (completed.ok) return reply.redirect('/mfa/setup/done', 303);
      const isOver = completed.refusal.code !== 'code_wrong' || completed.refusal.triesLeft === 0;
      return isOver ? reply.redirect(TEST, 303) : testPage(request, reply, completed.refusal);
    },
  );
};
