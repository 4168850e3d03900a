import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { StoreApp } from '../../flow/store-app.ts';
import type { Translate } from '../../i18n/translate.ts';
import { text } from '../text.ts';

export interface StoreAppRoutesNeeds {
  readonly storeApp: StoreApp;
}

/** The app reads its answers in this envelope, and nothing else. */
const envelope = (value: unknown, detail?: Record<string, unknown>) => ({
  jsonrpc: '2.0',
  id: 1,
  result: { status: true, value },
  ...(detail ? { detail } : {}),
});
const refusal = (reply: FastifyReply, message: string) =>
  reply.code(400).send({ jsonrpc: '2.0', id: 1, result: { status: false, error: { code: 905, message } } });

/** What the store app calls. It knows one address; every call but enrolment is signed by the phone's key. */
export const storeAppRoutes: FastifyPluginAsyncZod<StoreAppRoutesNeeds> = async (app, n) => {
  const config = { public: true, kind: 'json' } as const;
  const field = text(200).optional();
  const signature = text(3000).optional();

  app.get(
    '/ttype/push',
    { config, schema: { querystring: z.object({ serial: field, timestamp: field, signature }) } },
    async (request, reply) => {
      const { serial = '', timestamp = '', signature: signed = '' } = request.query;
      const waiting = await n.storeApp.poll(serial, timestamp, signed);
      return waiting.ok ? envelope(waiting.value) : refusal(reply, request.t('store_app.not_known'));
    },
  );

  const body = z
    .object({
      serial: field,
      nonce: field,
      signature,
      timestamp: field,
      decline: field,
      decline_reason: field,
      enrollment_credential: field,
      pubkey: text(4000).optional(),
      new_fb_token: text(500).optional(),
    })
    .nullish();

  app.post('/ttype/push', { config, schema: { body } }, async (request, reply) => {
    const { t } = request;
    const sent = request.body ?? {};
    const { serial = '', signature: signed = '' } = sent;
    if (sent.enrollment_credential && sent.pubkey) {
      const enrolled = await n.storeApp.enrol(serial, sent.enrollment_credential, sent.pubkey, request.origin);
      if (!enrolled.ok) return refusal(reply, enrolmentInWords(t, enrolled.refusal.code));
      return envelope(true, { public_key: enrolled.value.publicKey, serial, rollout_state: 'enrolled' });
    }
    if (sent.new_fb_token !== undefined) {
      const { timestamp = '', new_fb_token: token } = sent;
      return (await n.storeApp.isUpdateGenuine(serial, timestamp, token, signed))
        ? envelope(true)
        : refusal(reply, t('store_app.not_known'));
    }
    // On iOS the app sends an empty form first, to see whether there is a network: any answer will do.
    if (!sent.nonce) return refusal(reply, t('error.bad_request_text'));
    const answered = await n.storeApp.answer(
      {
        serial,
        nonce: sent.nonce,
        signature: signed,
        isDecline: sent.decline !== undefined,
        declineReason: sent.decline_reason,
      },
      request.origin,
    );
    if (answered.ok) {
      const { code } = answered.value;
      return envelope(true, code ? { display_code: code, message: t('store_app.type_code') } : {});
    }
    // The app takes any JSON for success; a short plain text is shown, and the request stays.
    return reply.code(409).type('text/plain; charset=utf-8').send(t('store_app.too_late'));
  });
};

function enrolmentInWords(t: Translate, code: string): string {
  if (code === 'enrolment_code_used') return t('companion.error_code_used');
  return code === 'enrolment_code_expired' ? t('companion.error_code_expired') : t('companion.error_code_unknown');
}
