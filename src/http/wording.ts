import type { Mistake } from '../core/mistakes.ts';
import type { Refusal, RefusalCode } from '../core/refusals.ts';
import type { WhyRefused } from '../flow/csv-files.ts';
import { mistakeInWords } from '../i18n/mistakes.ts';
import { type MessageKey, type Translate, translator } from '../i18n/translate.ts';

/** How long to wait, in words. */
export function waitInWords(t: Translate, seconds: number): string {
  return seconds < 120
    ? t('common.wait_seconds', { seconds })
    : t('common.wait_minutes', { minutes: Math.ceil(seconds / 60) });
}

const ENGLISH = translator('en');

const SENTENCES: Partial<Record<RefusalCode, MessageKey>> = {
  wrong_credentials: 'sign_in.wrong_credentials',
  recovery_code_wrong: 'recover.wrong',
  temporary_pass_wrong: 'pass.wrong',
  code_wrong: 'code.wrong',
  key_invalid: 'key.invalid',
  key_copied: 'key.copied',
  key_in_use: 'key.in_use',
  key_model_not_allowed: 'key.model_not_allowed',
  authenticator_disabled: 'prove.disabled',
  push_exhausted: 'approve.exhausted',
  push_frozen: 'approve.frozen',
  email_invalid: 'setup.email_invalid',
  group_invalid: 'refusal.group_invalid',
  password_weak: 'setup.password_weak',
  password_common: 'setup.password_common',
  password_personal: 'setup.password_personal',
  link_invalid: 'link.gone_text',
  account_exists: 'setup.account_exists',
  own_account: 'refusal.own_account',
  account_revoked: 'refusal.account_revoked',
  role_too_high: 'refusal.role_too_high',
  version_changed: 'refusal.version_changed',
  account_unknown: 'refusal.account_unknown',
  kept_elsewhere: 'refusal.kept_elsewhere',
  not_revoked: 'refusal.not_revoked',
  last_owner: 'refusal.last_owner',
  reason_missing: 'refusal.reason_missing',
  verification_missing: 'refusal.verification_missing',
  verification_invalid: 'refusal.verification_invalid',
  case_open: 'refusal.case_open',
  case_repeated: 'refusal.case_repeated',
  case_closed: 'refusal.case_closed',
  second_person_same: 'refusal.second_person_same',
  second_person_machine: 'refusal.second_person_machine',
  second_person_keeper: 'refusal.second_person_keeper',
  authenticator_unknown: 'refusal.authenticator_unknown',
  no_authenticator: 'refusal.no_authenticator',
  password_there: 'refusal.password_there',
  address_invalid: 'refusal.address_invalid',
  event_invalid: 'refusal.event_invalid',
  webhook_unknown: 'refusal.gone',
  delivery_unknown: 'refusal.gone',
  alert_unknown: 'refusal.gone',
  case_unknown: 'refusal.gone',
  line_unreadable: 'refusal.line_unreadable',
  value_unknown: 'refusal.value_unknown',
  email_twice: 'refusal.email_twice',
  guest_left_out: 'refusal.guest_left_out',
  role_not_allowed: 'refusal.role_not_allowed',
  import_unknown: 'refusal.gone',
  campaign_unknown: 'refusal.gone',
  campaign_there: 'refusal.campaign_there',
  group_empty: 'refusal.group_empty',
  campaign_ended: 'refusal.campaign_ended',
  name_missing: 'refusal.name_missing',
  dates_invalid: 'refusal.dates_invalid',
  import_closed: 'refusal.import_closed',
  import_too_large: 'refusal.import_too_large',
  import_not_text: 'refusal.import_not_text',
  import_columns: 'refusal.import_columns',
  import_column_unknown: 'refusal.import_column_unknown',
};

/** A refusal as a sentence that says what to do. `waiting` says why there is something to wait for. */
export function refusalInWords(t: Translate, refusal: Refusal, waiting: MessageKey): string {
  if (refusal.code === 'wait') return `${t(waiting)} ${waitInWords(t, refusal.retryAfterSeconds ?? 30)}`;
  return t(SENTENCES[refusal.code] ?? 'error.bad_request_text', { field: refusal.field ?? '' });
}

/** Why a line of an import was refused, with the cell where it is one. */
export function lineInWords(t: Translate, { code, column, value }: WhyRefused): string {
  const why = refusalInWords(t, { code: code as RefusalCode }, 'console.try_later');
  return column === undefined ? why : t('refusal.in_column', { why, column, value: value ?? '' });
}

/** A sentence about what was filled in, and which field it is about. */
export interface FormMistake {
  readonly text: string;
  readonly field?: string | undefined;
}

/** A refusal of what a form was filled in with: every mistake, and its field. */
export const formRefusal = (t: Translate, refusal: Refusal): FormMistake[] =>
  [refusal, ...(refusal.others ?? [])].map((each) => ({
    text: refusalInWords(t, each, 'console.try_later'),
    field: each.field,
  }));

/** Mistakes in a registration or a policy, likewise. */
export const formMistakes = (t: Translate, mistakes: readonly Mistake[]): FormMistake[] =>
  mistakes.map((each) => ({ text: mistakeInWords(t, each), field: each.field }));

/** The same for the log of a program, in English; undefined where the code alone says it. */
export const refusalInEnglish = ({ code, field = '' }: Refusal): string | undefined => {
  const key = SENTENCES[code];
  return key && ENGLISH(key, { field });
};

/** A number as a screen reader should say it: digit by digit. */
export const spokenNumber = (number: string): string => [...number].join(' ');
