import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Acr } from '../../core/assurance.ts';
import { type Clock, secondsUntil } from '../../core/clock.ts';
import { type ApiCallers, type CallBudget, type CallerRefusal, FRESH_ADMIN_SECONDS } from '../../flow/api-callers.ts';
import { sendProblem } from '../problems.ts';
import type { Endpoint } from './endpoint.ts';

/** What to say to whoever does not get in, and what would help. */
const REFUSALS: Readonly<Record<Exclude<CallerRefusal, 'too_many_calls'>, { status: number; detail: string }>> = {
  missing_token: { status: 401, detail: 'Send an access token: Authorization: Bearer or DPoP.' },
  invalid_token: { status: 401, detail: 'The access token is not one for this API, has expired or was revoked.' },
  invalid_dpop_proof: {
    status: 401,
    detail: 'The DPoP proof is not by the token’s key, for this call, made now and new.',
  },
  insufficient_user_authentication: { status: 401, detail: 'The person must sign in again, more strongly.' },
  no_role: { status: 403, detail: 'This person administers nothing here.' },
};

/** Guards one endpoint: a token that is good, and says enough (RFC 6750, RFC 9449, RFC 9470). */
export function createApiGuard(n: { callers: ApiCallers; clock: Clock; adminAcr: Acr }) {
  const challenge = (reply: FastifyReply, error: string | undefined, more: Record<string, string> = {}): void => {
    const fields = Object.entries({ realm: 'dubbelslot', ...(error ? { error } : {}), ...more })
      .map(([name, value]) => `${name}="${value}"`)
      .join(', ');
    reply.header('www-authenticate', `Bearer ${fields}, DPoP algs="ES256", ${fields}`);
  };
  const budgetHeaders = (reply: FastifyReply, { limit, left, endsAt }: CallBudget): void => {
    reply.header('ratelimit-policy', `"api";q=${limit};w=60`);
    reply.header('ratelimit', `"api";r=${Math.max(0, left)};t=${secondsUntil(n.clock.now(), endsAt)}`);
  };

  return (e: Endpoint) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { authorization, dpop } = request.headers;
    const [path = ''] = request.url.split('?');
    const found = await n.callers.recognise({
      authorization,
      proof: typeof dpop === 'string' ? dpop : undefined,
      method: request.method,
      path,
      ip: request.ip,
      requestId: request.id,
    });
    if (found.budget) budgetHeaders(reply, found.budget);
    if (!found.ok) {
      if (found.refusal === 'too_many_calls') {
        const seconds = found.budget ? secondsUntil(n.clock.now(), found.budget.endsAt) : 60;
        reply.header('retry-after', seconds);
        return sendProblem(reply, 429, 'too_many_calls', { retryAfterSeconds: seconds });
      }
      const { status, detail } = REFUSALS[found.refusal];
      if (status === 401) {
        const isTooWeak = found.refusal === 'insufficient_user_authentication';
        challenge(
          reply,
          found.refusal === 'missing_token' ? undefined : found.refusal,
          isTooWeak ? { acr_values: n.adminAcr } : {},
        );
      }
      return sendProblem(reply, status, found.refusal, { detail });
    }
    const { caller } = found;
    if (!caller.permissions.has(e.permission)) {
      challenge(reply, 'insufficient_scope', { scope: e.permission });
      return sendProblem(reply, 403, 'insufficient_scope', {
        detail: `This takes the scope ${e.permission}, and for a person a role that includes it.`,
      });
    }
    if (e.isDangerous && !caller.isFresh) {
      challenge(reply, 'insufficient_user_authentication', {
        acr_values: n.adminAcr,
        max_age: String(FRESH_ADMIN_SECONDS),
      });
      return sendProblem(reply, 401, 'insufficient_user_authentication', {
        detail: 'For this the person must have signed in within the last ten minutes.',
      });
    }
    request.caller = caller;
    return undefined;
  };
}
