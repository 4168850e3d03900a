import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { Organisation } from '../../core/organisation.ts';
import type { TakeAnswer } from '../../flow/answers.ts';
import type { Companion, Phone } from '../../flow/companion.ts';
import type { Transfers, TransferView } from '../../flow/transfer.ts';
import type { Waiting } from '../../flow/waiting.ts';
import type { Challenge } from '../../store/challenges.ts';
import type { EventStreams } from '../event-stream.ts';
import { phoneName } from '../plugins/person.ts';
import { sendRefusal } from '../problems.ts';
import { text, tokenText } from '../text.ts';
import { assertionSchema, attestationSchema } from '../webauthn.ts';

export interface CompanionApiNeeds {
  readonly takeAnswer: TakeAnswer;
  readonly companion: Companion;
  readonly transfers: Transfers;
  readonly waiting: Waiting;
  readonly streams: EventStreams;
  readonly organisation: Organisation;
  readonly vapidPublicKey: string;
  readonly clock: Clock;
}

/** What the companion app calls. Every call but enrolment is signed by a key that is bound to an account. */
export const companionApiRoutes: FastifyPluginAsyncZod<CompanionApiNeeds> = async (app, n) => {
  const open = { public: true, kind: 'json' } as const;
  const phone = { guard: 'phone', kind: 'json' } as const;

  const accountOf = async ({ account, authenticator }: Phone) => ({
    email: account.email,
    displayName: account.displayName,
    organisation: n.organisation.name,
    label: authenticator.label,
    state: authenticator.state,
    isPushFrozen: account.pushFrozenAt !== null,
    vapidPublicKey: n.vapidPublicKey,
    hasGate: authenticator.gate !== null,
    hasSubscription: await n.companion.hasSubscription(authenticator.id),
  });

  /** What a phone may see of a challenge: never the number, never the code. */
  const shown = ({ id, context, contextDigest, numberLength, state, createdAt, expiresAt }: Challenge) => ({
    id,
    context,
    contextDigest,
    numberLength,
    state: state === 'open' && expiresAt <= n.clock.now() ? 'expired' : state,
    createdAt,
    expiresAt,
  });

  app.post(
    '/app/api/enrolments',
    { config: open, schema: { body: z.object({ code: text(100), label: text(200).optional() }) } },
    async (request, reply) => {
      const { dpop } = request.headers;
      const label = request.body.label?.trim() || phoneName(request.headers['user-agent']);
      const enrolled = await n.companion.enrol(
        typeof dpop === 'string' ? dpop : undefined,
        '/app/api/enrolments',
        request.body.code,
        label,
        request.origin,
      );
      if (!enrolled.ok) return sendRefusal(reply, enrolled.refusal);
      const { codeSecret, isTransfer } = enrolled.value;
      return reply.code(201).send({ ...(await accountOf(enrolled.value)), codeSecret, isTransfer });
    },
  );

  app.get('/app/api/account', { config: phone }, async (request) => accountOf(request.phone!));

  app.delete('/app/api/account', { config: phone }, async (request, reply) => {
    await n.companion.remove(request.phone!, request.origin);
    return reply.code(204).send();
  });

  app.put(
    '/app/api/subscription',
    {
      config: phone,
      schema: {
        body: z.object({
          endpoint: text(2000),
          keys: z.object({ p256dh: tokenText(200), auth: tokenText(100) }),
        }),
      },
    },
    async (request, reply) => {
      const { endpoint, keys } = request.body;
      const subscribed = await n.companion.subscribe(request.phone!, { endpoint, ...keys }, request.origin);
      return subscribed.ok ? reply.code(204).send() : sendRefusal(reply, subscribed.refusal);
    },
  );

  app.delete('/app/api/subscription', { config: phone }, async (request, reply) => {
    await n.companion.unsubscribe(request.phone!);
    return reply.code(204).send();
  });

  app.post('/app/api/gate/options', { config: phone }, async (request) => n.companion.offerGate(request.phone!));

  app.put('/app/api/gate', { config: phone, schema: { body: attestationSchema } }, async (request, reply) => {
    const closed = await n.companion.closeGate(request.phone!, request.body, request.origin);
    return closed.ok ? reply.code(204).send() : sendRefusal(reply, closed.refusal);
  });

  app.get('/app/api/challenges', { config: phone }, async (request) => ({
    challenges: (await n.companion.open(request.phone!)).map(shown),
  }));

  app.get('/app/api/history', { config: phone }, async (request) => ({
    challenges: (await n.companion.history(request.phone!)).map(shown),
  }));

  app.get(
    '/app/api/challenges/:id',
    { config: phone, schema: { params: z.object({ id: tokenText(64) }) } },
    async (request, reply) => {
      const found = await n.companion.challenge(request.phone!, request.params.id);
      return found.ok ? shown(found.value) : sendRefusal(reply, found.refusal);
    },
  );

  app.post(
    '/app/api/challenges/lookup',
    { config: phone, schema: { body: z.object({ code: tokenText(64) }) } },
    async (request, reply) => {
      const found = await n.companion.byCode(request.phone!, request.body.code);
      return found.ok ? shown(found.value) : sendRefusal(reply, found.refusal);
    },
  );

  app.post(
    '/app/api/challenges/:id/answer',
    {
      config: phone,
      schema: {
        params: z.object({ id: tokenText(64) }),
        body: z.object({ answer: tokenText(4000), assertion: assertionSchema.optional() }),
      },
    },
    async (request, reply) => {
      const { answer: jws, assertion } = request.body;
      const answered = await n.takeAnswer(request.phone!, request.params.id, { jws, assertion }, request.origin);
      return answered.ok ? { state: answered.value } : sendRefusal(reply, answered.refusal);
    },
  );

  const shownTransfer = ({ id, expiresAt, offer, newPhone }: TransferView) => ({
    id,
    expiresAt,
    qrUrl: offer?.qrUrl ?? null,
    typed: offer?.typed ?? null,
    newPhone: newPhone ?? null,
  });

  app.post('/app/api/transfer', { config: phone }, async (request, reply) => {
    const started = await n.transfers.start(request.phone!, request.origin);
    return started.ok ? reply.code(201).send(shownTransfer(started.value)) : sendRefusal(reply, started.refusal);
  });

  app.get('/app/api/transfer', { config: phone }, async (request) => {
    const transfer = await n.transfers.look(request.phone!);
    return { transfer: transfer ? shownTransfer(transfer) : null };
  });

  app.delete('/app/api/transfer', { config: phone }, async (request, reply) => {
    await n.transfers.cancel(request.phone!, request.origin);
    return reply.code(204).send();
  });

  app.post(
    '/app/api/transfer/approval',
    { config: phone, schema: { body: z.object({ answer: tokenText(4000), assertion: assertionSchema.optional() }) } },
    async (request, reply) => {
      const { answer: jws, assertion } = request.body;
      const approved = await n.transfers.approve(request.phone!, { jws, assertion }, request.origin);
      return approved.ok ? reply.code(204).send() : sendRefusal(reply, approved.refusal);
    },
  );

  app.get('/app/api/events', { config: phone }, (request, reply) => {
    const { account, authenticator } = request.phone!;
    n.streams.open(reply, `phone:${authenticator.id}`, (send) => {
      send('ready');
      return n.waiting.forAccount(account.id, () => send('changed'));
    });
  });
};
