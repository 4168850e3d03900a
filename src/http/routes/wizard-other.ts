import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Refusal } from '../../core/refusals.ts';
import type { CodeBinding } from '../../flow/binding-code.ts';
import type { KeyBinding } from '../../flow/binding-key.ts';
import { qrSvg } from '../qr.ts';
import { text } from '../text.ts';
import { assertionSchema, attestationSchema, fromField, responseField } from '../webauthn.ts';
import { placeOf } from '../wizard-place.ts';
import { refusalInWords } from '../wording.ts';

export interface OtherWizardRoutesNeeds {
  readonly codeBinding: CodeBinding;
  readonly keyBinding: KeyBinding;
}

/** Enrolment of something else than our own app: an app that shows codes, a security key, a passkey. */
export const otherWizardRoutes: FastifyPluginAsyncZod<OtherWizardRoutesNeeds> = async (app, n) => {
  const config = { guard: 'binding' } as const;
  const inWords = (request: FastifyRequest, refusal: Refusal | undefined): string | null =>
    refusal ? refusalInWords(request.t, refusal, 'prove.throttled') : null;

  app.get('/mfa/setup/choose', { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    if (place) return reply.redirect(place, 303);
    return reply.page('wizard-choose', {
      appPath: '/mfa/setup',
      codePath: '/mfa/setup/code',
      keyPath: '/mfa/setup/key',
      storeAppPath: '/mfa/setup/store-app',
    });
  });

  const codePage = async (request: FastifyRequest, reply: FastifyReply, refusal?: Refusal): Promise<FastifyReply> => {
    const { view } = request.binding!;
    const { address, secret } = await n.codeBinding.offer(view);
    return reply.page(
      'wizard-code',
      {
        qrSvg: await qrSvg(address),
        address,
        secret: secret.match(/.{1,4}/g)?.join(' ') ?? secret,
        email: view.account.email,
        action: '/mfa/setup/code',
        error: inWords(request, refusal),
        choosePath: '/mfa/setup/choose',
      },
      refusal ? 422 : 200,
    );
  };

  app.get('/mfa/setup/code', { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    return place ? reply.redirect(place, 303) : codePage(request, reply);
  });

  app.post(
    '/mfa/setup/code',
    { config, schema: { body: z.object({ code: text(200).default('') }) } },
    async (request, reply) => {
      const { view } = request.binding!;
      const label = request.t('wizard.code_label');
      const bound = await n.codeBinding.bind(view, request.body.code, label, request.origin);
      if (bound.ok) return reply.redirect('/mfa/setup/done', 303);
      if (bound.refusal.code === 'binding_not_ready') return reply.redirect('/mfa/setup/code', 303);
      return codePage(request, reply, bound.refusal);
    },
  );

  const keyPage = async (request: FastifyRequest, reply: FastifyReply, refusal?: Refusal): Promise<FastifyReply> =>
    reply.page(
      'wizard-key',
      {
        options: JSON.stringify(await n.keyBinding.offer(request.binding!.view)),
        action: '/mfa/setup/key',
        error: inWords(request, refusal),
        choosePath: '/mfa/setup/choose',
      },
      refusal ? 422 : 200,
    );

  app.get('/mfa/setup/key', { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    return place ? reply.redirect(place, 303) : keyPage(request, reply);
  });

  app.post(
    '/mfa/setup/key',
    { config, schema: { body: z.object({ response: responseField }) } },
    async (request, reply) => {
      const response = fromField(attestationSchema, request.body.response);
      if (!response) return keyPage(request, reply, { code: 'key_invalid' });
      const label = request.t('wizard.key_label');
      const bound = await n.keyBinding.bind(request.binding!.view, response, label, request.origin);
      if (bound.ok) return reply.redirect('/mfa/setup/key/test', 303);
      if (bound.refusal.code === 'binding_not_ready') return reply.redirect('/mfa/setup/key', 303);
      return keyPage(request, reply, bound.refusal);
    },
  );

  const testPage = async (request: FastifyRequest, reply: FastifyReply, refusal?: Refusal): Promise<FastifyReply> => {
    const { view } = request.binding!;
    return reply.page(
      'wizard-key-test',
      {
        label: view.authenticator?.label ?? '',
        options: JSON.stringify(await n.keyBinding.testOptions(view)),
        action: '/mfa/setup/key/test',
        error: inWords(request, refusal),
        againAction: '/mfa/setup/again',
      },
      refusal ? 422 : 200,
    );
  };

  app.get('/mfa/setup/key/test', { config }, async (request, reply) => {
    const place = placeOf(request.binding!.view);
    return place === '/mfa/setup/key/test' ? testPage(request, reply) : reply.redirect(place ?? '/mfa/setup/key', 303);
  });

  app.post(
    '/mfa/setup/key/test',
    { config, schema: { body: z.object({ response: responseField }) } },
    async (request, reply) => {
      const response = fromField(assertionSchema, request.body.response);
      if (!response) return testPage(request, reply, { code: 'key_invalid' });
      const tested = await n.keyBinding.test(request.binding!.view, response, request.origin);
      if (tested.ok) return reply.redirect('/mfa/setup/done', 303);
      if (tested.refusal.code === 'binding_not_ready') return reply.redirect('/mfa/setup/key', 303);
      return testPage(request, reply, tested.refusal);
    },
  );
};
