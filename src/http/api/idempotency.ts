import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import type { IdempotentCalls } from '../../store/idempotent-calls.ts';
import { sendProblem } from '../problems.ts';
import type { Endpoint } from './endpoint.ts';

/** The headers of an answer that belong to it when it is sent again. */
export const keptHeaders = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(
    ['location', 'etag'].flatMap((name) => {
      const value = reply.getHeader(name);
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );

const KEY = /^[\x21-\x7e]{1,255}$/;

/** A creating call that names itself is done once: sent again, it gets the same answer (draft-ietf-httpapi-idempotency-key). */
export function createIdempotency(calls: IdempotentCalls, clock: Clock) {
  return async (
    e: Endpoint,
    request: FastifyRequest,
    reply: FastifyReply,
    work: () => Promise<FastifyReply>,
  ): Promise<FastifyReply> => {
    const named = request.headers['idempotency-key'];
    if (!e.isCreating || named === undefined) return work();
    if (typeof named !== 'string' || !KEY.test(named))
      return sendProblem(reply, 400, 'invalid_request', {
        detail: 'An Idempotency-Key has 1 to 255 visible characters.',
      });
    // Whose it is counts too: nobody reads another one's answers.
    const key = `${request.caller!.by.actor} ${named}`;
    const known = await calls.begin(
      key,
      `${request.method} ${request.url} ${e.consumes ? request.headers['content-length'] : JSON.stringify(request.body ?? null)}`,
      clock.now(),
    );
    if (known === 'busy')
      return sendProblem(reply, 409, 'idempotency_key_busy', {
        detail: 'The first call with this key is not finished. If it was cut off, look whether it was done.',
      });
    if (known === 'other')
      return sendProblem(reply, 422, 'idempotency_key_reused', { detail: 'This key belongs to another request.' });
    if (known !== 'new')
      return reply
        .code(known.status)
        .headers(known.headers)
        .header('idempotency-replayed', 'true')
        .type(`${known.status >= 400 ? 'application/problem+json' : 'application/json'}; charset=utf-8`)
        .send(known.body);
    request.idempotencyKey = key;
    try {
      return await work();
    } catch (error) {
      await calls.forget(key);
      throw error;
    }
  };
}
