import type { FastifyRequest } from 'fastify';
import type { HistoryAction } from '../flow/my-account.ts';
import type { MessageKey } from '../i18n/translate.ts';
import { PORTAL_CLIENT_ID } from '../oidc/portal-client.ts';
import type { RecordedEvent } from '../store/audit.ts';

/** What a person reads of an event, when it went well and when it was refused. */
const SENTENCES: Readonly<Record<HistoryAction, readonly [success: MessageKey, refused: MessageKey]>> = {
  'sign_in.completed': ['history.signed_in', 'history.signed_in'],
  'password.verified': ['history.password_right', 'history.password_wrong'],
  'code.verified': ['history.code_right', 'history.code_wrong'],
  'key.verified': ['history.key_right', 'history.key_wrong'],
  'recovery_code.used': ['history.recovery_right', 'history.recovery_wrong'],
  'temporary_pass.issued': ['history.pass_issued', 'history.pass_issued'],
  'temporary_pass.used': ['history.pass_right', 'history.pass_wrong'],
  'challenge.denied': ['history.denied', 'history.denied'],
  'challenge.reported': ['history.reported', 'history.reported'],
  'challenge.wrong_number': ['history.wrong_number', 'history.wrong_number'],
  'authenticator.activated': ['history.added', 'history.added'],
  'authenticator.removed': ['history.removed', 'history.remove_refused'],
  'authenticator.disabled': ['history.disabled', 'history.disabled'],
  'transfer.approved': ['history.transferred', 'history.transfer_refused'],
  'recovery_codes.issued': ['history.codes', 'history.codes'],
  'password.set': ['history.password_set', 'history.password_set'],
  'account.reset': ['history.reset', 'history.reset'],
  'account.push_frozen': ['history.secured', 'history.secured'],
  'session.ended': ['history.ended', 'history.ended'],
  'browser.remembered': ['history.remembered', 'history.remembered'],
  'browser.forgotten': ['history.forgotten', 'history.forgotten'],
  'enrolment.postponed': ['history.postponed', 'history.postponed'],
};

/** What may have been somebody else's doing. */
const REPORTABLE: readonly string[] = [
  'sign_in.completed',
  'recovery_code.used',
  'temporary_pass.used',
  'authenticator.activated',
  'authenticator.removed',
  'transfer.approved',
  'recovery_codes.issued',
  'password.set',
];
export const isReportable = ({ action, result }: RecordedEvent): boolean =>
  result === 'success' && REPORTABLE.includes(action);

/** An event in plain words: what, when and from where. */
export function eventInWords(
  event: RecordedEvent,
  { t, times }: Pick<FastifyRequest, 't' | 'times'>,
  clientNames: ReadonlyMap<string, string>,
  placeOf: (ip: string) => string | null,
): { text: string; time: string; where: string | null; isBad: boolean } {
  const [success, refused] = SENTENCES[event.action as HistoryAction];
  const detail = (event.detail ?? {}) as { label?: string; browser?: string; context?: { browser?: string } };
  const clientId = event.object.startsWith('client:') ? event.object.slice('client:'.length) : '';
  const client = clientId === PORTAL_CLIENT_ID ? t('account.title') : (clientNames.get(clientId) ?? clientId);
  const isOurs = ['system', 'cli', 'test'].includes(event.origin);
  const where = [detail.browser, isOurs ? null : event.origin, isOurs ? null : placeOf(event.origin)];
  return {
    text: t(event.result === 'success' ? success : refused, { client, label: detail.label ?? '' }),
    time: times.dateTime(event.at),
    where: where.filter(Boolean).join(' · ') || null,
    isBad: event.result !== 'success' || ['challenge.denied', 'challenge.reported'].includes(event.action),
  };
}
