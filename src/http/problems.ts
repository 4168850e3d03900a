import type { FastifyReply } from 'fastify';
import type { Refusal, RefusalCode } from '../core/refusals.ts';

/** Problem details (RFC 9457). `code` is stable and what a program acts on; `title` is for whoever reads a log. */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  code: string,
  more: Record<string, unknown>,
): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json; charset=utf-8')
    .send(
      JSON.stringify({
        type: `urn:dubbelslot:problem:${code}`,
        title: code.replaceAll('_', ' '),
        status,
        code,
        reference: reply.request.id,
        ...more,
      }),
    );
}

const STATUS: Partial<Record<RefusalCode, number>> = {
  proof_invalid: 401,
  proof_replayed: 401,
  proof_time: 401,
  authenticator_unknown: 401,
  enrolment_code_unknown: 404,
  enrolment_code_used: 409,
  enrolment_code_expired: 410,
  key_in_use: 409,
  challenge_unknown: 404,
  challenge_closed: 409,
  transfer_not_ready: 409,
  challenge_expired: 410,
  push_frozen: 403,
  account_unknown: 404,
  case_unknown: 404,
  webhook_unknown: 404,
  delivery_unknown: 404,
  alert_unknown: 404,
  import_unknown: 404,
  import_closed: 409,
  campaign_unknown: 404,
  campaign_there: 409,
  campaign_ended: 409,
  import_too_large: 413,
  account_exists: 409,
  case_open: 409,
  case_repeated: 409,
  case_closed: 409,
  last_owner: 409,
  kept_elsewhere: 409,
  not_revoked: 409,
  password_there: 409,
  no_authenticator: 409,
  push_exhausted: 409,
  own_account: 403,
  role_too_high: 403,
  second_person_same: 403,
  second_person_machine: 403,
  second_person_keeper: 403,
  version_changed: 412,
  wait: 429,
};

/** @param inWords what a code means, for whoever reads a log */
export function sendRefusal(
  reply: FastifyReply,
  refusal: Refusal,
  inWords: (refusal: Refusal) => string | undefined = () => undefined,
): FastifyReply {
  const { code, field, others, authenticatorId: _unshown, ...more } = refusal;
  const detail = inWords(refusal);
  const errors = [refusal, ...(others ?? [])].flatMap((each) =>
    each.field ? [{ path: `/${each.field}`, message: inWords(each) ?? each.code }] : [],
  );
  if (refusal.retryAfterSeconds) reply.header('retry-after', refusal.retryAfterSeconds);
  return sendProblem(reply, STATUS[code] ?? 422, code, {
    ...(detail ? { detail } : {}),
    ...(errors.length > 0 ? { errors } : {}),
    ...more,
  });
}
