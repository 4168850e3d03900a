import type { Refusal, RefusalCode } from '../core/refusals.ts';
import type { MessageKey, Translate } from '../i18n/translate.ts';

/** How long to wait, in words. */
export function waitInWords(t: Translate, seconds: number): string {
  return seconds < 120
    ? t('common.wait_seconds', { seconds })
    : t('common.wait_minutes', { minutes: Math.ceil(seconds / 60) });
}

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
  password_weak: 'setup.password_weak',
  password_common: 'setup.password_common',
  password_personal: 'setup.password_personal',
  link_invalid: 'link.gone_text',
  account_exists: 'setup.account_exists',
};

/** A refusal as a sentence that says what to do. `waiting` says why there is something to wait for. */
export function refusalInWords(t: Translate, refusal: Refusal, waiting: MessageKey): string {
  if (refusal.code === 'wait') return `${t(waiting)} ${waitInWords(t, refusal.retryAfterSeconds ?? 30)}`;
  return t(SENTENCES[refusal.code] ?? 'error.bad_request_text');
}

/** A number as a screen reader should say it: digit by digit. */
export const spokenNumber = (number: string): string => [...number].join(' ');
